"""How right the edits are: every row of every split of a suite, edited by the pipeline and judged.

A worker process draws the cases of the next row while this one edits those of the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch.utils.data import DataLoader, Dataset

from train.cases import Case, draw_case
from train.picture import Picture
from train.recipe import Recipe
from train.sampling import Pipeline, Settings, autoencoded, edit
from train.scores import Score, refer, score
from train.stages import open_studio
from train.staging import Studio
from train.suites import Size, Source, Split, rows_of

SEED: Final = 11


@dataclass(frozen=True, slots=True)
class Edited:
    """A case as a split asked for it, what came out and what it is worth."""

    split: str
    text: str
    case: Case
    output: Picture
    score: Score


@dataclass(frozen=True, slots=True)
class Sample:
    """How many cases to draw, and which."""

    size: Size
    per_row: int
    seed: int = SEED


Studios = Mapping[Source, Studio]
Numbers = Mapping[str, float]
"""Some numbers of a ``Score``, by name."""
Verdict = Callable[[Sequence[Picture]], Sequence[Numbers]]
"""Judges the outputs of some cases."""
Critic = Callable[[Sequence[Case]], Verdict]
"""Looks at cases once, and makes the judge of any outputs for them."""


def open_studios(recipe: Recipe, splits: Sequence[Split], size: Size) -> Studios:
    """A studio for every source of the splits. Raises what opening them raises."""
    sources = {split.source for split in splits}
    sides = {side for source in sources for side in (source.photos, source.cutouts)}
    pixels = max(size.width, size.height)
    whole = {side: open_studio(recipe, side, pixels) for side in sorted(sides)}
    return {
        source: replace(whole[source.cutouts], photos=whole[source.photos].photos)
        for source in sources
    }


def count(splits: Sequence[Split], sample: Sample) -> int:
    """The number of edits in an evaluation."""
    return sum(len(rows_of(split.source, sample.size)) for split in splits) * sample.per_row


def evaluate(
    pipeline: Pipeline,
    settings: Settings,
    studios: Studios,
    splits: Sequence[Split],
    sample: Sample,
    critics: Sequence[Critic] = (),
) -> Iterator[Edited]:
    """Edits and judges every case, row by row."""
    for cases, source in drawn(studios, sample):
        scorer = Scorer(pipeline, cases, critics)
        for split in splits:
            if split.source == source:
                texts = [case.words(split) for case in cases]
                for item in zip(texts, cases, *scorer.run(texts, settings), strict=True):
                    yield Edited(split.name, *item)


def drawn(studios: Studios, sample: Sample) -> Iterator[tuple[list[Case], Source]]:
    """The cases of every row of every source, drawn ahead by a worker process."""
    loader: DataLoader[tuple[list[Case], Source]] = DataLoader(
        _Rows(studios, sample),
        batch_size=None,
        num_workers=1,
        prefetch_factor=2,
        worker_init_fn=_one_thread,
        multiprocessing_context="fork",
    )
    return iter(loader)


class _Rows(Dataset[tuple[list[Case], Source]]):
    """``rows[i]``: the cases of one row of one source."""

    def __init__(self, studios: Studios, sample: Sample) -> None:
        self.studios = studios
        self.sample = sample
        self.items = [(s, row) for s in studios for row in rows_of(s, sample.size)]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[list[Case], Source]:
        source, row = self.items[index]
        sample, studio = self.sample, self.studios[source]
        numbers = range(sample.per_row)
        return [
            draw_case(studio, row, number, sample.size, source.combination, sample.seed)
            for number in numbers
        ], source


def _one_thread(worker: int) -> None:
    torch.set_num_threads(1)


class Scorer:
    """Edits some cases, in any words and settings, and judges the outputs. What it needs of inputs
    and targets is computed once."""

    def __init__(
        self, pipeline: Pipeline, cases: Sequence[Case], critics: Sequence[Critic] = ()
    ) -> None:
        self.pipeline = pipeline
        self.cases = cases
        before = autoencoded(pipeline.vae, [case.before for case in cases])
        after = autoencoded(pipeline.vae, [case.after for case in cases])
        self.references = list(map(refer, cases, before, after))
        self.verdicts = [critic(cases) for critic in critics]

    def run(
        self, texts: Sequence[str], settings: Settings
    ) -> tuple[Sequence[Picture], Sequence[Score]]:
        """Outputs and scores, in the order of the cases."""
        pictures = [case.before for case in self.cases]
        seeds = [1000 * case.seed + case.number for case in self.cases]
        outputs = edit(self.pipeline, pictures, texts, seeds, settings)
        scores = list(map(score, self.cases, self.references, outputs))
        for verdict in self.verdicts:
            scores = [replace(s, **more) for s, more in zip(scores, verdict(outputs), strict=True)]
        return outputs, scores
