"""Decides which requests move in the next tick. Holds no tensors and calls no inference library.

A tick takes requests of one picture size, for a batch has one shape. Sizes and requests take turns:
whoever was served longest ago comes first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from runtime.built_for import Span
from runtime.errors import InvalidRequest
from runtime.request import Request, Status


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of an engine.

    `max_rows` and `max_tick_pixels` (rows x height x width) bound one tick, `max_running` the
    requests that hold latents, `max_queue` those that wait, `max_pixels` one edited picture,
    `max_cache_bytes` the encoded pictures and texts that are kept for later requests.
    """

    max_rows: int = 12
    max_running: int = 8
    max_queue: int = 32
    max_pixels: int = 1024 * 1024
    max_tick_pixels: int = 12 * 512 * 512
    max_cache_bytes: int = 64 * 2**20

    def within(self, rows: Span) -> Limits:
        """The same, for engines that take so many rows in a tick."""
        return dataclasses.replace(self, max_rows=max(3, min(self.max_rows, rows.most)))

    @property
    def capacity(self) -> int:
        """Requests that an engine holds at most."""
        return self.max_running + self.max_queue

    def __post_init__(self) -> None:
        least = {"max_rows": 3, "max_queue": 0, "max_pixels": 64 * 64, "max_cache_bytes": 0}
        for name in self.__dataclass_fields__:
            low = least.get(name, 1)
            if getattr(self, name) < low:
                raise InvalidRequest(f"{name} {getattr(self, name)} is too low; give {low} or more")


@dataclass(frozen=True, slots=True)
class Tick:
    """One engine step: `joining` are encoded first, then `moving` advance by one step each."""

    joining: tuple[Request, ...]
    moving: tuple[Request, ...]


class Scheduler:
    """First come, first served, in turns. `schedule` only looks; `update` applies what was run."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.waiting: list[Request] = []
        self.running: list[Request] = []  # longest unserved first

    @property
    def idle(self) -> bool:
        return not self.waiting and not self.running

    @property
    def room(self) -> int:
        """How many new requests the queue takes; free running slots count as queue."""
        return self.limits.capacity - len(self.running) - len(self.waiting)

    def add(self, *requests: Request) -> None:
        self.waiting.extend(requests)

    def drop_cancelled(self) -> list[Request]:
        """Take out requests whose cancellation was asked for."""
        dropped = [r for r in (*self.waiting, *self.running) if r.cancelled]
        for request in dropped:
            request.status = Status.CANCELLED
        # By status, because another thread may ask for one more in the meantime.
        self.waiting = [r for r in self.waiting if not r.finished]
        self.running = [r for r in self.running if not r.finished]
        return dropped

    def schedule(self, joins: bool = True) -> Tick:
        """What to do next, without doing it. Unless `joins`, who waits goes on waiting."""
        free = self.limits.max_running - len(self.running) if joins else 0
        # Joining means encoding a picture, for which whoever runs already has to wait.
        joining = tuple(self.waiting[: min(free, 1) if self.running else free])
        return Tick(joining, tuple(self._fit((*self.running, *joining))))

    def update(self, tick: Tick) -> list[Request]:
        """Apply a tick that was run; returns the requests that it finished."""
        self.waiting = self.waiting[len(tick.joining) :]
        moved = set(map(id, tick.moving))
        present = [*self.running, *tick.joining]
        unserved = [r for r in present if id(r) not in moved]
        self.running = [r for r in (*unserved, *tick.moving) if not r.finished]
        return [r for r in present if r.finished]

    def _fit(self, candidates: Iterable[Request]) -> Iterator[Request]:
        """The first candidate and all of its size that fit beside it."""
        rows, size = 0, None
        for request in candidates:
            size = size or request.size
            total = rows + len(request.weights())
            within = (
                total <= self.limits.max_rows
                and total * size[0] * size[1] <= self.limits.max_tick_pixels
            )
            if request.size == size and (within or rows == 0):
                rows = total
                yield request
