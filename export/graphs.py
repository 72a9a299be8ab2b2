"""The four graphs of a bundle as torch modules. docs/bundle-format.md specifies their ports.

Every port is float32 (or uint8, int32) whatever precision a graph computes in.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from export.checkpoint import Checkpoint
from runtime.manifest import GraphName


def build_graph(name: GraphName, checkpoint: Checkpoint) -> nn.Module:
    """Load the components of a graph as its torch module. Raises `CheckpointError`."""
    graph: nn.Module
    match name:
        case "text_encoder" if checkpoint.is_xl:
            graph = TextEncoders(checkpoint.load("text_encoder"), checkpoint.load("text_encoder_2"))
        case "text_encoder":
            graph = TextEncoder(checkpoint.load("text_encoder"))
        case "image_encoder":
            graph = ImageEncoder(checkpoint.load("vae"), checkpoint.scales_pictures)
        case "tick":
            graph = Tick(checkpoint.load("unet"))
        case "image_decoder":
            graph = ImageDecoder(checkpoint.load("vae"))
    return graph.eval()


class TextEncoder(nn.Module):
    """input_ids int32 [T, L] -> text float32 [T, L, D], the last hidden state."""

    def __init__(self, text_encoder: nn.Module) -> None:
        super().__init__()
        self.text_encoder = text_encoder

    def forward(self, input_ids: Tensor) -> Tensor:
        state: Tensor = self.text_encoder(input_ids).last_hidden_state
        return state.float()


class TextEncoders(nn.Module):
    """input_ids, input_ids_2 int32 [T, L] -> text float32 [T, L, D], pooled float32 [T, P].

    The states of both encoders before their last layers, side by side, and the second's projection.
    """

    def __init__(self, text_encoder: nn.Module, text_encoder_2: nn.Module) -> None:
        super().__init__()
        self.text_encoder = text_encoder
        self.text_encoder_2 = text_encoder_2

    def forward(self, input_ids: Tensor, input_ids_2: Tensor) -> tuple[Tensor, Tensor]:
        first = self.text_encoder(input_ids, output_hidden_states=True)
        second = self.text_encoder_2(input_ids_2, output_hidden_states=True)
        states = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
        return states.float(), second.text_embeds.float()


class ImageEncoder(nn.Module):
    """image uint8 [B, H, W, 3] -> latent float32 [B, C, h, w].

    The latent is the posterior's mode, not multiplied by the scaling factor: InstructPix2Pix was
    trained to be conditioned on exactly that. CosXL was trained on `scaled` ones.
    """

    def __init__(self, vae: Any, scaled: bool) -> None:
        super().__init__()
        self.vae = vae
        self.scale = float(vae.config.scaling_factor) if scaled else 1.0

    def forward(self, image: Tensor) -> Tensor:
        # TensorRT takes uint8 only as a graph's input and output, next to a cast.
        pixels = image.float().permute(0, 3, 1, 2) / 255 * 2 - 1  # [B, 3, H, W]
        encoded = self.vae.encode(pixels)
        if hasattr(encoded, "latent_dist"):  # AutoencoderKL; an AutoencoderTiny has no posterior
            latent: Tensor = encoded.latent_dist.mode()
        else:
            latent = encoded.latents
        return latent * self.scale


class ImageDecoder(nn.Module):
    """latent float32 [B, C, h, w] -> image uint8 [B, H, W, 3], mean float32 [B].

    `latent` is what the sampler ends with. `mean` is taken before clamping, because uint8 hides
    NaN and infinity.
    """

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae
        self.scale = float(vae.config.scaling_factor)
        self.shift = float(getattr(vae.config, "shift_factor", None) or 0.0)

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        z = latent / self.scale + self.shift
        decoded = self.vae.decode(z).sample.float()  # [B, 3, H, W] in [-1, 1]
        levels = (decoded / 2 + 0.5).clamp(0, 1) * 255
        image = levels.round().permute(0, 2, 3, 1).to(torch.uint8)
        return image, decoded.mean(dim=(1, 2, 3))


class Tick(nn.Module):
    """One denoising step of every running request.

    x, history, noise, image, stale float32 [B, C, h, w]; text float32 [T, L, D];
    row_slot, row_text int32 [R]; row_image, timestep float32 [R]; mix float32 [B, R];
    coef float32 [B, 7] = c_in, p, q, a, b, c, d;
    for models with added conditions pooled float32 [T, P], time_ids float32 [R, 6]
    -> next, denoised float32 [B, C, h, w], rows float32 [R, C, h, w]
    """

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(
        self,
        x: Tensor,
        history: Tensor,
        noise: Tensor,
        image: Tensor,
        stale: Tensor,
        text: Tensor,
        row_slot: Tensor,
        row_text: Tensor,
        row_image: Tensor,
        timestep: Tensor,
        mix: Tensor,
        coef: Tensor,
        pooled: Tensor | None = None,
        time_ids: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        c_in, p, q, a, b, c, d = coef[:, :, None, None, None].unbind(1)  # each [B, 1, 1, 1]
        computed = self.unet.conv_in.weight.dtype
        noisy = (x * c_in).index_select(0, row_slot)  # [R, C, h, w]
        shown = image.index_select(0, row_slot) * row_image[:, None, None, None]
        sample = torch.cat([noisy, shown], dim=1).to(computed)  # [R, 2C, h, w]
        states = text.index_select(0, row_text).to(computed)  # [R, L, D]
        added = None
        if pooled is not None:
            # Float32 beside sinusoids in float32: torch joins two types, ONNX does not.
            added = {"text_embeds": pooled.index_select(0, row_text), "time_ids": time_ids}
        rows = self.unet(sample, timestep, states, added_cond_kwargs=added).sample.float()
        denoised = p * x + q * (_mix(mix, rows) + stale)
        return a * x + b * denoised + c * history + d * noise, denoised, rows


def _mix(mix: Tensor, rows: Tensor) -> Tensor:
    """Weighted sum of rows, [B, R] x [R, C, h, w] -> [B, C, h, w].

    A row of weight 0 is left out, not multiplied: 0 * NaN is NaN, and a broken request must not
    reach its neighbours. Multiply and sum, not a matmul: inference libraries round matmuls to their
    fast precision, and guidance amplifies that error.
    """
    weights = mix[:, :, None, None, None]
    zero = torch.zeros((), dtype=rows.dtype)
    return torch.where(weights != 0, weights * rows[None], zero).sum(dim=1)
