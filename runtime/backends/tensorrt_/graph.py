"""One engine at work: arrays in, arrays out, by way of the memory that graphs share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from runtime.backends.base import Array, Arrays, as_contiguous
from runtime.backends.tensorrt_.axes import check_inputs
from runtime.backends.tensorrt_.calls import Expect, checked
from runtime.backends.tensorrt_.captures import Captures
from runtime.backends.tensorrt_.load import Engine
from runtime.backends.tensorrt_.memory import Blocks, Memory
from runtime.backends.tensorrt_.run import Run, Shapes
from runtime.manifest import GraphName
from runtime.nvidia.library import Library
from runtime.ports import Ports


class EngineGraph:
    """Calls must not overlap with those of another graph of the same `memory`."""

    def __init__(
        self,
        name: GraphName,
        library: Library,
        ports: Ports,
        engine: Engine,
        memory: Memory,
        captures: Captures | None,
        on_close: Callable[[], None],
    ) -> None:
        """Without `captures` all runs are ordinary ones."""
        self._name, self._library, self._ports = name, library, ports
        self._engine, self._memory, self._captures = engine, memory, captures
        self._on_close: Callable[[], None] | None = on_close

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Raises `OutOfMemory` too, when the GPU has too little left for this batch."""
        check_inputs(self._name, self._ports, self._engine.bounds, inputs)
        given = as_contiguous(inputs)
        shapes = tuple(given[port.name].shape for port in self._ports.inputs)
        run = self._prepare(shapes)
        blocks = self._memory.reserve(run.size, self._engine.activations)
        run.write(given, blocks)
        with self._memory.queue():
            captured = self._captures is not None and self._captures.launch(shapes, blocks)
            if not captured:
                self._bind(run, blocks)
                self._queue(run, blocks)
        outputs = run.read(blocks)
        if self._captures is not None and not captured:
            self._captures.capture(shapes, run, lambda: self._queue(run, blocks))
        return outputs

    def close(self) -> None:
        if self._captures is not None:
            self._captures.clear()  # before the engine, whose contexts they hold
        self._engine.close()
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()

    def _prepare(self, shapes: Shapes) -> Run:
        if self._captures is not None:
            found = self._captures.find(shapes)
            own = found or self._captures.prepare(shapes, lambda: self._make(shapes, own=True))
            if own is not None:
                return own
        return self._make(shapes)

    def _make(self, shapes: Shapes, *, own: bool = False) -> Run:
        """A run in the engine's context, or in its `own`."""
        with self._checked() as expect:
            context = self._engine.context
            if own:
                context = self._engine.create_context(self._memory.stream, expect)
            return Run(self._name, context, self._ports, shapes, expect)

    def _bind(self, run: Run, blocks: Blocks) -> None:
        with self._checked() as expect:
            run.bind(blocks, expect)

    def _queue(self, run: Run, blocks: Blocks) -> None:
        with self._checked() as expect:
            run.queue(self._memory, blocks, expect)

    def _checked(self) -> AbstractContextManager[Expect]:
        return checked(self._library, f"run {self._name}")
