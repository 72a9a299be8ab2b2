"""A change of weights that waits until no edit runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from runtime.bundle import Bundle
from runtime.errors import EditError
from runtime.runner import as_edit_error


@dataclass(frozen=True, slots=True)
class _Asked:
    weights: Bundle | None
    done: Future[None] = field(default_factory=Future)


class Replacement:
    """At most one change at a time, which any thread may ask for and the engine's makes."""

    def __init__(self) -> None:
        self._asked: _Asked | None = None

    @property
    def pending(self) -> bool:
        return self._asked is not None

    def ask(self, weights: Bundle | None) -> Future[None]:
        """The future is done when the change is made, or holds the `EditError` of its failure."""
        assert self._asked is None, "one change at a time"
        self._asked = _Asked(weights)
        return self._asked.done

    def make(self, replace: Callable[[Bundle | None], None]) -> None:
        """Make the pending change; whatever `replace` raises is the asker's."""
        assert self._asked is not None
        try:
            replace(self._asked.weights)
        except Exception as exc:
            self.drop(as_edit_error(exc, "the change of weights"))
            return
        asked, self._asked = self._asked, None
        asked.done.set_result(None)

    def drop(self, error: EditError) -> None:
        """Fail the change that is pending, if there is one."""
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.done.set_exception(error)
