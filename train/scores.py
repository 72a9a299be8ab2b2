"""What became of an edit, in numbers.

The yes-or-no questions compare with what the autoencoder makes of the target and of the input: the
best that an output could be, and what a model that does nothing would give. PSNR and SSIM are
against the true target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from train.cases import Case
from train.picture import Picture, luminance, soften
from train.suites import NO_OPS
from train.whole import RANDOM_TARGET

UNHARMED: Final = 26.0  # dB: the least outside the region
UNCHANGED: Final = 28.0  # dB: the least where nothing is to change
NONE: Final = float("nan")
_SSIM_SIGMA: Final = 1.5
_SMALLEST_REST: Final = 0.02  # share of a picture that is worth a number of its own
_GRAIN: Final = 0.03  # what is finer than this part of a picture is grain


@dataclass(frozen=True, slots=True)
class Score:
    """Of one output, or the mean of many; NaN where a number makes no sense.

    ``psnr`` (dB) and ``ssim`` are against the target in the region, or everywhere where nothing is
    to change; ``nothing`` is the same of the autoencoded input, ``best`` of the autoencoded target.
    ``rest`` (dB) is against the target outside the region. ``tone`` and ``grain`` of a random
    target are the errors of its statistics as a share of the error of doing nothing.

    The questions are 0 or 1: is it ``closer`` to the target than to the input, does it ``halve``
    the squared error of doing nothing, is the rest ``unharmed``; and ``success``: closer and
    unharmed, or unchanged as it should be. ``direction`` is CLIP's (-1..1), ``found`` 1 if the
    named object is (or is no longer) there, each also of the true target.
    """

    psnr: float = NONE
    psnr_nothing: float = NONE
    psnr_best: float = NONE
    ssim: float = NONE
    ssim_nothing: float = NONE
    ssim_best: float = NONE
    rest: float = NONE
    rest_best: float = NONE
    tone: float = NONE
    grain: float = NONE
    closer: float = NONE
    halves: float = NONE
    unharmed: float = NONE
    success: float = NONE
    direction: float = NONE
    direction_best: float = NONE
    found: float = NONE
    found_nothing: float = NONE
    found_best: float = NONE


NUMBERS: Final = tuple(field.name for field in fields(Score))


@dataclass(frozen=True, slots=True)
class Reference:
    """A case's pictures as the autoencoder shows them, ``[H, W, 3]`` in 0..1, and the numbers of
    ``Score`` that no output changes."""

    before: Picture
    after: Picture
    numbers: Score


def refer(case: Case, before: Picture, after: Picture) -> Reference:
    """Of the case's input and target as the autoencoder shows them."""
    if case.row in RANDOM_TARGET:
        return Reference(before, after, Score())
    region = _judged(case)
    nothing, best = (_alike(case, region, picture) for picture in (before, after))
    numbers = Score(
        psnr_nothing=nothing[0],
        ssim_nothing=nothing[1],
        psnr_best=best[0],
        ssim_best=best[1],
        rest_best=_rest(case, after, case.after),
    )
    return Reference(before, after, numbers)


def score(case: Case, reference: Reference, output: Picture) -> Score:
    """Judges an output ``[H, W, 3]``, without CLIP."""
    if case.row in RANDOM_TARGET:
        return _statistical(reference, output)
    psnr, alike = _alike(case, _judged(case), output)
    found = replace(reference.numbers, psnr=psnr, ssim=alike)
    if case.row in NO_OPS:
        return replace(found, success=float(psnr >= UNCHANGED))
    to_target = squared_error(output, reference.after, case.region)
    to_input = squared_error(output, reference.before, case.region)
    between = squared_error(reference.before, reference.after, case.region)
    harm = _rest(case, output, reference.after)
    return replace(
        found,
        rest=_rest(case, output, case.after),
        closer=float(to_target < to_input),
        halves=float(to_target < 0.5 * between),
        unharmed=NONE if np.isnan(harm) else float(harm >= UNHARMED),
        success=float(to_target < to_input and not harm < UNHARMED),
    )


def mean(scores: Sequence[Score]) -> Score:
    """Number by number, over the scores that have it."""
    table = np.array([[getattr(item, name) for name in NUMBERS] for item in scores])
    known = np.isfinite(table)
    totals, counts = np.where(known, table, 0).sum(axis=0), known.sum(axis=0)
    return Score(*(float(t / n) if n else NONE for t, n in zip(totals, counts, strict=True)))


def squared_error(one: Picture, other: Picture, region: NDArray[np.bool_] | None = None) -> float:
    """Mean squared difference of two pictures in a region, or everywhere."""
    squares = np.square(one - other)
    return float((squares if region is None else squares[region]).mean())


def decibels(squared: float) -> float:
    """PSNR of a mean squared error of pictures in 0..1, at most 60."""
    return float(-10 * np.log10(max(squared, 1e-6)))


def ssim(one: Picture, other: Picture) -> NDArray[np.float32]:
    """Structural similarity of the luminances of two pictures, ``[H, W]`` (Wang et al. 2004)."""
    x, y = luminance(one)[..., 0], luminance(other)[..., 0]
    mean_x, mean_y, xx, yy, xy = (
        cv2.GaussianBlur(values, (11, 11), _SSIM_SIGMA) for values in (x, y, x * x, y * y, x * y)
    )
    cross, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    like = (2 * cross + 1e-4) * (2 * (xy - cross) + 9e-4)
    unlike = (squares + 1e-4) * (xx + yy - squares + 9e-4)
    return np.asarray(like / unlike, np.float32)


def statistics(picture: Picture) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a random target is judged by. Its tone: mean of each channel, and contrast. Its grain,
    as shares of the contrast: what is brighter than its surroundings, and upright streaks."""
    grey = luminance(picture)
    fine = (grey - soften(grey, _GRAIN))[..., 0]
    bright = np.sqrt(np.square(np.maximum(fine, 0)).mean())
    contrast, upright = float(grey.std()), fine.mean(axis=0).std()
    tone = np.array([*picture.mean(axis=(0, 1)), contrast])
    return tone, np.array([bright, upright]) / (contrast + 0.02)


def _judged(case: Case) -> NDArray[np.bool_]:
    """Where an output is compared with the target: in the region, or everywhere without one."""
    return case.region if case.region.any() else np.ones_like(case.region)


def _alike(case: Case, region: NDArray[np.bool_], picture: Picture) -> tuple[float, float]:
    """PSNR and SSIM of a picture against the true target."""
    psnr = decibels(squared_error(picture, case.after, region))
    return psnr, float(ssim(picture, case.after)[region].mean())


def _rest(case: Case, picture: Picture, target: Picture) -> float:
    """PSNR outside the region."""
    outside = ~case.region
    if case.row in NO_OPS or outside.mean() < _SMALLEST_REST:
        return NONE
    return decibels(squared_error(picture, target, outside))


def _statistical(reference: Reference, output: Picture) -> Score:
    """Tone and grain each have to be nearer to the target's than to the input's, or to halve."""
    shown = (output, reference.after, reference.before)
    errors = [
        tuple(float(np.square(one - other).sum()) for one, other in combinations(group, 2))
        for group in zip(*map(statistics, shown), strict=True)
    ]  # of tone and of grain: output to target, output to input, target to input
    tone, grain = (to_target / max(between, 1e-9) for to_target, _, between in errors)
    closer = all(to_target < to_input for to_target, to_input, _ in errors)
    halves = all(to_target < 0.5 * between for to_target, _, between in errors)
    return Score(
        tone=tone, grain=grain, closer=float(closer), halves=float(halves), success=float(closer)
    )
