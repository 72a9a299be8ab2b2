"""Whole-picture edits with exact targets: what the model learns to do.

An edit is a function of a float32 RGB picture ``[H, W, 3]`` in 0..1 that returns another one.
Each is deterministic and varies smoothly with the picture, so that a small model can learn it from
few samples and a number can say whether it did. Lengths are relative to the shorter side, so an
edit looks the same at every size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.86, 0.12, 0.12),
    "orange": (0.96, 0.52, 0.08),
    "yellow": (0.95, 0.85, 0.12),
    "green": (0.14, 0.66, 0.20),
    "turquoise": (0.10, 0.74, 0.70),
    "blue": (0.12, 0.30, 0.88),
    "purple": (0.52, 0.16, 0.78),
    "pink": (0.98, 0.48, 0.70),
}


def luminance(picture: Picture) -> Picture:
    """Rec. 601 luma, ``[H, W, 1]``."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(picture @ weights, np.float32)[..., None]


def _finish(picture: NDArray[np.floating]) -> Picture:
    return np.asarray(np.clip(picture, 0.0, 1.0), np.float32)


def _scale(picture: NDArray[np.floating], red: float, green: float, blue: float) -> Picture:
    return np.asarray(picture * np.array([red, green, blue]), np.float32)


def _soften(picture: Picture, fraction: float) -> Picture:
    sigma = fraction * min(picture.shape[:2])
    soft = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(soft, np.float32).reshape(picture.shape)


def _radius(picture: Picture) -> Picture:
    """Distance from the centre, 1 in the corners, ``[H, W, 1]``."""
    height, width = picture.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    return np.asarray(np.sqrt((x * x + y * y) / 2), np.float32)


def _height(picture: Picture) -> Picture:
    """0 at the bottom row, 1 at the top row, ``[H, 1, 1]``."""
    return np.linspace(1, 0, picture.shape[0], dtype=np.float32)[:, None, None]


def keep(picture: Picture) -> Picture:
    return picture.copy()


def black_and_white(picture: Picture) -> Picture:
    return _finish(np.repeat(luminance(picture), 3, axis=2))


def sepia(picture: Picture) -> Picture:
    return _finish(_scale(np.repeat(luminance(picture), 3, axis=2), 1.07, 0.87, 0.64))


def night(picture: Picture) -> Picture:
    faded = 0.5 * picture + 0.5 * luminance(picture)
    return _finish(_scale(faded**1.3, 0.24, 0.32, 0.56))


def sunset(picture: Picture) -> Picture:
    warm = _scale(picture, 1.08, 0.76, 0.50)
    glow = np.array([0.30, 0.12, 0.02], np.float32) * (0.4 + 0.6 * _height(picture))
    return _finish(warm * 0.92 + glow)


def cold(picture: Picture) -> Picture:
    faded = 0.7 * picture + 0.3 * luminance(picture)
    return _finish(_scale(faded, 0.78, 0.96, 1.08) + np.array([0.0, 0.03, 0.10], np.float32))


def invert(picture: Picture) -> Picture:
    return _finish(1.0 - picture)


def brighter(picture: Picture) -> Picture:
    return _finish(1.0 - (1.0 - picture) ** 1.9)


def darker(picture: Picture) -> Picture:
    return _finish(0.85 * picture**1.6)


def more_contrast(picture: Picture) -> Picture:
    return _finish(0.5 + 0.5 * np.tanh(3.6 * (picture - 0.5)) / np.tanh(1.8))


def less_contrast(picture: Picture) -> Picture:
    return _finish(0.5 + 0.45 * (picture - 0.5))


def more_colour(picture: Picture) -> Picture:
    grey = luminance(picture)
    return _finish(grey + 2.0 * (picture - grey))


def less_colour(picture: Picture) -> Picture:
    grey = luminance(picture)
    return _finish(grey + 0.35 * (picture - grey))


def fog(picture: Picture) -> Picture:
    density = 0.50 + 0.25 * _height(picture)
    soft = _soften(picture, 0.008)
    return _finish(soft * (1 - density) + 0.86 * density)


def blur(picture: Picture) -> Picture:
    return _finish(_soften(picture, 0.025))


def sketch(picture: Picture) -> Picture:
    """Pencil drawing by colour dodge: luminance over its own blur."""
    grey = luminance(picture)
    dodge = (grey + 0.06) / (_soften(grey, 0.02) + 0.06)
    return _finish(np.repeat(np.minimum(dodge, 1.0) ** 1.5, 3, axis=2) * 0.96)


def vignette(picture: Picture) -> Picture:
    return _finish(picture * (1.0 - 0.85 * np.clip(_radius(picture) - 0.25, 0, 1) ** 1.2))


def vintage(picture: Picture) -> Picture:
    faded = 0.6 * picture + 0.4 * luminance(picture)
    lifted = 0.16 + 0.70 * faded
    return _finish(_scale(lifted, 1.10, 1.0, 0.78) * (1.0 - 0.25 * _radius(picture) ** 2))


def tint(picture: Picture, colour: str) -> Picture:
    """Black to ``colour`` to white along the luminance, with a third of the picture kept."""
    hue = np.array(COLOURS[colour], np.float32)
    grey = luminance(picture)
    shade = np.where(grey < 0.5, 2 * grey * hue, hue + (2 * grey - 1) * (1 - hue))
    return _finish(0.3 * picture + 0.7 * shade)


def _tint_with(colour: str) -> Callable[[Picture], Picture]:
    return lambda picture: tint(picture, colour)


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing the model can do. ``share`` is its relative frequency in training."""

    kind: str
    apply: Callable[[Picture], Picture]
    share: float = 1.0
    colour: str | None = None

    @property
    def name(self) -> str:
        """Unique over the table: the kind, with the colour where there is one."""
        return self.kind if self.colour is None else f"{self.kind}-{self.colour}"


EDITS: tuple[Edit, ...] = (
    Edit("keep", keep, share=1.5),
    Edit("black_and_white", black_and_white),
    Edit("sepia", sepia),
    Edit("night", night),
    Edit("sunset", sunset),
    Edit("cold", cold),
    Edit("invert", invert, share=1.3),
    Edit("brighter", brighter),
    Edit("darker", darker),
    Edit("more_contrast", more_contrast),
    Edit("less_contrast", less_contrast),
    Edit("more_colour", more_colour),
    Edit("less_colour", less_colour),
    Edit("fog", fog),
    Edit("blur", blur),
    Edit("sketch", sketch, share=1.3),
    Edit("vignette", vignette),
    Edit("vintage", vintage),
    *(Edit("tint", _tint_with(name), share=0.3, colour=name) for name in COLOURS),
)
EDIT_BY_NAME: dict[str, Edit] = {edit.name: edit for edit in EDITS}
