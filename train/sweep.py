"""Which defaults serve best, and whether guidance does what it promises.

One axis at a time around the best so far, the cheapest first: a dearer setting has to be right in
one case of a hundred more. The cases are of the base split, but not those of the evaluation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from train.cases import Case
from train.evaluate import Part, Sample, Scorer, draw_cases
from train.picture import Picture
from train.sampling import SCHEDULERS, Pipeline, Settings
from train.scores import Score, mean, squared_error
from train.staging import Studio
from train.suites import BASE, NO_OPS, rows_of

SEED: Final = 23
AXES: Final[tuple[tuple[str, tuple[Any, ...]], ...]] = (
    ("steps", (1, 2, 4, 8)),
    ("sampler", tuple(SCHEDULERS)),
    ("text_guidance", (1.0, 1.25, 1.5, 2.0, 3.0)),
    ("image_guidance", (1.0, 1.2, 1.5, 2.0)),
)
SCALES: Final = (1.0, 1.5, 2.0, 3.0)
_WORTH_IT: Final = 0.01


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a setting makes of the calibration cases. ``right`` is the share that halves the error
    and leaves the rest unharmed (or everything, where nothing is to change); ``strength`` the root
    mean square distance of edits from their input."""

    settings: Settings
    right: float
    psnr: float
    keep: float
    strength: float


@dataclass(frozen=True, slots=True)
class Sweep:
    """``outcomes`` of all settings tried, the ``best``, and strengths over ``SCALES`` of s_T and
    of s_I around it."""

    outcomes: tuple[Outcome, ...]
    best: Settings
    text_strengths: tuple[float, ...]
    image_strengths: tuple[float, ...]

    @property
    def stronger_with_text(self) -> bool:
        return all(low < high for low, high in pairwise(self.text_strengths))

    @property
    def nearer_with_image(self) -> bool:
        return all(low > high for low, high in pairwise(self.image_strengths))


class Calibration:
    """The cases, drawn and encoded once."""

    def __init__(self, pipeline: Pipeline, studio: Studio, sample: Sample) -> None:
        parts = [Part(BASE.source, row) for row in rows_of(BASE.source, sample.size)]
        self._scorers = [Scorer(pipeline, draw_cases(studio, part, sample)) for part in parts]

    def measure(self, settings: Settings) -> Outcome:
        """Edits and judges all of them."""
        rows: dict[str, Score] = {}
        right: list[float] = []
        strengths: list[float] = []
        for scorer in self._scorers:
            texts = [case.words(BASE) for case in scorer.cases]
            outputs, scores = scorer.run(texts, settings)
            row = scorer.cases[0].row
            rows[row] = mean(scores)
            right.extend(map(_right, scores))
            if row not in NO_OPS:
                strengths.append(_distance(scorer.cases, outputs))
        edits = [score for row, score in rows.items() if row not in NO_OPS]
        still = [score for row, score in rows.items() if row in NO_OPS]
        return Outcome(
            settings,
            right=float(np.mean(right)),
            psnr=mean(edits).psnr,
            keep=mean(still).psnr,
            strength=float(np.mean(strengths)),
        )


def sweep(measure: Callable[[Sequence[Settings]], Iterable[Outcome]], start: Settings) -> Sweep:
    """Measures every axis around the best of those before it, and no setting twice. ``measure``
    keeps the order."""
    tried: dict[Settings, Outcome] = {}

    def along(best: Settings, name: str, values: Iterable[Any]) -> list[Outcome]:
        wanted = [replace(best, **{name: value}) for value in values]
        fresh = [settings for settings in wanted if settings not in tried]
        tried.update(zip(fresh, measure(fresh), strict=True))
        return [tried[settings] for settings in wanted]

    best = replace(start, **{name: values[0] for name, values in AXES})
    for name, values in AXES:
        best = _cheapest_of_the_best(along(best, name, values)).settings
    text, image = (
        tuple(outcome.strength for outcome in along(best, name, SCALES))
        for name in ("text_guidance", "image_guidance")
    )
    return Sweep(tuple(tried.values()), best, text, image)


def _cheapest_of_the_best(outcomes: Sequence[Outcome]) -> Outcome:
    best = outcomes[0]
    for outcome in outcomes[1:]:
        if outcome.right > best.right + _WORTH_IT:
            best = outcome
    return best


def line(outcome: Outcome) -> str:
    """An outcome in a line of text."""
    s = outcome.settings
    return (
        f"{s.steps} steps  {s.sampler:8}  s_T {s.text_guidance:<4}  s_I {s.image_guidance:<4}  "
        f"right {outcome.right:6.1%}  PSNR {outcome.psnr:5.2f}  nothing to change "
        f"{outcome.keep:5.2f}  strength {outcome.strength:.4f}"
    )


def summary(found: Sweep) -> str:
    """The best settings and the two promises of guidance."""
    scales = ", ".join(map(str, SCALES))
    text, image = (
        " ".join(f"{strength:.4f}" for strength in strengths)
        for strengths in (found.text_strengths, found.image_strengths)
    )
    return (
        f"best: {found.best}\n"
        f"distance to the input at s_T {scales}: {text} (grows: {found.stronger_with_text})\n"
        f"distance to the input at s_I {scales}: {image} (shrinks: {found.nearer_with_image})"
    )


def to_json(found: Sweep) -> str:
    """All of it."""
    promises = {"grows": found.stronger_with_text, "shrinks": found.nearer_with_image}
    return json.dumps({**asdict(found), "scales": SCALES, **promises}, indent=1) + "\n"


def _right(score: Score) -> float:
    if np.isnan(score.halves):
        return score.success
    return score.halves * (1.0 if np.isnan(score.unharmed) else score.unharmed)


def _distance(cases: Sequence[Case], outputs: Sequence[Picture]) -> float:
    errors = [squared_error(out, case.before) for case, out in zip(cases, outputs, strict=True)]
    return float(np.mean(np.sqrt(errors)))
