"""The endless stream of training batches: pairs drawn, encoded and worded by worker processes.

Batch ``step`` is a pure function of the seed and ``step``. Drawing and encoding a pair costs half
of training on it, so each pair is visited a few times, far apart, with fresh words, noise and
timestep; a worker remembers the latents until the last visit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from diffusers import AutoencoderTiny
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from transformers import CLIPTokenizer

from train.autoencoder import encode, to_tensor
from train.changes import Change
from train.forks import one_thread
from train.instructions import Language, write
from train.loop import Progress
from train.recipe import UNetRecipe
from train.samples import NoRoom, Pair, draw_kind, draw_pair, region
from train.staging import Studio, generator
from train.text import token_ids

VISITS: Final = 3
_APART: Final = 1500  # pairs of one size, as one process counts them
CELL: Final = 8
"""Pixels along the side of a cell of the grid that regions are told on: two latents."""
LAST_TIMESTEP: Final = 999
PURE_NOISE_ODDS: Final = 0.85


@dataclass(frozen=True, slots=True)
class Encoded:
    """A pair as the model sees it: latents ``[C, h, w]`` and, on the grid of half their sides,
    the share of each cell that the edit changes and the noun of its middle (0 = none)."""

    before: NDArray[np.float16]
    after: NDArray[np.float16]
    region: NDArray[np.float16]
    nouns: NDArray[np.uint8]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one step. ``text`` and ``image`` tell which rows keep that condition, float32
    ``[B]``; latents are ``[B, C, h, w]``, ``region`` and ``nouns`` ``[B, h/2, w/2]``."""

    before: Tensor
    after: Tensor
    noise: Tensor
    timestep: Tensor
    ids: Tensor
    text: Tensor
    image: Tensor
    region: Tensor
    nouns: Tensor


def dropped(chance: float, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """Whether a row loses its text, and its picture: text alone, both and picture alone with
    ``chance`` each (InstructPix2Pix, section 3.2.1)."""
    return uniform < 2 * chance, (chance <= uniform) & (uniform < 3 * chance)


def is_large(recipe: UNetRecipe, step: int) -> bool:
    """Whether a step is one of those at twice the size."""
    return recipe.large_every > 0 and step % recipe.large_every == recipe.large_every - 1


def draw_any(studio: Studio, size: int, rng: np.random.Generator, recipe: UNetRecipe) -> Pair:
    """A pair of any kind: another one where no scene had room for the first."""
    while True:
        try:
            return draw_pair(studio, size, rng, draw_kind(studio, rng, recipe.objects))
        except NoRoom:
            continue


def wording(changes: tuple[Change, ...], rng: np.random.Generator, recipe: UNetRecipe) -> str:
    """One way to ask for the changes, in one of the two languages."""
    language: Language = "zh" if rng.random() < recipe.chinese else "en"
    return write(changes, rng, language)


def visited(position: int) -> int:
    """The number of the pair at a position: one new one, then ``VISITS - 1`` old ones."""
    newest, visit = divmod(position, VISITS)
    old = newest - visit * _APART
    return old if old >= 0 else newest


class EditStream(Dataset[Batch]):
    """``stream[step]`` is this process's share of a batch."""

    def __init__(
        self,
        studio: Studio,
        vae: AutoencoderTiny,
        tokenizer: CLIPTokenizer,
        recipe: UNetRecipe,
        progress: Progress,
    ) -> None:
        self.studio = studio
        self.vae = vae
        self.tokenizer = tokenizer
        self.recipe = recipe
        self.rank, self.world = progress.rank, progress.world
        self._remembered: OrderedDict[tuple[int, int], Encoded] = OrderedDict()

    def __getitem__(self, step: int) -> Batch:
        recipe = self.recipe
        large = is_large(recipe, step)
        size = 2 * recipe.size if large else recipe.size
        each = recipe.batch // self.world // (4 if large else 1)
        rows = [self._row(size, step * each + i) for i in range(each)]
        return _stack(rows, self.tokenizer)

    def _row(self, size: int, position: int) -> _Row:
        pair = self._encoded(size, visited(position) * self.world + self.rank)
        rng = generator(self.recipe.seed, position * self.world + self.rank, purpose=size)
        words = wording(pair.changes, rng, self.recipe)
        uniform = torch.tensor(rng.random(), dtype=torch.float64)
        no_text, no_image = map(bool, dropped(self.recipe.dropout, uniform))
        noise = rng.standard_normal(pair.after.shape, dtype=np.float32)
        last = rng.random() < PURE_NOISE_ODDS
        timestep = LAST_TIMESTEP if last else int(rng.integers(LAST_TIMESTEP))
        return _Row(pair, "" if no_text else words, no_text, no_image, noise, timestep)

    def _encoded(self, size: int, number: int) -> Encoded:
        key = (size, number)
        if key not in self._remembered:
            rng = generator(self.recipe.seed, number, purpose=size + 1)
            pair = draw_any(self.studio, size, rng, self.recipe)
            self._remembered[key] = encode_pair(self.vae, pair)
            if len(self._remembered) > (VISITS - 1) * _APART + 2:
                self._remembered.popitem(last=False)
        return self._remembered[key]


@dataclass(frozen=True, slots=True)
class _Row:
    pair: Encoded
    words: str
    no_text: bool
    no_image: bool
    noise: NDArray[np.float32]
    timestep: int


@torch.no_grad()
def encode_pair(vae: AutoencoderTiny, pair: Pair) -> Encoded:
    """Both pictures to latents, together: a pair's latents never depend on the batch it is in."""
    with torch.autocast("cpu", torch.bfloat16):
        latents = encode(vae, to_tensor([pair.before, pair.after]))
    before, after = latents.float().numpy().astype(np.float16)
    changed, nouns = in_cells(pair)
    return Encoded(before, after, changed, nouns, pair.changes)


def in_cells(pair: Pair) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
    """Per square of ``CELL`` pixels: the share that the edit changes; the noun of the middle."""
    side = pair.before.shape[0] // CELL
    changed = region(pair).reshape(side, CELL, side, CELL).mean(axis=(1, 3))
    return changed.astype(np.float16), pair.nouns[CELL // 2 :: CELL, CELL // 2 :: CELL].copy()


def _stack(rows: list[_Row], tokenizer: CLIPTokenizer) -> Batch:
    def floats(arrays: list[NDArray[np.floating]]) -> Tensor:
        return torch.from_numpy(np.stack(arrays).astype(np.float32))

    image = torch.tensor([float(not row.no_image) for row in rows])
    before = floats([row.pair.before for row in rows])
    return Batch(
        before=before * image[:, None, None, None],
        after=floats([row.pair.after for row in rows]),
        noise=floats([row.noise for row in rows]),
        timestep=torch.tensor([row.timestep for row in rows]),
        ids=token_ids(tokenizer, [row.words for row in rows]),
        text=torch.tensor([float(not row.no_text) for row in rows]),
        image=image,
        region=floats([row.pair.region for row in rows]),
        nouns=torch.from_numpy(np.stack([row.pair.nouns for row in rows])).long(),
    )


def batches(stream: EditStream, first_step: int) -> Iterator[Batch]:
    """Batches from ``first_step`` on, prepared ahead by one worker process.

    One, because what a worker remembers is its own.
    """
    loader: DataLoader[Batch] = DataLoader(
        stream,
        batch_size=None,
        sampler=range(first_step, 2**40),
        num_workers=1,
        prefetch_factor=8,
        worker_init_fn=one_thread,
        multiprocessing_context="fork",
    )
    return iter(loader)
