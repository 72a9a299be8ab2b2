"""Latents as a small picture without the decoder: a linear map that export fits to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.errors import BundleCorrupt


@dataclass(frozen=True, slots=True)
class Projection:
    """RGB in [0, 1] of one latent pixel with C channels: latents times `matrix` [C, 3], plus `bias`
    [3].

    The latents are what a sampler ends with, those that the `image_decoder` takes.
    """

    matrix: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.matrix or any(len(row) != 3 for row in (*self.matrix, self.bias)):
            raise BundleCorrupt("preview must have 3 numbers for each channel, and 3 as its bias")

    def picture(self, latents: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
        """Latents [C, h, w] -> RGB [h, w, 3], a pixel for each latent pixel."""
        rgb = np.tensordot(latents, np.array(self.matrix, np.float32), axes=(0, 0))
        levels = np.clip(rgb + np.array(self.bias, np.float32), 0, 1) * 255
        return np.asarray(np.rint(levels), np.uint8)
