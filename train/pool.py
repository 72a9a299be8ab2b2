"""Training batches on a GPU, which learns many times faster than one process draws.

Processes draw and word pairs without end; the GPU encodes them and keeps them, and batches are
made of what it has. Which pairs that is depends on how fast they are drawn: unlike a run on
`train.stream`, one on this does not repeat to the bit.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from queue import Queue
from typing import Final

import cv2
import numpy as np
import torch
from diffusers import AutoencoderTiny
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from transformers import CLIPTokenizer

from train.autoencoder import encode
from train.forks import one_thread
from train.recipe import UNetRecipe
from train.staging import Studio, generator
from train.stream import (
    LAST_TIMESTEP,
    PURE_NOISE_ODDS,
    Batch,
    draw_any,
    dropped,
    in_cells,
    is_large,
    wording,
)
from train.text import token_ids

CHUNK: Final = 64
WORDINGS: Final = 6
"""Of each pair: so many sentences, one of which a visit takes."""
_LEAST: Final = 512  # pairs of a size, before the first batch is made of them


@dataclass(frozen=True, slots=True)
class Drawn:
    """A few pairs of one size: pictures ``[N, S, S, 3]`` in 0..255, ids ``[N, W, L]``, and as
    `train.stream.Encoded` has them the regions and the nouns."""

    before: Tensor
    after: Tensor
    region: Tensor
    nouns: Tensor
    ids: Tensor


class Chunks(Dataset[Drawn]):
    """``chunks[number]``: a pure function of the seed and ``number``, for any process to draw.
    Sizes alternate as those of the steps do."""

    def __init__(self, studio: Studio, tokenizer: CLIPTokenizer, recipe: UNetRecipe) -> None:
        self.studio = studio
        self.tokenizer = tokenizer
        self.recipe = recipe

    def __getitem__(self, number: int) -> Drawn:
        recipe = self.recipe
        large = is_large(recipe, number)
        size, each = (2 * recipe.size, CHUNK // 4) if large else (recipe.size, CHUNK)
        rngs = [generator(recipe.seed, number * CHUNK + i, purpose=size + 1) for i in range(each)]
        pairs = [draw_any(self.studio, size, rng, recipe) for rng in rngs]
        cells = [in_cells(pair) for pair in pairs]
        texts = [
            wording(pair.changes, rng, recipe)
            for pair, rng in zip(pairs, rngs, strict=True)
            for _ in range(WORDINGS)
        ]
        return Drawn(
            before=_bytes([pair.before for pair in pairs]),
            after=_bytes([pair.after for pair in pairs]),
            region=torch.from_numpy(np.stack([changed for changed, _ in cells])),
            nouns=torch.from_numpy(np.stack([nouns for _, nouns in cells])),
            ids=token_ids(self.tokenizer, texts).view(each, WORDINGS, -1).to(torch.int16),
        )


def _bytes(pictures: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy((np.stack(pictures) * 255).round().astype(np.uint8))


class Store:
    """Rows of tensors on a device: at most ``capacity``, the oldest given up for new ones."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.added = 0
        self._columns: tuple[Tensor, ...] = ()

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(self, rows: Sequence[Tensor]) -> None:
        """One tensor ``[N, ...]`` per column; all on one device, as at the first call."""
        if not self._columns:
            self._columns = tuple(row.new_empty(self.capacity, *row.shape[1:]) for row in rows)
        places = torch.arange(self.added, self.added + len(rows[0]), device=rows[0].device)
        for column, row in zip(self._columns, rows, strict=True):
            column[places % self.capacity] = row
        self.added += len(rows[0])

    def draw(self, number: int) -> list[Tensor]:
        """``number`` rows. The newer the likelier, in proportion to rank: while the store grows
        at an even pace, the oldest rows are then drawn but twice as often as the average."""
        device = self._columns[0].device
        ages = len(self) * (1 - torch.rand(number, device=device, dtype=torch.float64).sqrt())
        places = (self.added - 1 - ages.long()) % self.capacity
        return [column[places] for column in self._columns]


