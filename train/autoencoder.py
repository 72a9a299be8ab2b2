"""The autoencoder: a picture to a sixth as many numbers and back, deterministic.

A stock ``AutoencoderTiny`` (plain convolutions without normalisation, so that a place depends on
its surroundings alone and every size works) that shrinks pictures by 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from diffusers import AutoencoderTiny
from torch import Tensor

from train.loop import Progress
from train.picture import Picture
from train.recipe import AutoencoderRecipe


def build(recipe: AutoencoderRecipe) -> AutoencoderTiny:
    """A fresh autoencoder: pictures ``[B, 3, H, W]`` in -1..1, latents ``[B, C, H/4, W/4]``."""
    vae = AutoencoderTiny(
        encoder_block_out_channels=(recipe.width,) * 3,
        decoder_block_out_channels=(recipe.width,) * 3,
        num_encoder_blocks=tuple(recipe.encoder_blocks),
        num_decoder_blocks=tuple(recipe.decoder_blocks),
        latent_channels=recipe.latent_channels,
        scaling_factor=1.0,
    )
    return vae.to(memory_format=torch.channels_last)


def to_tensor(pictures: Sequence[np.ndarray]) -> Tensor:
    """Pictures ``[H, W, 3]`` in 0..1 to ``[B, 3, H, W]`` in -1..1."""
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return stacked.float() * 2 - 1


def encode(vae: AutoencoderTiny, pictures: Tensor) -> Tensor:
    """Latents as the pipeline takes them."""
    latents: Tensor = vae.encode(pictures).latents
    return latents


class AutoencoderLoss:
    """Mean over pictures of the logarithm of the squared error, as PSNR counts it.

    Latents get a little noise before decoding, so that near latents decode to near pictures and
    every channel is worth about the same to the diffusion loss.
    """

    def __init__(
        self,
        vae: AutoencoderTiny,
        make: Callable[[int, int], Picture],
        recipe: AutoencoderRecipe,
    ) -> None:
        """``make(size, number)`` gives a picture."""
        self.vae = vae
        self.make = make
        self.recipe = recipe

    def __call__(self, progress: Progress) -> Tensor:
        recipe = self.recipe
        large = recipe.large_every and progress.step % recipe.large_every == 0
        size = 2 * recipe.size if large else recipe.size
        indices = progress.share(recipe.batch)
        chosen = indices[: max(1, len(indices) // 4)] if large else indices
        pictures = to_tensor([self.make(size, i) for i in chosen])
        noise = torch.Generator().manual_seed(recipe.seed * 1_000_003 + indices[0])
        latents = encode(self.vae, pictures)
        jitter = torch.randn(latents.shape, generator=noise) * recipe.latent_noise
        decoded = self.vae.decode(latents + jitter).sample
        return reconstruction_loss(decoded.float(), pictures) + _keep_unit(latents.float())


def reconstruction_loss(decoded: Tensor, pictures: Tensor) -> Tensor:
    """Mean over pictures of ln(squared error), with a floor far below what is reached."""
    squared = (decoded - pictures).square().mean(dim=(1, 2, 3))
    return (squared + 1e-4).log().mean()


def _keep_unit(latents: Tensor) -> Tensor:
    """Penalty that holds each channel near mean 0 and mean square 1, and channels apart."""
    rows = latents.permute(1, 0, 2, 3).flatten(1)
    mean = rows.mean(dim=1)
    product = rows @ rows.T / rows.shape[1]
    return 0.1 * (mean.square().mean() + (product - torch.eye(len(rows))).square().mean())


@torch.no_grad()
def psnr_of_round_trip(vae: AutoencoderTiny, pictures: Tensor) -> float:
    """Mean PSNR in dB of decoded against original, pictures in -1..1, after 8-bit rounding."""
    decoded = vae.decode(encode(vae, pictures)).sample.clamp(-1, 1)
    rounded = ((decoded + 1) * 127.5).round() / 127.5 - 1
    error = ((rounded - pictures) / 2).square().mean(dim=(1, 2, 3))
    return float((-10 * error.clamp_min(1e-10).log10()).mean())
