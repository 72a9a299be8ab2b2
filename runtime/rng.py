"""Gaussian noise equal to `torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))`.

torch draws 32-bit MT19937 words. From 16 values on it fills the array with 24-bit uniforms and
turns each block of 16 into normals by Box-Muller (8 radii, then 8 angles); a last block that is not
whole is replaced, together with what it overlaps, by 16 new draws. Fewer than 16 values come from
53-bit uniforms, two normals a pair. (ATen: DistributionTemplates.h, DistributionsHelper.h)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_BLOCK = 16


class TorchNormal:
    """A stream of standard normals. The same seed gives the same stream on every platform."""

    def __init__(self, seed: int) -> None:
        """`seed` in [0, 2^32)."""
        self._words = np.random.RandomState(seed)
        self._spare: float | None = None

    def draw(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The next `prod(shape)` values, differing from torch's by less than 1e-6."""
        size = math.prod(shape)
        values = self._draw_few(size) if size < _BLOCK else self._draw_many(size)
        return values.reshape(shape)

    def _draw_many(self, size: int) -> NDArray[np.float32]:
        uniforms = self._uniforms24(size)
        whole = size - size % _BLOCK
        values = np.empty(size, np.float32)
        values[:whole] = _box_muller(uniforms[:whole])
        if whole < size:
            values[-_BLOCK:] = _box_muller(self._uniforms24(_BLOCK))
        return values

    def _draw_few(self, size: int) -> NDArray[np.float32]:
        return np.array([self._draw_one() for _ in range(size)], np.float32)

    def _draw_one(self) -> float:
        if self._spare is not None:
            value, self._spare = self._spare, None
            return value
        angle, level = self._uniform53(), self._uniform53()
        radius = math.sqrt(-2.0 * math.log1p(-level))
        self._spare = radius * math.sin(2.0 * math.pi * angle)
        return radius * math.cos(2.0 * math.pi * angle)

    def _uniforms24(self, size: int) -> NDArray[np.float32]:
        words = np.frombuffer(self._words.bytes(4 * size), "<u4")
        return (words & 0xFFFFFF).astype(np.float32) * np.float32(2.0**-24)

    def _uniform53(self) -> float:
        high, low = np.frombuffer(self._words.bytes(8), "<u4").tolist()
        return float(((high << 32 | low) & (2**53 - 1)) * 2.0**-53)


def _box_muller(uniforms: NDArray[np.float32]) -> NDArray[np.float32]:
    pairs = uniforms.reshape(-1, 2, _BLOCK // 2)
    radius = np.sqrt(-2.0 * np.log(np.float32(1.0) - pairs[:, 0]))
    angle = np.float32(2.0 * math.pi) * pairs[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
