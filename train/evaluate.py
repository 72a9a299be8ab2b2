"""How right the edits are: every row of every split, edited by the pipeline and judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from train.cases import Case, draw_case
from train.picture import Picture
from train.recipe import Recipe
from train.sampling import Pipeline, Settings, autoencoded, edit
from train.scores import Score, refer, score
from train.stages import open_studio
from train.staging import Studio
from train.suites import BASE, Size, Source, Split, rows_of

SEED: Final = 11
SHOWN: Final = {BASE.name: 4}
"""How many cases of a row are shown, the first ones; of other splits one."""

Studios = Mapping[Source, Studio]
Numbers = Mapping[str, float]
"""Some numbers of a ``Score``, by name."""
Verdict = Callable[[Sequence[Picture]], Sequence[Numbers]]
"""Judges the outputs of some cases."""
Critic = Callable[[Sequence[Case]], Verdict]
"""Looks at cases once, and makes the judge of any outputs for them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """How many cases to draw, and which."""

    size: Size
    per_row: int
    seed: int = SEED


@dataclass(frozen=True, slots=True)
class Edited:
    """A case as a split asked for it, what came out and what it is worth."""

    split: str
    text: str
    case: Case
    output: Picture
    score: Score


@dataclass(frozen=True, slots=True)
class Found:
    """What an evaluation leaves: the scores of all cases by split and row, and some pictures."""

    scores: Mapping[tuple[str, str], Sequence[Score]]
    shown: Sequence[Edited]


@dataclass(frozen=True, slots=True)
class Part:
    """What is evaluated in one go: the splits of a source share its cases."""

    source: Source
    row: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A pipeline at some settings, and what it is asked."""

    pipeline: Pipeline
    settings: Settings
    studios: Studios
    splits: Sequence[Split]
    sample: Sample
    critics: Sequence[Critic] = ()

    def parts(self) -> list[Part]:
        size = self.sample.size
        return [Part(source, row) for source in self.studios for row in rows_of(source, size)]

    def judge(self, part: Part) -> Found:
        """Edits and judges the cases of a part."""
        cases = draw_cases(self.studios[part.source], part, self.sample)
        scorer = Scorer(self.pipeline, cases, self.critics)
        scores: dict[tuple[str, str], Sequence[Score]] = {}
        shown: list[Edited] = []
        for split in self.splits:
            if split.source == part.source:
                texts = [case.words(split) for case in cases]
                outputs, found = scorer.run(texts, self.settings)
                scores[split.name, part.row] = found
                edits = map(Edited, [split.name] * len(cases), texts, cases, outputs, found)
                shown.extend(list(edits)[: SHOWN.get(split.name, 1)])
        return Found(scores, shown)


def open_studios(recipe: Recipe, splits: Sequence[Split], size: Size) -> Studios:
    """A studio for every source of the splits. Raises what opening them raises."""
    sources = list(dict.fromkeys(split.source for split in splits))
    sides = {side for source in sources for side in (source.photos, source.cutouts)}
    pixels = max(size.width, size.height)
    whole = {side: open_studio(recipe, side, pixels) for side in sorted(sides)}
    return {
        source: replace(whole[source.cutouts], photos=whole[source.photos].photos)
        for source in sources
    }


def draw_cases(studio: Studio, part: Part, sample: Sample) -> list[Case]:
    """The cases of a part."""
    return [
        draw_case(studio, part.row, number, sample.size, part.source.combination, sample.seed)
        for number in range(sample.per_row)
    ]


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
