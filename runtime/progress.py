"""What a caller is told after each step of an edit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.projection import Projection


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` of `steps` are taken, in `elapsed_s` seconds since the first began.

    `index` is the edit's place among those that were queued with it. `denoised` [C, h, w] is what
    the model takes the result to be by now; nothing writes into it.
    """

    index: int
    step: int
    steps: int
    elapsed_s: float
    denoised: NDArray[np.float32]
    projection: Projection | None

    @property
    def remaining_s(self) -> float:
        """Seconds for the steps to come, if they take as long as those before did."""
        return self.elapsed_s / self.step * (self.steps - self.step)

    def preview(self) -> NDArray[np.uint8] | None:
        """The picture so far, small: RGB [h, w, 3]. None when the bundle has no projection.

        Computed here and now, in the caller's thread.
        """
        return None if self.projection is None else self.projection.picture(self.denoised)


OnStep = Callable[[Progress], Any]
"""Called after each step, in the engine's thread: it should only hand the progress on."""
