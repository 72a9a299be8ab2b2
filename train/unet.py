"""The editing model: UNet and text encoder trained together on latents, as InstructPix2Pix does.

The UNet sees noisy latents beside the latents of the picture to edit and predicts v (Salimans and
Ho 2022, appendix D) under a noise schedule that ends in pure noise (Lin et al. 2023, section 3.1).
There v is minus the edited picture, so that a single step already gives it: most samples are drawn
at that end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel

from train.changes import NOUNS
from train.loop import Progress
from train.recipe import UNetRecipe
from train.stream import LAST_TIMESTEP, Batch

# Squared change, as a mean over the latents of a pair, that counts as much as no change at all.
_LEAST_CHANGE: Final = 0.05
_OTHERS_WEIGHT: Final = 0.4
_GROUNDING_SHARE: Final = 0.4
_BACKGROUND_WEIGHT: Final = 0.05
_REGION_WEIGHT: Final = 4.0
# Layers that read or write something other than features.
_OUTER: Final = ("conv_in", "conv_out", "embedding", "head")


def build_scheduler() -> DDIMScheduler:
    """The noise schedule of training, and the default sampler of the checkpoint."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )


def build_unet(recipe: UNetRecipe, latent_channels: int, text_width: int) -> UNet2DConditionModel:
    """A fresh UNet, ``2 * latent_channels`` in (noisy, then picture) and ``latent_channels``
    out; cross-attention to the text where ``recipe.attention`` says so, and in the middle.

    The text, pooled, also joins the time embedding, which scales and shifts the features of every
    block. By attention at the small levels alone, 19,000 samples had taught it nothing of the text.
    """
    down = tuple("CrossAttnDownBlock2D" if on else "DownBlock2D" for on in recipe.attention)
    up = tuple("CrossAttnUpBlock2D" if on else "UpBlock2D" for on in reversed(recipe.attention))
    return UNet2DConditionModel(
        sample_size=recipe.size // 4,
        in_channels=2 * latent_channels,
        out_channels=latent_channels,
        block_out_channels=tuple(recipe.widths),
        norm_num_groups=recipe.groups,
        layers_per_block=1,
        down_block_types=down,
        up_block_types=up,
        cross_attention_dim=text_width,
        attention_head_dim=recipe.heads,
        addition_embed_type="text",
        addition_embed_type_num_heads=recipe.heads,
        resnet_time_scale_shift="scale_shift",
    )


def load_unet(checkpoint: Path) -> UNet2DConditionModel:
    """The UNet of a checkpoint, in float32, to go on with."""
    return UNet2DConditionModel.from_pretrained(checkpoint / "unet", torch_dtype=torch.float32)


class EditModel(nn.Module):
    """The parts that are trained together, and two heads that only help to train them.

    At half the latents' resolution one names what every place shows, before the UNet's middle; the
    other tells where the edit will change it, after the middle. They make the UNet find objects
    many times sooner than the edited pictures alone do.
    """

    def __init__(self, unet: UNet2DConditionModel, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.unet = unet
        self.text_encoder = text_encoder
        width = unet.config.block_out_channels[1]
        self.name_head = nn.Conv2d(width, len(NOUNS) + 1, 1)
        self.region_head = nn.Conv2d(width, 1, 1)
        self._seen: dict[str, Tensor] = {}
        self._watch("names", unet.down_blocks[1].attentions[-1])
        self._watch("region", unet.up_blocks[-2].attentions[-1])

    def hidden_matrices(self) -> list[nn.Parameter]:
        """The weights between the first and the last layer: what Muon trains."""
        return [
            parameter
            for name, parameter in self.named_parameters()
            if parameter.ndim > 1 and not any(part in name for part in _OUTER)
        ]

    def _watch(self, name: str, module: nn.Module) -> None:
        def keep(module: nn.Module, inputs: object, output: tuple[Tensor, ...]) -> None:
            self._seen[name] = output[0]

        module.register_forward_hook(keep)

    def forward(self, noisy: Tensor, image: Tensor, timestep: Tensor, ids: Tensor) -> Tensor:
        """v ``[B, C, h, w]`` from latents ``[B, C, h, w]`` twice, ``[B]`` and ids ``[B, L]``."""
        text = self.text_encoder(ids)[0]
        rows = torch.cat([noisy, image], dim=1)
        velocity: Tensor = self.unet(rows, timestep, encoder_hidden_states=text).sample
        return velocity

    def grounding(self) -> tuple[Tensor, Tensor]:
        """Of the last forward pass: logits of nouns ``[B, N + 1, h/2, w/2]`` and of the region
        ``[B, h/2, w/2]``."""
        names: Tensor = self.name_head(self._seen.pop("names"))
        region: Tensor = self.region_head(self._seen.pop("region"))
        return names.float(), region[:, 0].float()


class EditLoss:
    """Squared error of v, as a share of what the edit changes, and the two helping heads."""

    def __init__(self, model: EditModel, batches: Iterator[Batch]) -> None:
        self.model = model
        self.batches = batches
        self.scheduler = build_scheduler()

    def __call__(self, progress: Progress) -> Tensor:
        batch = next(self.batches)
        noisy = self.scheduler.add_noise(batch.after, batch.noise, batch.timestep)
        target = self.scheduler.get_velocity(batch.after, batch.noise, batch.timestep)
        out = self.model(noisy, batch.before, batch.timestep, batch.ids)
        error = (out.float() - target).square().mean(dim=(1, 2, 3))
        edit: Tensor = (error * change_weights(batch)).mean()
        return edit + _GROUNDING_SHARE * grounding_loss(*self.model.grounding(), batch)


def change_weights(batch: Batch) -> Tensor:
    """``[B]``: one over the squared change that a row asks for, so that a small object counts as
    much as a whole picture. Rows that lost a condition cannot know the change, and rows at other
    timesteps are asked for noise too: those count as whole pictures, or they would drown the rest.
    """
    change = (batch.after - batch.before).square().mean(dim=(1, 2, 3))
    pure = batch.text * batch.image * (batch.timestep == LAST_TIMESTEP)
    return pure / (change + _LEAST_CHANGE) + (1 - pure) * _OTHERS_WEIGHT


def grounding_loss(names: Tensor, region: Tensor, batch: Batch) -> Tensor:
    """Cross-entropies of the two heads, over the rows that have what each needs. Objects and
    regions are small: their cells weigh more, or the heads would learn the background alone."""
    shown = torch.where(batch.nouns > 0, 1.0, _BACKGROUND_WEIGHT) * batch.image[:, None, None]
    naming = F.cross_entropy(names, batch.nouns, reduction="none") * shown
    edge = region.new_tensor(_REGION_WEIGHT)
    finding = F.binary_cross_entropy_with_logits(
        region, batch.region, pos_weight=edge, reduction="none"
    )
    known = batch.image * batch.text
    found = (finding.mean(dim=(1, 2)) * known).sum() / known.sum().clamp(min=1)
    return naming.sum() / shown.sum().clamp(min=1) + found