class Pool:
    """Batches from what ``chunks`` has given so far, encoded by ``vae`` on its device."""

    def __init__(
        self,
        vae: AutoencoderTiny,
        recipe: UNetRecipe,
        no_words: Tensor,
        chunks: Iterator[Drawn],
        capacity: tuple[int, int] = (2**19, 2**17),
    ) -> None:
        """``no_words``: the ids ``[L]`` of an empty text. ``capacity``: pairs of either size, of
        which the small ones take 33 kB each and the large ones 132 kB."""
        self.vae = vae
        self.recipe = recipe
        self.no_words = no_words.to(vae.device)
        self.stores = {False: Store(capacity[0]), True: Store(capacity[1])}
        self._arrived: Queue[Drawn | Exception] = Queue(maxsize=8)
        threading.Thread(target=self._follow, args=(chunks,), daemon=True).start()

    def _follow(self, chunks: Iterator[Drawn]) -> None:
        try:
            for drawn in chunks:
                self._arrived.put(drawn)
        except Exception as exc:  # for the thread that trains to raise
            self._arrived.put(exc)

    def batches(self, first_step: int) -> Iterator[Batch]:
        """Batches from ``first_step`` on, without end. Raises what drawing raised."""
        for step in count(first_step):
            large = is_large(self.recipe, step)
            while len(self.stores[large]) < min(_LEAST, self.stores[large].capacity):
                self._keep(self._arrived.get())
            for _ in range(self._arrived.qsize()):
                self._keep(self._arrived.get())
            yield self._batch(large)

    @torch.no_grad()
    def _keep(self, drawn: Drawn | Exception) -> None:
        if isinstance(drawn, Exception):
            raise drawn
        device = self.vae.device
        pictures = torch.cat([drawn.before, drawn.after]).to(device).permute(0, 3, 1, 2)
        latents = encode(self.vae, pictures.float() / 127.5 - 1).half()
        before, after = latents.chunk(2)
        others = [part.to(device) for part in (drawn.region, drawn.nouns, drawn.ids)]
        large = drawn.before.shape[1] > self.recipe.size
        self.stores[large].add([before, after, *others])

    def _batch(self, large: bool) -> Batch:
        rows = self.recipe.batch // (4 if large else 1)
        before, after, region, nouns, ids = self.stores[large].draw(rows)
        device = before.device
        no_text, no_image = dropped(self.recipe.dropout, torch.rand(rows, device=device))
        chosen = torch.randint(ids.shape[1], (rows, 1, 1), device=device).expand(
            -1, 1, ids.shape[2]
        )
        words = ids.gather(1, chosen).squeeze(1).long()
        timestep = torch.randint(LAST_TIMESTEP, (rows,), device=device)
        last = torch.rand(rows, device=device) < PURE_NOISE_ODDS
        image = (~no_image).float()
        return Batch(
            before=before.float() * image[:, None, None, None],
            after=after.float(),
            noise=torch.randn(after.shape, device=device),
            timestep=torch.where(last, LAST_TIMESTEP, timestep),
            ids=torch.where(no_text[:, None], self.no_words, words),
            text=(~no_text).float(),
            image=image,
            region=region.float(),
            nouns=nouns.long(),
        )


def draw(chunks: Chunks, processes: int) -> Iterator[Drawn]:
    """Chunks without end, other ones at each start, drawn ahead by processes that are forked here:
    call this before anything has touched a GPU."""
    cv2.setNumThreads(1)  # a fork that inherits a pool without its threads waits for ever
    first = secrets.randbelow(2**31)
    loader: DataLoader[Drawn] = DataLoader(
        chunks,
        batch_size=None,
        sampler=range(first, 2**40),
        num_workers=processes,
        prefetch_factor=2,
        worker_init_fn=one_thread,
        multiprocessing_context="fork",
        in_order=False,
    )
    return iter(loader)
