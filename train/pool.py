"""Latents of edit pairs, computed once before the UNet trains on them many times.

Encoding pictures costs a third of a training step; each crop is encoded once and shared by a few
edits, and every visit draws a fresh wording, noise and timestep.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from diffusers import AutoencoderKL
from numpy.typing import NDArray

from train.autoencoder import encode, to_tensor
from train.edits import EDITS
from train.photos import Photo
from train.recipe import PoolRecipe
from train.samples import edit_odds, generator, picture

_NAMES = ("before", "after", "edit")


@dataclass(frozen=True, slots=True)
class Pool:
    """``before`` float16 ``[crops, C, h, w]``, ``after`` ``[crops, edits, C, h, w]`` and ``edit``
    ``[crops, edits]``, numbers into ``EDITS``; memory-mapped."""

    before: NDArray[np.float16]
    after: NDArray[np.float16]
    edit: NDArray[np.uint8]

    def __len__(self) -> int:
        return int(self.edit.size)


def open_pool(folder: Path) -> Pool:
    """Opens a finished pool; its files are read-only."""
    parts = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in _NAMES)
    return Pool(*parts)


def build_pool(folder: Path, recipe: PoolRecipe, vae: AutoencoderKL, photos: list[Photo]) -> None:
    """Writes the pool of ``recipe`` to ``folder``, shared out over the running processes. A pool
    that is there already is kept; an unfinished one is written again."""
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    if folder.exists():
        return
    scratch = folder.with_name(folder.name + ".new")
    if rank == 0:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        _allocate(scratch, recipe, vae)
    if world > 1:
        dist.barrier()
    files = {name: np.load(scratch / f"{name}.npy", mmap_mode="r+") for name in _NAMES}
    for crop in range(rank, recipe.crops, world):
        before, after, chosen = _encode_crop(recipe, vae, photos, crop)
        files["before"][crop], files["after"][crop], files["edit"][crop] = before, after, chosen
    for file in files.values():
        file.flush()
    if world > 1:
        dist.barrier()
    if rank == 0:
        os.replace(scratch, folder)
    if world > 1:
        dist.barrier()


def _allocate(folder: Path, recipe: PoolRecipe, vae: AutoencoderKL) -> None:
    side = recipe.size // 2 ** (len(vae.config.block_out_channels) - 1)
    latent = (vae.config.latent_channels, side, side)
    shapes = ((recipe.crops, *latent), (recipe.crops, recipe.edits, *latent))
    for name, shape in zip(("before", "after"), shapes, strict=True):
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float16, shape)
    np.lib.format.open_memmap(folder / "edit.npy", "w+", np.uint8, (recipe.crops, recipe.edits))


@torch.no_grad()
def _encode_crop(
    recipe: PoolRecipe, vae: AutoencoderKL, photos: list[Photo], crop: int
) -> tuple[NDArray[np.float16], NDArray[np.float16], NDArray[np.uint8]]:
    """Latents of one picture and of its edits."""
    rng = generator(recipe.seed, crop)
    before = picture(photos, recipe.size, rng)
    chosen = rng.choice(len(EDITS), size=recipe.edits, replace=False, p=edit_odds())
    pictures = [before, *(EDITS[int(number)].apply(before) for number in chosen)]
    with torch.autocast("cpu", torch.bfloat16):
        latents = encode(vae, to_tensor(pictures))
    stored = latents.float().numpy().astype(np.float16)
    return stored[0], stored[1:], chosen.astype(np.uint8)
