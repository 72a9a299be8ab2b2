"""Edits that redraw a photo by hand: pencil, ink, oil, watercolour, cartoon, pixels.

Each varies smoothly with the picture: thresholds are soft, quantisation is a ripple rather than
steps. Otherwise two pictures that look alike would have targets that do not.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from train.picture import Picture, finish, luminance, saturate, soften

_PAPER: Final = np.array([0.96, 0.94, 0.89], np.float32)
_INK: Final = np.array([0.09, 0.09, 0.12], np.float32)
_CELLS: Final = 16  # pixels of pixel art along the shorter side


def _outlines(grey: Picture, fraction: float, strength: float) -> Picture:
    """1 on even ground, towards 0 on the dark side of an edge, ``[H, W, 1]``. The lines are about
    ``fraction`` of the shorter side wide."""
    fall = soften(grey, 1.6 * fraction) - soften(grey, fraction)
    return np.asarray(1 - np.tanh(strength * np.maximum(fall - 0.006, 0)), np.float32)


def _daub(picture: Picture, fraction: float, decision: float = 4.0) -> Picture:
    """Kuwahara filter with soft decisions: each pixel becomes a mix of the means of the four
    squares that it is a corner of, and the evener a square is, the more it counts."""
    side = 1 + max(1, round(fraction * min(picture.shape[:2])))
    statistics = np.dstack([picture, luminance(picture) ** 2])
    total = np.zeros_like(picture)
    weights = np.zeros((*picture.shape[:2], 1), np.float32)
    for anchor in ((0, 0), (0, side - 1), (side - 1, 0), (side - 1, side - 1)):
        means = cv2.blur(statistics, (side, side), anchor=anchor, borderType=cv2.BORDER_REFLECT_101)
        mean = np.asarray(means[..., :3], np.float32)
        variance = np.maximum(means[..., 3:] - luminance(mean) ** 2, 0)
        weight = (variance + 1e-3) ** -decision * 1e-12
        total += weight * mean
        weights += weight
    return np.asarray(total / weights, np.float32)


def _tones(picture: Picture, levels: int) -> Picture:
    """Draws the luminance towards ``levels`` + 1 even steps by a ripple, as far as it can without
    turning the order of two tones around; hues stay. May leave the range."""
    turn = np.float32(2 * np.pi * levels)
    return np.asarray(picture - np.sin(turn * luminance(picture)) / turn, np.float32)


def sketch(picture: Picture) -> Picture:
    """Pencil drawing by colour dodge: luminance over its own blur."""
    grey = luminance(picture)
    dodge = (grey + 0.06) / (soften(grey, 0.02) + 0.06)
    return finish(np.repeat(np.minimum(dodge, 1.0) ** 1.5, 3, axis=2) * 0.96)


def ink(picture: Picture) -> Picture:
    """Ink wash: pale washes of one ink on paper, and brush lines along the edges."""
    grey = luminance(picture)
    wash = 1 - 0.62 * np.maximum(1 - soften(grey, 0.012), 0) ** 1.8
    shade = wash * _outlines(grey, 0.009, 28)
    return finish(_INK + (_PAPER - _INK) * shade)


def oil(picture: Picture) -> Picture:
    """Oil painting: daubs of full colour, lit from the top left like thick paint."""
    daubs = _daub(picture, 0.035)
    relief = luminance(daubs)[..., 0]
    slope = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3) + cv2.Sobel(relief, cv2.CV_32F, 0, 1)
    return finish(saturate(daubs, 1.45) * 1.04 + 0.10 * np.tanh(slope)[..., None])


def watercolour(picture: Picture) -> Picture:
    """Watercolour: light, even washes that darken along their rims and end before the paper."""
    wash = soften(_daub(picture, 0.025, decision=2.0), 0.003)
    pale = 1 - 0.74 * (1 - finish(saturate(wash, 1.6))) ** 1.15
    rims = 0.45 + 0.55 * _outlines(luminance(wash), 0.007, 25)
    height, width = picture.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    bare = np.clip(np.maximum(np.abs(x), np.abs(y)) * 12 - 11, 0, 1)
    return finish(pale * rims * (1 - bare) + bare * _PAPER)


def cartoon(picture: Picture) -> Picture:
    """Cartoon: even, strong colours in a few tones, with dark outlines."""
    flat = _daub(picture, 0.03)
    strong = finish(saturate(_tones(flat, 5), 1.6) * 1.06)
    return finish(strong * _outlines(luminance(flat), 0.008, 32))


def pixel_art(picture: Picture) -> Picture:
    """Square blocks of one colour, 16 along the shorter side, counted from the top left."""
    height, width = picture.shape[:2]
    pitch = max(1.0, min(height, width) / _CELLS)
    rows = (np.arange(0, height, pitch)).astype(int)
    columns = (np.arange(0, width, pitch)).astype(int)
    tall, wide = np.diff(rows, append=height), np.diff(columns, append=width)
    sums = np.add.reduceat(np.add.reduceat(picture, rows, axis=0), columns, axis=1)
    cells = np.asarray(sums / (tall[:, None] * wide)[..., None], np.float32)
    blocks = saturate(_tones(cells, 6), 1.3)
    return finish(blocks.repeat(tall, axis=0).repeat(wide, axis=1))
