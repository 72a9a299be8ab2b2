"""The editing model: UNet and text encoder trained together on latents, as InstructPix2Pix does.

The UNet sees noisy latents beside the latents of the picture to edit and predicts v (Salimans and
Ho 2022, appendix D) under a noise schedule that ends in pure noise (Lin et al. 2023, section 3.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from train.edits import EDITS
from train.instructions import write
from train.loop import Progress
from train.pool import Pool
from train.recipe import UNetRecipe
from train.samples import generator
from train.text import token_ids


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


def build_unet(
    recipe: UNetRecipe, latent_channels: int, text_width: int, size: int
) -> UNet2DConditionModel:
    """A fresh UNet, ``2 * latent_channels`` in (noisy, then picture) and ``latent_channels`` out;
    cross-attention to the text where ``recipe.attention`` says so, and in the middle.

    The text, pooled, also joins the time embedding, which scales and shifts the features of every
    block. By attention at the small levels alone, 19,000 samples had taught it nothing of the text.
    """
    down = tuple("CrossAttnDownBlock2D" if on else "DownBlock2D" for on in recipe.attention)
    up = tuple("CrossAttnUpBlock2D" if on else "UpBlock2D" for on in reversed(recipe.attention))
    return UNet2DConditionModel(
        sample_size=size,
        in_channels=2 * latent_channels,
        out_channels=latent_channels,
        block_out_channels=tuple(recipe.widths),
        layers_per_block=1,
        down_block_types=down,
        up_block_types=up,
        cross_attention_dim=text_width,
        attention_head_dim=recipe.heads,
        addition_embed_type="text",
        addition_embed_type_num_heads=recipe.heads,
        resnet_time_scale_shift="scale_shift",
    )


class EditModel(nn.Module):
    """The two parts that are trained together."""

    def __init__(self, unet: UNet2DConditionModel, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.unet = unet
        self.text_encoder = text_encoder
        # The backward pass of fused attention is slower on a CPU than plain matrix products.
        unet.set_attn_processor(AttnProcessor())

    def forward(self, noisy: Tensor, image: Tensor, timestep: Tensor, ids: Tensor) -> Tensor:
        """v ``[B, C, h, w]`` from latents ``[B, C, h, w]`` twice, ``[B]`` and ids ``[B, L]``."""
        text = self.text_encoder(ids)[0]
        rows = torch.cat([noisy, image], dim=1)
        velocity: Tensor = self.unet(rows, timestep, encoder_hidden_states=text).sample
        return velocity


def dropped(chance: float, uniform: NDArray[np.floating]) -> tuple[NDArray[np.bool_], ...]:
    """Which rows lose their text and which their picture, from one uniform number a row: text
    alone, both and picture alone with ``chance`` each (InstructPix2Pix, section 3.2.1)."""
    text = uniform < 2 * chance
    image = (uniform >= chance) & (uniform < 3 * chance)
    return text, image


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's rows. Latents are float32 ``[B, C, h, w]``."""

    before: Tensor
    after: Tensor
    noise: Tensor
    timestep: Tensor
    texts: list[str]


def make_batch(pool: Pool, indices: range, recipe: UNetRecipe) -> Batch:
    """Rows ``indices`` of the endless stream: each a pure function of its index and the seed."""
    rows = [_row(pool, index, recipe) for index in indices]
    before, after, noise, timestep, texts = zip(*rows, strict=True)
    return Batch(
        torch.from_numpy(np.stack(before)),
        torch.from_numpy(np.stack(after)),
        torch.from_numpy(np.stack(noise)),
        torch.tensor(timestep),
        list(texts),
    )


_Row = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], int, str]


def _row(pool: Pool, index: int, recipe: UNetRecipe) -> _Row:
    rng = generator(recipe.seed, index)
    crop, place = divmod(int(rng.integers(len(pool))), pool.edit.shape[1])
    text = write(EDITS[pool.edit[crop, place]], rng)
    drop_text, drop_image = dropped(recipe.dropout, rng.random(1))
    before = pool.before[crop].astype(np.float32) * np.float32(not drop_image[0])
    after = pool.after[crop, place].astype(np.float32)
    noise = rng.standard_normal(after.shape, dtype=np.float32)
    return before, after, noise, _timestep(rng), "" if drop_text[0] else text


def _timestep(rng: np.random.Generator) -> int:
    """Half of them in the noisiest quarter, where an edit with an exact target is decided."""
    return int(1000 * (1 - rng.random() ** 2) - 1e-9)


class EditLoss:
    """Mean squared error of v. From half of the time on, some steps use pictures twice as large,
    a quarter as many, so that ``large_share`` of the whole work goes there."""

    def __init__(
        self,
        model: EditModel,
        tokenizer: CLIPTokenizer,
        pools: tuple[Pool, Pool],
        recipe: UNetRecipe,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.pools = pools
        self.recipe = recipe
        self.scheduler = build_scheduler()

    def __call__(self, progress: Progress) -> Tensor:
        batch = self._batch(progress)
        noisy = self.scheduler.add_noise(batch.after, batch.noise, batch.timestep)
        target = self.scheduler.get_velocity(batch.after, batch.noise, batch.timestep)
        ids = token_ids(self.tokenizer, batch.texts)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.bf16):
            out = self.model(noisy, batch.before, batch.timestep, ids)
        error: Tensor = (out.float() - target).square().mean()
        return error

    def _batch(self, progress: Progress) -> Batch:
        indices = progress.share(self.recipe.batch)
        if not _is_large(progress, self.recipe.large_share):
            return make_batch(self.pools[0], indices, self.recipe)
        few = indices[: max(1, len(indices) // 4)]
        return make_batch(self.pools[1], few, self.recipe)


def _is_large(progress: Progress, share: float) -> bool:
    rate = 2 * share
    turn = math.floor((progress.step + 1) * rate) > math.floor(progress.step * rate)
    return progress.done > 0.5 and turn
