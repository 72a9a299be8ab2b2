"""What every edit works with: pictures, and the few measures of them that edits share.

A picture is float32 RGB ``[H, W, 3]`` in 0..1. Lengths are fractions of its shorter side, so that
an edit looks the same at every size.
"""

from __future__ import annotations

import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]


def luminance(picture: Picture) -> Picture:
    """Rec. 601 luma, ``[H, W, 1]``."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(picture @ weights, np.float32)[..., None]


def finish(picture: NDArray[np.floating]) -> Picture:
    """Back in range and in float32."""
    return np.asarray(np.clip(picture, 0.0, 1.0), np.float32)


def scale(picture: NDArray[np.floating], red: float, green: float, blue: float) -> Picture:
    """A gain per channel; the result may leave the range."""
    return np.asarray(picture * np.array([red, green, blue]), np.float32)


def saturate(picture: Picture, factor: float) -> Picture:
    """Distance of every pixel from its grey, times ``factor``; may leave the range."""
    grey = luminance(picture)
    return grey + np.float32(factor) * (picture - grey)


def soften(picture: Picture, fraction: float) -> Picture:
    """Gaussian blur of ``[H, W, C]``; its sigma is ``fraction`` of the shorter side."""
    sigma = fraction * min(picture.shape[:2])
    soft = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(soft, np.float32).reshape(picture.shape)


def radius(picture: Picture) -> Picture:
    """Distance from the centre, 1 in the corners, ``[H, W, 1]``."""
    height, width = picture.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    return np.asarray(np.sqrt((x * x + y * y) / 2), np.float32)


def elevation(picture: Picture) -> Picture:
    """0 at the bottom row, 1 at the top row, ``[H, 1, 1]``."""
    return np.linspace(1, 0, picture.shape[0], dtype=np.float32)[:, None, None]


def generator_of(picture: Picture) -> np.random.Generator:
    """Random numbers that are a function of the picture's own bytes."""
    return np.random.default_rng(zlib.crc32(picture.tobytes()))
