"""Graphs whose inputs and outputs lie at fixed addresses of a device, as CUDA graphs need them."""

from __future__ import annotations

import logging
from typing import Any, Final

from runtime.backends.base import Array, Arrays, as_contiguous
from runtime.backends.ort.calls import translated
from runtime.errors import BackendFailure
from runtime.manifest import GraphName

Shapes = frozenset[tuple[str, str, tuple[int, ...]]]
"""Name, type and shape of all inputs."""

# ONNX Runtime gives no captured CUDA graph back before its session ends.
MOST_SHAPES: Final = 16
_NEVER: Final = -1  # stands for: capture nothing in this run

_logger: Final = logging.getLogger(__name__)


class BoundGraph:
    """One session. What it is run with for the first time runs in the ordinary way and tells the
    shapes of the outputs; from then on those shapes are bound, and captured where the session was
    made for that. Shapes beyond the first `MOST_SHAPES` always run in the ordinary way, and so do
    those that could not be bound or captured.
    """

    def __init__(self, name: GraphName, ort: Any, session: Any, device: str) -> None:
        self._name, self._ort, self._session, self._device = name, ort, session, device
        self._outputs = [output.name for output in session.get_outputs()]
        self._bound: dict[Shapes, _Bound | None] = {}  # None once that failed

    def run(self, inputs: Arrays) -> dict[str, Array]:
        given = as_contiguous(inputs)
        shapes = frozenset((name, value.dtype.str, value.shape) for name, value in given.items())
        if (bound := self._bound.get(shapes)) is not None:
            try:
                with translated(f"run {self._name} as a CUDA graph"):
                    return bound.run(given)
            except BackendFailure as exc:
                self._refuse(shapes, exc)
        with translated(f"run {self._name}"):
            values = self._session.run(self._outputs, given, _options(self._ort, _NEVER))
        outputs = dict(zip(self._outputs, values, strict=True))
        if shapes not in self._bound and len(self._bound) < MOST_SHAPES:
            try:
                with translated(f"bind {self._name}"):
                    graph_id = 1 + len(self._bound)  # 0 is ONNX Runtime's own
                    self._bound[shapes] = self._bind(given, outputs, graph_id)
            except BackendFailure as exc:
                self._refuse(shapes, exc)
        return outputs

    def close(self) -> None:
        self._bound.clear()  # before the session that they belong to
        self._session = None

    def _refuse(self, shapes: Shapes, exc: BackendFailure) -> None:
        if None not in self._bound.values():
            _logger.warning("some shapes of %s run without CUDA graphs: %s", self._name, str(exc))
        self._bound[shapes] = None

    def _bind(self, inputs: Arrays, outputs: Arrays, graph_id: int) -> _Bound:
        binding = self._session.io_binding()
        inside, outside = (self._places(arrays) for arrays in (inputs, outputs))
        for name, value in inside.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in outside.items():
            binding.bind_ortvalue_output(name, value)
        return _Bound(self._session, binding, inside, outside, _options(self._ort, graph_id))

    def _places(self, arrays: Arrays) -> dict[str, Any]:
        place = self._ort.OrtValue.ortvalue_from_shape_and_type
        return {
            name: place(value.shape, value.dtype, self._device, 0) for name, value in arrays.items()
        }


class _Bound:
    """The inputs and outputs of one set of shapes, on the device."""

    def __init__(
        self,
        session: Any,
        binding: Any,
        inputs: dict[str, Any],
        outputs: dict[str, Any],
        options: Any,
    ) -> None:
        self._session, self._binding, self._options = session, binding, options
        self._inputs, self._outputs = inputs, outputs

    def run(self, inputs: Arrays) -> dict[str, Array]:
        for name, value in inputs.items():
            self._inputs[name].update_inplace(value)
        self._session.run_with_iobinding(self._binding, self._options)
        # On a CPU `numpy` is a view of what the next run overwrites.
        return {name: value.numpy().copy() for name, value in self._outputs.items()}


def _options(ort: Any, graph_id: int) -> Any:
    options = ort.RunOptions()
    options.add_run_config_entry("gpu_graph_id", str(graph_id))
    return options
