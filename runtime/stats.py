"""What an engine has done so far."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from typing import Final

_SMOOTHING: Final = 0.2

# Sides of squares; a picture belongs to the first that has no fewer pixels. They are few, because
# every one is a histogram of its own, and callers choose sizes.
_SIDES: Final = (64, 128, 256, 384, 512, 768, 1024, 1536, 2048)
_ROWS: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
_TICK_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WAIT_S: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600)


@dataclass(slots=True)
class Histogram:
    """How often values were seen, by rising upper bounds that belong to their buckets."""

    bounds: tuple[float, ...]
    total: float = 0.0
    counts: list[int] = field(init=False)  # one more than bounds: what is above the last

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulative(self) -> Iterator[int]:
        """For each bound how many values were no greater, then the number of all."""
        return accumulate(self.counts)


def size_class(pixels: int) -> str:
    """The name of one of few sizes, the smallest that has no fewer pixels: "512x512"."""
    place = bisect_left([side * side for side in _SIDES], pixels)
    return f"{_SIDES[place]}x{_SIDES[place]}" if place < len(_SIDES) else "larger"


@dataclass(slots=True)
class Stats:
    """Counters since the engine was opened; `waiting` and `running` are of this moment.

    `rows` counts lines of the UNet batch that were evaluated; `mean_edit_s` is a moving average of
    the time from joining to the end, without the queue. Of the pictures and texts that were to be
    encoded, `cache_hits` were in the cache and `cache_misses` were not; `cache_bytes` it holds now.

    The histograms: rows of a tick; its seconds, by `size_class`; seconds from queueing to the first
    step's end; seconds of a finished edit, its wait included.
    """

    waiting: int = 0
    running: int = 0
    ticks: int = 0
    rows: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    rejected: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    cache_bytes: int = 0
    mean_edit_s: float = 0.0
    tick_rows: Histogram = field(default_factory=partial(Histogram, _ROWS))
    tick_s: dict[str, Histogram] = field(default_factory=dict)
    first_step_s: Histogram = field(default_factory=partial(Histogram, _WAIT_S))
    edit_s: Histogram = field(default_factory=partial(Histogram, _WAIT_S))

    def count_tick(self, rows: int, pixels: int, seconds: float) -> None:
        """`pixels` are those of one picture; all of a tick have one size."""
        self.ticks += 1
        self.rows += rows
        self.tick_rows.observe(rows)
        self.tick_s.setdefault(size_class(pixels), Histogram(_TICK_S)).observe(seconds)

    def count_done(self, edit_s: float, queue_s: float) -> None:
        """`edit_s` includes `queue_s`."""
        self.done += 1
        self.edit_s.observe(edit_s)
        weight = max(_SMOOTHING, 1 / self.done)  # the plain mean at first
        self.mean_edit_s += weight * (edit_s - queue_s - self.mean_edit_s)

    def retry_after(self, waiting: int, max_running: int) -> float:
        """Seconds until a place in the queue should be free."""
        turns = 1 + waiting / max_running
        return max(1.0, turns * self.mean_edit_s)
