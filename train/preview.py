"""What a model under training makes of a few fixed pairs, for the eye: one step, no guidance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from diffusers import AutoencoderTiny
from torch import Tensor
from transformers import CLIPTokenizer

from train.autoencoder import encode, to_tensor
from train.instructions import Language, write
from train.samples import Pair, draw_pair, kinds_of
from train.staging import Studio, generator
from train.stream import LAST_TIMESTEP
from train.text import token_ids
from train.unet import EditModel

_SEED: Final = 8
_COLUMNS: Final = 4


def fixed_pairs(studio: Studio, size: int) -> list[Pair]:
    """One pair of every kind, always the same."""
    return [
        draw_pair(studio, size, generator(_SEED, number), kind)
        for number, kind in enumerate(kinds_of(studio))
    ]


def sheet_of(
    model: EditModel, vae: AutoencoderTiny, tokenizer: CLIPTokenizer, pairs: Sequence[Pair]
) -> Callable[[], Tensor]:
    """A function that paints input, output and target of every pair side by side, ``[3, H, W]`` in
    0..1, with the model as it is when called. Every other instruction is Chinese."""
    languages: tuple[Language, Language] = ("en", "zh")
    texts = [
        write(pair.changes, generator(_SEED, number, 1), languages[number % 2])
        for number, pair in enumerate(pairs)
    ]
    device = next(model.parameters()).device
    ids = token_ids(tokenizer, texts).to(device)
    before = to_tensor([pair.before for pair in pairs]).to(device)
    after = to_tensor([pair.after for pair in pairs]).to(device)
    with torch.no_grad():
        latents = encode(vae, before)
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(_SEED)).to(device)
    timestep = torch.full((len(pairs),), LAST_TIMESTEP, device=device)

    @torch.no_grad()
    def paint() -> Tensor:
        edited = -model(noise, latents, timestep, ids)
        model.grounding()  # let go of what the heads saw
        out = vae.decode(edited).sample
        return _tiled((torch.cat([before, out, after], dim=3).cpu().clamp(-1, 1) + 1) / 2)

    return paint


def _tiled(tiles: Tensor) -> Tensor:
    """Tiles ``[N, 3, h, w]`` in rows of ``_COLUMNS``, white where the last row is short."""
    lacking = -len(tiles) % _COLUMNS
    full = torch.cat([tiles, torch.ones(lacking, *tiles.shape[1:])])
    height, width = tiles.shape[2:]
    rows = full.reshape(-1, _COLUMNS, 3, height, width).permute(2, 0, 3, 1, 4)
    return rows.reshape(3, -1, _COLUMNS * width)
