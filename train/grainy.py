"""Edits with something random in them: snow, rain, old film.

Their grain comes from a generator seeded by the picture itself, so they are pure functions all the
same; but no model can guess it, so their targets are not to be compared pixel by pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from train.picture import Picture, finish, generator_of, luminance, radius, scale, soften


def _dots(picture: Picture, rng: np.random.Generator, density: float) -> Picture:
    """Single pixels of 1 on 0, ``[H, W, 1]``: ``density`` of them per square of the shorter
    side."""
    height, width = picture.shape[:2]
    count = round(density * max(height, width) / min(height, width))
    dots = np.zeros((height, width, 1), np.float32)
    places = rng.random((count, 2))
    dots[(places[:, 0] * height).astype(int), (places[:, 1] * width).astype(int)] = 1
    return dots


def _flakes(picture: Picture, rng: np.random.Generator, density: float, size: float) -> Picture:
    """Round white flakes with soft rims, 0..1; ``size`` is their radius."""
    sigma = size * min(picture.shape[:2])
    blobs = soften(_dots(picture, rng, density), size)
    return np.asarray(np.minimum(blobs * (2 * np.pi * sigma**2) * 1.6, 1), np.float32)


def _streaks(picture: Picture, rng: np.random.Generator, density: float, length: float) -> Picture:
    """Slanted lines, 0..1, ``length`` long."""
    side = min(picture.shape[:2])
    size = max(3, round(length * side)) | 1
    kernel: NDArray[np.float32] = np.zeros((size, size), np.float32)
    foot = (round(0.36 * size), size - 1)
    cv2.line(kernel, (round(0.64 * size), 0), foot, 1.0, thickness=1)
    lines = cv2.filter2D(_dots(picture, rng, density), -1, kernel, borderType=cv2.BORDER_CONSTANT)
    soft = soften(np.asarray(lines, np.float32)[..., None], 0.0045)
    return np.asarray(np.minimum(soft * (0.0045 * side * 2.5), 1), np.float32)


def snow(picture: Picture) -> Picture:
    """A cold white veil and falling flakes of three sizes."""
    rng = generator_of(picture)
    faded = 0.45 * picture + 0.55 * luminance(picture)
    result = 0.32 + 0.62 * scale(faded, 0.96, 1.0, 1.05)
    for density, size in ((140, 0.006), (60, 0.010), (18, 0.016)):
        result = result + (1 - result) * _flakes(picture, rng, density, size)
    return finish(result)


def rain(picture: Picture) -> Picture:
    """A dim, bluish day and slanting streaks of rain."""
    rng = generator_of(picture)
    faded = 0.5 * picture + 0.5 * luminance(picture)
    dim = scale(0.10 + 0.62 * soften(faded, 0.006), 0.84, 0.96, 1.10)
    streaks = _streaks(picture, rng, 110, 0.13)
    return finish(dim + 0.5 * (1 - dim) * streaks)


def old_film(picture: Picture) -> Picture:
    """A faded brownish grey, dark in the corners, with grain and a few upright scratches."""
    rng = generator_of(picture)
    height, width = picture.shape[:2]
    grey = 0.14 + 0.72 * luminance(picture)
    noise = soften(rng.standard_normal((height, width, 1), dtype=np.float32), 0.004)
    grain = 0.035 * noise / max(float(noise.std()), 1e-6)
    x = np.arange(width, dtype=np.float32)[None, :, None] / min(height, width)
    scratches = np.zeros((1, width, 1), np.float32)
    for place in rng.uniform(0.05, 0.95, 4) * width / min(height, width):
        scratches += np.exp(-(((x - place) / 0.004) ** 2))
    aged = (grey + grain + 0.30 * scratches) * (1 - 0.45 * radius(picture) ** 2)
    return finish(scale(np.repeat(aged, 3, axis=2), 1.05, 0.97, 0.84))
