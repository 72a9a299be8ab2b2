"""CUDA graphs of one engine: for each of the shapes run last, its copies and kernels as one."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from runtime.backends.tensorrt_.cuda import Cuda
from runtime.backends.tensorrt_.memory import Blocks
from runtime.backends.tensorrt_.run import Run, Shapes
from runtime.errors import BackendError, OutOfMemory
from runtime.manifest import GraphName

MOST_SHAPES: Final = 16

_logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Captured:
    run: Run
    executable: Any


class Captures:
    """At most `MOST_SHAPES`; the least recently used make room.

    A CUDA graph holds addresses and depends on the state of its context. So each has a context of
    its own, which nothing alters, and none outlives the memory that it was captured with. Shapes
    that could not be captured are not tried again: they run in the ordinary way.
    """

    def __init__(self, name: GraphName, cuda: Cuda, stream: Any) -> None:
        self._name, self._cuda, self._stream = name, cuda, stream
        self._captured: OrderedDict[Shapes, _Captured] = OrderedDict()
        self._refused: set[Shapes] = set()
        self._blocks: Blocks | None = None

    def find(self, shapes: Shapes) -> Run | None:
        """The run that was captured for `shapes`."""
        found = self._captured.get(shapes)
        return found.run if found else None

    def prepare(self, shapes: Shapes, make: Callable[[], Run]) -> Run | None:
        """A run to be captured, in a context of its own; None where capturing is out."""
        if shapes in self._refused:
            return None
        try:
            return make()
        except (BackendError, OutOfMemory) as exc:
            self._refuse(shapes, exc)
            return None

    def launch(self, shapes: Shapes, blocks: Blocks) -> bool:
        """Queue what was captured for `shapes`; whether there was something that holds `blocks`."""
        if blocks != self._blocks:
            self.clear()
            self._blocks = blocks
        if shapes not in self._captured:
            return False
        self._captured.move_to_end(shapes)
        try:
            self._cuda.launch(self._captured[shapes].executable, self._stream)
        except (BackendError, OutOfMemory) as exc:
            self._drop(shapes)
            self._refuse(shapes, exc)
            return False
        return True

    def capture(self, shapes: Shapes, run: Run, queue: Callable[[], None]) -> None:
        """Record what `queue` does, after it was done once in the ordinary way."""
        if shapes in self._refused:
            return
        try:
            executable = self._record(queue)
        except (BackendError, OutOfMemory) as exc:
            self._refuse(shapes, exc)
            return
        self._captured[shapes] = _Captured(run, executable)
        if len(self._captured) > MOST_SHAPES:
            self._drop(next(iter(self._captured)))

    def clear(self) -> None:
        """Free all of them; a GPU that no longer answers keeps nothing either."""
        for shapes in list(self._captured):
            self._drop(shapes)

    def _record(self, queue: Callable[[], None]) -> Any:
        self._cuda.begin_capture(self._stream)
        try:
            queue()
        except BaseException:
            with suppress(BackendError, OutOfMemory):
                self._cuda.destroy_graph(self._cuda.end_capture(self._stream))
            raise
        graph = self._cuda.end_capture(self._stream)
        try:
            return self._cuda.instantiate(graph)
        finally:
            with suppress(BackendError, OutOfMemory):
                self._cuda.destroy_graph(graph)

    def _drop(self, shapes: Shapes) -> None:
        captured = self._captured.pop(shapes)
        with suppress(BackendError, OutOfMemory):
            self._cuda.destroy_executable(captured.executable)

    def _refuse(self, shapes: Shapes, exc: Exception) -> None:
        if not self._refused:
            why = str(exc)  # whoever keeps the record shall not keep what the error went through
            _logger.warning("some shapes of %s run without CUDA graphs: %s", self._name, why)
        self._refused.add(shapes)
