"""What an engine has done so far."""

from __future__ import annotations

from dataclasses import dataclass

_SMOOTHING = 0.2


@dataclass(slots=True)
class Stats:
    """Counters since the engine was opened; `waiting` and `running` are of this moment.

    `rows` counts lines of the UNet batch that were evaluated; `mean_edit_s` is a moving average of
    the time from joining to the end, without the queue. Of the pictures and texts that were to be
    encoded, `cache_hits` were in the cache and `cache_misses` were not; `cache_bytes` it holds now.
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

    def count_done(self, edit_s: float) -> None:
        self.done += 1
        weight = max(_SMOOTHING, 1 / self.done)  # the plain mean at first
        self.mean_edit_s += weight * (edit_s - self.mean_edit_s)

    def retry_after(self, waiting: int, max_running: int) -> float:
        """Seconds until a place in the queue should be free."""
        turns = 1 + waiting / max_running
        return max(1.0, turns * self.mean_edit_s)
