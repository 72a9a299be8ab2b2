"""How many requests a minute, and how many at one time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from service.errors import RATE_LIMITED, HttpError


@dataclass(slots=True)
class _Use:
    """What a name has left: `tokens` were counted at the time `counted`."""

    tokens: float
    counted: float
    running: int = 0


class Rates:
    """A token bucket, and the requests in progress, for every name. In the event loop alone.

    Up to a minute's requests may come at once; a bound of 0 is none. Names are those of keys: as
    many as the operator gives.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._uses: dict[str, _Use] = {}

    @contextmanager
    def admitted(self, name: str, rate: int, concurrency: int) -> Iterator[dict[str, str]]:
        """Counts one request for as long as the block lasts; gives headers that tell what is left.

        Raises `HttpError` 429, with `Retry-After`, for one too many.
        """
        use = self._use(name, rate)
        if concurrency and use.running >= concurrency:
            raise HttpError(
                RATE_LIMITED,
                f"{use.running} requests of this key are in progress, {concurrency} may be; "
                "wait for one of them",
                {"Retry-After": "1"},
            )
        if rate and use.tokens < 1:
            seconds = math.ceil((1 - use.tokens) * 60 / rate)
            raise HttpError(
                RATE_LIMITED,
                f"this key may make {rate} requests a minute; try again in {seconds} s",
                {"Retry-After": str(seconds), **_told(use, rate)},
            )
        use.tokens -= 1 if rate else 0
        use.running += 1
        try:
            yield _told(use, rate)
        finally:
            use.running -= 1

    def _use(self, name: str, rate: int) -> _Use:
        now = self._clock()
        use = self._uses.setdefault(name, _Use(rate, now))
        use.tokens = min(float(rate), use.tokens + (now - use.counted) * rate / 60)
        use.counted = now
        return use


def _told(use: _Use, rate: int) -> dict[str, str]:
    if not rate:
        return {}
    return {
        "RateLimit-Limit": str(rate),
        "RateLimit-Remaining": str(math.floor(use.tokens)),
        "RateLimit-Reset": str(math.ceil((rate - use.tokens) * 60 / rate)),
    }
