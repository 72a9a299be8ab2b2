"""Training samples. Sample ``i`` is a pure function of (seed, i), so that a resumed run, a run on
more processes and a test all see the same picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from train.edits import EDITS, Edit, Picture
from train.photos import Photo

_BLEND_ODDS = 0.15
_JITTER_ODDS = 0.6
_CROP_TRIES = 3


def generator(seed: int, index: int, purpose: int = 0) -> np.random.Generator:
    """The random numbers of sample ``index``; ``purpose`` separates independent uses of them."""
    return np.random.default_rng([seed, purpose, index])


def _crop(photo: Photo, size: int, rng: np.random.Generator) -> Picture:
    """A random square of the photo at ``[size, size, 3]``, 0..1."""
    height, width = photo.shape[:2]
    side = int(min(height, width) * rng.uniform(0.35, 1.0))
    top = int(rng.integers(0, height - side + 1))
    left = int(rng.integers(0, width - side + 1))
    square = photo[top : top + side, left : left + side]
    method = cv2.INTER_AREA if side >= size else cv2.INTER_CUBIC
    resized = cv2.resize(square, (size, size), interpolation=method)
    return np.asarray(resized, np.float32) / 255.0


def centre(photo: Photo, size: int) -> Picture:
    """The largest centred square of a photo at ``size`` pixels, 0..1."""
    height, width = photo.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = photo[top : top + side, left : left + side]
    resized = cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.float32) / 255.0


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


def picture(photos: Sequence[Photo], size: int, rng: np.random.Generator) -> Picture:
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


def edit_odds() -> NDArray[np.float64]:
    """Frequencies of ``EDITS``, summing to 1."""
    shares = np.array([edit.share for edit in EDITS])
    odds: NDArray[np.float64] = shares / shares.sum()
    return odds


def pick_edit(rng: np.random.Generator) -> Edit:
    """An edit, with the frequencies that the table of edits names."""
    return EDITS[int(rng.choice(len(EDITS), p=edit_odds()))]


def autoencoder_picture(photos: Sequence[Photo], size: int, seed: int, index: int) -> Picture:
    """Sample ``index`` for the autoencoder: half plain, half edited, as it will meet both."""
    rng = generator(seed, index)
    plain = picture(photos, size, rng)
    return plain if rng.random() < 0.5 else pick_edit(rng).apply(plain)
