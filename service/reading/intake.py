"""How many uploads may be on their way at one time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from runtime.errors import Overloaded

_RETRY_S: Final = 2.0


class Intake:
    """Bounds the edits that are not in the engine's queue yet: each holds an upload or a picture.

    Their clients decide how long an upload takes. Not for several threads.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raises `Overloaded` when all places are taken."""
        if self._taken >= self._places:
            raise Overloaded(
                f"{self._taken} uploads are on their way, more are not taken; "
                f"try again in {_RETRY_S:g} s",
                _RETRY_S,
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
