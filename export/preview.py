"""The linear map from latents to a small picture, fitted to what the autoencoder does.

Least squares over latent pixels: the latents that the sampler ends with, for pictures of many
kinds, against the decoded pictures, averaged over the pixels of each latent pixel.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.graphs import ImageDecoder, ImageEncoder
from export.quiet import quiet
from runtime.projection import Projection

SIDE: Final = 24  # latent pixels
_PICTURES: Final = 4  # of each kind
_CONTRAST: Final = 0.25  # standard deviation
_SATURATION: Final = 0.5
_DIGITS: Final = 5
_GREY: Final = (0.299, 0.587, 0.114)  # luma of ITU-R BT.601


class PreviewFit:
    """Moved on by the modules of `image_encoder` and then `image_decoder`."""

    def __init__(self, downscale: int) -> None:
        self._downscale = downscale
        self._latents: list[Tensor] = []
        self.projection: Projection | None = None

    def advance(self, module: nn.Module) -> None:
        """Do the part of a graph, one picture at a time; most have none."""
        with torch.no_grad(), quiet():
            if isinstance(module, ImageEncoder):
                pictures = sample_pictures(SIDE * self._downscale)
                self._latents = [denoised(module, picture[None]) for picture in pictures]
            elif isinstance(module, ImageDecoder):
                decoded = [module(latent)[0].numpy() for latent in self._latents]
                latents = np.concatenate([latent.numpy() for latent in self._latents])
                self.projection = fit(latents, np.concatenate(decoded))


def fit(latents: NDArray[Any], pictures: NDArray[Any]) -> Projection | None:
    """Latents [B, C, h, w], decoded pictures uint8 [B, H, W, 3].

    None when latents are not finite: the parity report says more of that.
    """
    if not np.isfinite(latents).all():
        return None
    batch, channels, height, width = latents.shape
    scale = pictures.shape[1] // height
    blocks = pictures.reshape(batch, height, scale, width, scale, 3) / 255
    wanted = blocks.mean(axis=(2, 4)).reshape(-1, 3)
    given = latents.transpose(0, 2, 3, 1).reshape(-1, channels).astype(np.float64)
    given = np.concatenate([given, np.ones((len(given), 1))], axis=1)
    solution = np.linalg.lstsq(given, wanted, rcond=None)[0].round(_DIGITS).tolist()
    return Projection(tuple(map(tuple, solution[:-1])), tuple(solution[-1]))


def sample_pictures(side: int) -> Tensor:
    """uint8 [B, side, side, 3]: flat colours, soft shapes, and noise whose spectrum falls as that
    of photographs does, with the amplitude as 1/f (Field 1987), in colours that are half as vivid.
    """
    generator = torch.Generator().manual_seed(3)

    def uniform(*size: int) -> Tensor:
        return torch.rand(size, generator=generator)

    flat = uniform(_PICTURES, 3, 1, 1).expand(-1, -1, side, side)
    soft = nn.functional.interpolate(uniform(_PICTURES, 3, 5, 5), (side, side), mode="bicubic")
    levels = torch.cat([flat, soft, _natural(side, generator)]).clamp(0, 1) * 255
    return levels.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _natural(side: int, generator: torch.Generator) -> Tensor:
    """[B, 3, side, side] about a level of each picture's own."""
    white = torch.randn((_PICTURES, 3, side, side), generator=generator)
    frequency = torch.fft.fftfreq(side)
    radius = (frequency[:, None] ** 2 + frequency[None, :] ** 2).sqrt().clamp(min=1 / side)
    pink: Tensor = torch.fft.ifft2(torch.fft.fft2(white) / radius).real
    pink = pink / pink.std(dim=(1, 2, 3), keepdim=True)
    grey = (pink * torch.tensor(_GREY)[:, None, None]).sum(dim=1, keepdim=True)
    level = 0.3 + 0.4 * torch.rand((_PICTURES, 1, 1, 1), generator=generator)
    return level + _CONTRAST * (grey + _SATURATION * (pink - grey))


def denoised(encoder: ImageEncoder, pixels: Tensor) -> Tensor:
    """What the sampler would end with: latents scaled and shifted as the decoder expects them."""
    config = encoder.vae.config
    shift = float(getattr(config, "shift_factor", None) or 0.0)
    mode = encoder(pixels) / encoder.scale
    latent: Tensor = (mode - shift) * float(config.scaling_factor)
    return latent
