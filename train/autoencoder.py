"""The autoencoder: a picture to latents an eighth as many numbers and back, deterministic.

A stock ``AutoencoderKL`` without its randomness: the posterior's variance is pinned to nothing, so
mode and sample agree. Pictures are shrunk by 4; sharpness comes from keeping more places, speed
from few channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from train.loop import Progress
from train.photos import Photo
from train.recipe import AutoencoderRecipe
from train.samples import autoencoder_picture

_LOG_VARIANCE = -30.0
_DAMPING = 0.05


def build(recipe: AutoencoderRecipe) -> AutoencoderKL:
    """A fresh autoencoder: pictures ``[B, 3, H, W]`` in -1..1, latents ``[B, C, H/4, W/4]``."""
    widths = tuple(recipe.widths)
    vae = AutoencoderKL(
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        layers_per_block=1,
        latent_channels=recipe.latent_channels,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=recipe.size,
        scaling_factor=1.0,
        shift_factor=0.0,
    )
    channels = recipe.latent_channels
    with torch.no_grad():
        vae.quant_conv.weight[channels:] = 0
        vae.quant_conv.bias[channels:] = _LOG_VARIANCE
    return vae


def to_tensor(pictures: Sequence[np.ndarray]) -> Tensor:
    """Pictures ``[H, W, 3]`` in 0..1 to ``[B, 3, H, W]`` in -1..1."""
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return stacked.float().contiguous() * 2 - 1


def encode(vae: AutoencoderKL, pictures: Tensor) -> Tensor:
    """Latents as the pipeline takes them: the posterior's mode, unscaled."""
    latents: Tensor = vae.encode(pictures).latent_dist.mode()
    return latents


class AutoencoderLoss:
    """Mean of absolute, squared and edge error, with latents kept small and smooth.

    Latents get a little noise before decoding, so that near latents decode to near pictures and
    every channel is worth about the same to the diffusion loss.
    """

    def __init__(
        self, vae: AutoencoderKL, photos: Sequence[Photo], recipe: AutoencoderRecipe
    ) -> None:
        self.vae = vae
        self.photos = photos
        self.recipe = recipe

    def __call__(self, progress: Progress) -> Tensor:
        recipe = self.recipe
        large = recipe.large_every and progress.step % recipe.large_every == 0
        size = 2 * recipe.size if large else recipe.size
        indices = progress.share(recipe.batch)
        chosen = indices[: max(1, len(indices) // 4)] if large else indices
        pictures = to_tensor(
            [autoencoder_picture(self.photos, size, recipe.seed, i) for i in chosen]
        )
        noise = torch.Generator().manual_seed(recipe.seed * 1_000_003 + indices[0])
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
            latents = encode(self.vae, pictures)
            jitter = torch.randn(latents.shape, generator=noise) * recipe.latent_noise
            decoded = self.vae.decode(latents + jitter).sample
        known = _patch_colour_error(latents.float(), pictures)
        return reconstruction_loss(decoded.float(), pictures) + known + _keep_unit(latents.float())


def reconstruction_loss(decoded: Tensor, pictures: Tensor) -> Tensor:
    """Error of pixels, edges, colour and patch means, where a picture is -1..1."""
    error = decoded - pictures
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    colour = error - error.mean(dim=1, keepdim=True)
    patches = F.avg_pool2d(error, 4)
    pixels = error.abs().mean() + 2 * error.square().mean()
    return pixels + 0.5 * edges + colour.abs().mean() + 2 * patches.square().mean()


def _patch_colour_error(latents: Tensor, pictures: Tensor) -> Tensor:
    """Asks the first three channels to be each patch's mean colour, at about unit spread; the
    others are free for detail. Without it a whole colour axis was not learned in 2,000 steps."""
    factor = pictures.shape[-1] // latents.shape[-1]
    colour = 1.6 * F.avg_pool2d(pictures, factor)
    error: Tensor = (latents[:, :3] - colour).square().mean()
    return error


def _keep_unit(latents: Tensor) -> Tensor:
    """Penalty that holds each channel near mean 0 and mean square 1, and far values back."""
    mean = latents.mean(dim=(0, 2, 3))
    power = latents.square().mean(dim=(0, 2, 3))
    far = F.relu(latents.abs() - 3).square().mean()
    return 0.03 * (mean.square().mean() + (power - 1).square().mean() + far)


@torch.no_grad()
def standardise(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Folds an affine change of latents into the 1x1 convolutions beside them: mean 0, and strong
    directions shrunk towards weak ones, so that detail counts in the diffusion loss. After it the
    latents of ``pictures`` have standard deviation 1 over all, with scaling factor 1."""
    latents = encode(vae, pictures).double()
    channels = latents.shape[1]
    mean = latents.mean(dim=(0, 2, 3))
    rows = latents.permute(0, 2, 3, 1).reshape(-1, channels)
    change = _damped_whitening(torch.cov(rows.T))
    quant, post = vae.quant_conv, vae.post_quant_conv
    inward = quant.weight[:channels, :, 0, 0].double()
    outward = post.weight[:, :, 0, 0].double()
    quant.weight[:channels, :, 0, 0] = (change @ inward).float()
    quant.bias[:channels] = (change @ (quant.bias[:channels].double() - mean)).float()
    post.bias += (outward @ mean).float()
    post.weight[:, :, 0, 0] = (outward @ torch.linalg.inv(change)).float()


def _damped_whitening(covariance: Tensor) -> Tensor:
    """Symmetric ``A`` with ``A cov A`` of unit mean variance; directions far weaker than the
    average hold little but noise and are left weak."""
    power, axes = torch.linalg.eigh(covariance)
    gain = (power + _DAMPING * power.mean()).rsqrt()
    scale = (gain.square() * power).mean().sqrt()
    change: Tensor = axes @ torch.diag(gain / scale) @ axes.T
    return change


@torch.no_grad()
def psnr_of_round_trip(vae: AutoencoderKL, pictures: Tensor) -> float:
    """Mean PSNR in dB of decoded against original, pictures in -1..1, after 8-bit rounding."""
    decoded = vae.decode(encode(vae, pictures)).sample.clamp(-1, 1)
    rounded = ((decoded + 1) * 127.5).round() / 127.5 - 1
    error = ((rounded - pictures) / 2).square().mean(dim=(1, 2, 3))
    return float((-10 * error.clamp_min(1e-10).log10()).mean())
