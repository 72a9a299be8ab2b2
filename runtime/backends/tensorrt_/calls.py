"""Calls of TensorRT: None, False and foreign exceptions become errors of ours, here alone."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from runtime.errors import BackendFailure, OutOfMemory
from runtime.nvidia.library import Library, told

Expect = Callable[[Any, str], Any]
"""Called with what a function returned, and the function's name: returns it, or raises."""

_RETRY_S: Final = 5.0


@contextmanager
def checked(library: Library, action: str) -> Iterator[Expect]:
    """Inside, `expect(value, function)` raises when the value is None or False, with the reasons
    that TensorRT logged: `OutOfMemory` when that was missing, else `BackendFailure`.
    """
    with library.reasons() as reasons:

        def expect(value: Any, function: str) -> Any:
            if value is None or value is False:
                raise failure(f"{function} returned {value}: {told(reasons)}")
            return value

        def failure(why: str) -> Exception:
            message = f"{library.name} could not {action}: {why}"
            if "out of memory" in why.lower() or "outofmemory" in why.lower():
                return OutOfMemory(message, _RETRY_S)
            return BackendFailure(message)

        try:
            yield expect
        except (RuntimeError, TypeError, ValueError, MemoryError) as exc:
            raise failure(f"{exc!r}: {told(reasons)}") from exc


def let_go(error: BaseException) -> None:
    """Forget what functions held that `error` went through: who keeps it shall keep no engine."""
    found: BaseException | None = error
    while found is not None:
        traceback.clear_frames(found.__traceback__)
        found = found.__cause__
