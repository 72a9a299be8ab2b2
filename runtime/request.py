"""The engine's record of one edit."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.errors import EditError
from runtime.guidance import Branch, Weights, branch_weights
from runtime.params import EditParams
from runtime.progress import OnStep
from runtime.rng import TorchNormal
from runtime.samplers import Table
from runtime.translation import Translation

Array = NDArray[Any]
Floats = NDArray[np.float32]
TextStates = Mapping[str, Floats]
"""What the text encoder makes of one text: `text` [L, D], of some models also `pooled` [P]."""


class Status(Enum):
    """Life of a request; the last three are final."""

    WAITING = auto()
    RUNNING = auto()
    DONE = auto()
    FAILED = auto()
    CANCELLED = auto()


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds that one edit waited, was encoded, moved (shared ticks in full) and was decoded.

    `queued_at` is when it began, in `time.perf_counter()`'s time.
    """

    queue_s: float
    encode_s: float
    denoise_s: float
    decode_s: float
    queued_at: float

    @property
    def total_s(self) -> float:
        return self.queue_s + self.encode_s + self.denoise_s + self.decode_s


@dataclass(slots=True)
class Latents:
    """What a running request holds between ticks, each [C, h, w].

    `noise` is drawn once per step, so that a step that has to be run again sees the same noise.
    """

    image: Floats
    x: Floats
    history: Floats
    noise: Floats


_ids = itertools.count(1)


@dataclass(slots=True, eq=False)
class Request:
    """Mutable state of one edit; owned by the engine once submitted."""

    params: EditParams
    table: Table
    pixels: NDArray[np.uint8]  # [H, W, 3], the picture as it is edited
    on_step: OnStep | None = None
    index: int = 0  # among those queued with it
    bundle: str = ""  # digest of the manifest that it is edited with, once it runs
    translation: Translation | None = None  # what the text encoder is given in place of its words
    id: int = field(default_factory=lambda: next(_ids))
    status: Status = Status.WAITING
    cancelled: bool = False  # asked for; becomes a status between ticks
    step: int = 0
    latents: Latents | None = None
    texts: Mapping[Branch, TextStates] = field(default_factory=dict)
    result: NDArray[np.uint8] | None = None  # [H, W, 3]
    error: EditError | None = None
    ticks: int = 0
    rows: int = 0
    marks: dict[str, float] = field(default_factory=lambda: {"submitted": time.perf_counter()})
    rng: TorchNormal = field(init=False)

    def __post_init__(self) -> None:
        self.rng = TorchNormal(self.params.seed)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels; requests of one size can share a tick."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def finished(self) -> bool:
        return self.status in (Status.DONE, Status.FAILED, Status.CANCELLED)

    @property
    def withdrawn(self) -> bool:
        """Whether nothing more is to be computed for it."""
        return self.cancelled or self.finished

    @property
    def words(self) -> tuple[str, str]:
        """Instruction and negative instruction as the text encoder is given them."""
        given = self.translation or self.params
        return given.instruction, given.negative_instruction

    def weights(self) -> Weights:
        """Branches of the next step and their weights."""
        return branch_weights(self.params, self.step)

    def mark(self, name: str) -> None:
        self.marks[name] = time.perf_counter()

    def timings(self) -> Timings:
        """Of a request that is done."""
        at = self.marks
        return Timings(
            queue_s=at["joined"] - at["submitted"],
            encode_s=at["encoded"] - at["joined"],
            denoise_s=at["denoised"] - at["encoded"],
            decode_s=at["decoded"] - at["denoised"],
            queued_at=at["submitted"],
        )
