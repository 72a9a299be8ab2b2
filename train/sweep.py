"""Which defaults serve best, and whether guidance does what it promises.

One axis at a time around the best so far, the cheapest first: a dearer setting has to be right in
one case of a hundred more. The cases are of the base split, but not those of the evaluation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any, Final

import numpy as np

from train.cases import Case
from train.evaluate import Sample, Scorer, Studios, drawn
from train.picture import Picture
from train.sampling import SCHEDULERS, Pipeline, Settings
from train.scores import Score, mean, squared_error
from train.suites import BASE, NO_OPS

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

    def __init__(self, pipeline: Pipeline, studios: Studios, sample: Sample) -> None:
        self._scorers = [Scorer(pipeline, cases) for cases, _ in drawn(studios, sample)]

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


def sweep(measure: Callable[[Settings], Outcome], start: Settings) -> Sweep:
    """Measures every axis around the best so far, beginning at the cheapest of each; no setting
    twice."""
    look = cache(measure)
    best = look(replace(start, **{name: values[0] for name, values in AXES}))
    tried = {best.settings: best}
    for name, values in AXES:
        for value in values:
            outcome = look(replace(best.settings, **{name: value}))
            tried[outcome.settings] = outcome
            if outcome.right > best.right + _WORTH_IT:
                best = outcome
    text = tuple(look(replace(best.settings, text_guidance=s)).strength for s in SCALES)
    image = tuple(look(replace(best.settings, image_guidance=s)).strength for s in SCALES)
    return Sweep(tuple(tried.values()), best.settings, text, image)


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
