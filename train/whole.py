"""Whole-picture edits with exact targets: what the model learns to do to a picture.

An edit is a function of a float32 RGB picture ``[H, W, 3]`` in 0..1 that returns another one.
Each is pure and varies smoothly with the picture, so that a small model can learn it from few
samples and a number can say whether it did; the random part of ``RANDOM_TARGET`` is the exception.
Lengths are relative to the shorter side, so an edit looks the same at every size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from train import drawn, grainy
from train.changes import COLOURS, KEEP, WHOLE_KINDS, Change
from train.picture import Picture, elevation, finish, luminance, radius, scale, soften
from train.styles import STYLES, Styles

__all__ = ["DETERMINISTIC", "RANDOM_TARGET", "Picture", "apply", "changes"]


def keep(picture: Picture) -> Picture:
    return picture.copy()


def black_and_white(picture: Picture) -> Picture:
    return finish(np.repeat(luminance(picture), 3, axis=2))


def sepia(picture: Picture) -> Picture:
    return finish(scale(np.repeat(luminance(picture), 3, axis=2), 1.07, 0.87, 0.64))


def night(picture: Picture) -> Picture:
    faded = 0.5 * picture + 0.5 * luminance(picture)
    return finish(scale(faded**1.3, 0.24, 0.32, 0.56))


def sunset(picture: Picture) -> Picture:
    warm = scale(picture, 1.08, 0.76, 0.50)
    glow = np.array([0.30, 0.12, 0.02], np.float32) * (0.4 + 0.6 * elevation(picture))
    return finish(warm * 0.92 + glow)


def cold(picture: Picture) -> Picture:
    faded = 0.7 * picture + 0.3 * luminance(picture)
    return finish(scale(faded, 0.78, 0.96, 1.08) + np.array([0.0, 0.03, 0.10], np.float32))


def invert(picture: Picture) -> Picture:
    return finish(1.0 - picture)


def brighter(picture: Picture) -> Picture:
    return finish(1.0 - (1.0 - picture) ** 1.9)


def darker(picture: Picture) -> Picture:
    return finish(0.85 * picture**1.6)


def more_contrast(picture: Picture) -> Picture:
    return finish(0.5 + 0.5 * np.tanh(3.6 * (picture - 0.5)) / np.tanh(1.8))


def less_contrast(picture: Picture) -> Picture:
    return finish(0.5 + 0.45 * (picture - 0.5))


def more_colour(picture: Picture) -> Picture:
    grey = luminance(picture)
    return finish(grey + 2.0 * (picture - grey))


def less_colour(picture: Picture) -> Picture:
    grey = luminance(picture)
    return finish(grey + 0.35 * (picture - grey))


def fog(picture: Picture) -> Picture:
    density = 0.50 + 0.25 * elevation(picture)
    soft = soften(picture, 0.008)
    return finish(soft * (1 - density) + 0.86 * density)


def blur(picture: Picture) -> Picture:
    return finish(soften(picture, 0.025))


def vignette(picture: Picture) -> Picture:
    return finish(picture * (1.0 - 0.85 * np.clip(radius(picture) - 0.25, 0, 1) ** 1.2))


def vintage(picture: Picture) -> Picture:
    faded = 0.6 * picture + 0.4 * luminance(picture)
    lifted = 0.16 + 0.70 * faded
    return finish(scale(lifted, 1.10, 1.0, 0.78) * (1.0 - 0.25 * radius(picture) ** 2))


def tint(picture: Picture, colour: str) -> Picture:
    """Black to ``colour`` to white along the luminance, with a third of the picture kept."""
    hue = np.array(COLOURS[colour], np.float32)
    grey = luminance(picture)
    shade = np.where(grey < 0.5, 2 * grey * hue, hue + (2 * grey - 1) * (1 - hue))
    return finish(0.3 * picture + 0.7 * shade)


_EDITS: Final[dict[str, Callable[[Picture], Picture]]] = {
    "keep": keep,
    "black_and_white": black_and_white,
    "sepia": sepia,
    "night": night,
    "sunset": sunset,
    "cold": cold,
    "invert": invert,
    "brighter": brighter,
    "darker": darker,
    "more_contrast": more_contrast,
    "less_contrast": less_contrast,
    "more_colour": more_colour,
    "less_colour": less_colour,
    "fog": fog,
    "blur": blur,
    "sketch": drawn.sketch,
    "ink": drawn.ink,
    "oil": drawn.oil,
    "watercolour": drawn.watercolour,
    "cartoon": drawn.cartoon,
    "pixel_art": drawn.pixel_art,
    "snow": grainy.snow,
    "rain": grainy.rain,
    "vignette": vignette,
    "vintage": vintage,
    "old_film": grainy.old_film,
}
RANDOM_TARGET: Final = frozenset({"snow", "rain", "old_film"})
"""Kinds with a part that no model can guess: scored by other means than PSNR."""
DETERMINISTIC: Final = frozenset({KEEP, *WHOLE_KINDS}) - RANDOM_TARGET
"""Kinds scored by PSNR, "keep" among them."""


def changes() -> tuple[Change, ...]:
    """Every whole-picture change: one per kind, tint once per colour. "keep" is none."""
    plain = (Change(kind) for kind in WHOLE_KINDS if kind != "tint")
    return (*plain, *(Change("tint", colour=colour) for colour in COLOURS))


def apply(change: Change, picture: Picture, styles: Styles | None = None) -> Picture:
    """The picture ``[H, W, 3]`` after a whole-picture change or "keep": a new array of its shape.

    ``styles`` is needed for the kinds of ``train.styles.STYLES`` alone. Raises ``ValueError`` for a
    change that is of another kind, or lacks what its kind needs.
    """
    if change.kind in STYLES:
        if styles is None:
            raise ValueError(
                f"{change.kind!r} is painted by a network: pass styles=open_styles(folder)"
            )
        return styles.apply(change.kind, picture)
    if change.kind == "tint":
        if change.colour not in COLOURS:
            raise ValueError(f"tint has no colour {change.colour!r}: use one of {list(COLOURS)}")
        return tint(picture, change.colour)
    if change.kind not in _EDITS:
        raise ValueError(
            f"{change.kind!r} is no whole-picture kind: use one of {[KEEP, *WHOLE_KINDS]}"
        )
    return _EDITS[change.kind](picture)
