"""Draws scenes: a crop of a photograph in some light, and cut-outs set on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from train.cutouts import Cutout
from train.objects import Props
from train.photos import Photo
from train.picture import Picture
from train.scenes import Placed, Scene, overlap
from train.styles import Styles

_BLEND_ODDS: Final = 0.1
_JITTER_ODDS: Final = 0.6
_CROP_TRIES: Final = 3
_OCCLUSION_ODDS: Final = 0.15
_PLACE_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Studio:
    """What scenes of one split are made from; without ``styles`` no painted style is asked for."""

    photos: Sequence[Photo]
    cutouts: Mapping[str, Sequence[Cutout]]
    props: Props
    styles: Styles | None


def generator(seed: int, index: int, purpose: int = 0) -> np.random.Generator:
    """The random numbers of sample ``index``; ``purpose`` separates independent uses of them."""
    return np.random.default_rng([seed, purpose, index])


def centre(photo: Photo, size: int) -> Picture:
    """The largest centred square of a photo at ``size`` pixels, 0..1."""
    height, width = photo.shape[:2]
    side = min(height, width)
    return _square(photo, (height - side) // 2, (width - side) // 2, side, size)


def backdrop(photos: Sequence[Photo], size: int, rng: np.random.Generator) -> Picture:
    """A picture ``[size, size, 3]`` to edit: crop, flip, double exposure, other light."""
    result = _busy_crop(photos, size, rng)
    if rng.random() < 0.5:
        result = np.ascontiguousarray(result[:, ::-1])
    if rng.random() < _BLEND_ODDS:
        share = np.float32(rng.uniform(0.3, 0.7))
        result = share * result + (1 - share) * _busy_crop(photos, size, rng)
    if rng.random() < _JITTER_ODDS:
        result = _jitter(result, rng)
    return np.clip(result, 0, 1).astype(np.float32)


def draw_scene(
    studio: Studio,
    size: int,
    rng: np.random.Generator,
    nouns: Sequence[str],
    spread: tuple[float, float] = (0.22, 0.46),
) -> Scene:
    """One object of each of ``nouns``, as far as they find room. ``spread`` bounds their sizes."""
    objects: list[Placed] = []
    for noun in nouns:
        limit = 0.45 if rng.random() < _OCCLUSION_ODDS else 0.05
        item = _place(studio.cutouts[noun], objects, limit, spread, rng)
        if item is not None:
            objects.append(item)
    return Scene(backdrop(studio.photos, size, rng), tuple(objects))


def _place(
    choice: Sequence[Cutout],
    others: Sequence[Placed],
    limit: float,
    spread: tuple[float, float],
    rng: np.random.Generator,
) -> Placed | None:
    cutout = choice[int(rng.integers(len(choice)))]
    flip = bool(rng.random() < 0.5)
    red, green, blue = np.exp(rng.normal(0, 0.08, 3) + rng.normal(0, 0.12))
    for _ in range(_PLACE_TRIES):
        x, y = rng.uniform(0.08, 0.92, 2)
        size = rng.uniform(*spread)
        item = Placed(cutout, float(x), float(y), float(size), flip, None, (red, green, blue))
        if item.fits() and all(overlap(item, other) <= limit for other in others):
            return item
    return None


def _square(photo: Photo, top: int, left: int, side: int, size: int) -> Picture:
    square = photo[top : top + side, left : left + side]
    method = cv2.INTER_AREA if side >= size else cv2.INTER_CUBIC
    resized = cv2.resize(square, (size, size), interpolation=method)
    return np.asarray(resized, np.float32) / 255.0


def _crop(photo: Photo, size: int, rng: np.random.Generator) -> Picture:
    """A random square of the photo at ``[size, size, 3]``, 0..1."""
    height, width = photo.shape[:2]
    side = int(min(height, width) * rng.uniform(0.35, 1.0))
    top = int(rng.integers(0, height - side + 1))
    left = int(rng.integers(0, width - side + 1))
    return _square(photo, top, left, side, size)


def _busy_crop(photos: Sequence[Photo], size: int, rng: np.random.Generator) -> Picture:
    """The one with most contrast of a few crops: rooms are half bare wall."""
    crops = [
        _crop(photos[int(rng.integers(len(photos)))], size, rng)
        for _ in range(int(rng.integers(1, _CROP_TRIES + 1)))
    ]
    return max(crops, key=lambda crop: float(crop.std()))


def _jitter(picture: Picture, rng: np.random.Generator) -> Picture:
    """Random gamma, gain per channel and mixing of channels: other light and other colours."""
    mixing = np.eye(3) + rng.normal(0, 0.12, (3, 3)) * (1 - np.eye(3))
    if rng.random() < 0.4:
        mixing = mixing[rng.permutation(3)]
    mixing /= mixing.sum(axis=1, keepdims=True)
    gain = rng.uniform(0.75, 1.2, 3)
    mixed = np.clip(picture @ mixing.T * gain, 0, 1) ** np.exp(rng.normal(0, 0.35))
    return np.asarray(mixed, np.float32)
