"""One engine at work: arrays in, arrays out, by way of the memory that graphs share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.backends.base import Array, Arrays, as_contiguous
from runtime.backends.tensorrt_.axes import check_inputs
from runtime.backends.tensorrt_.calls import Expect, checked
from runtime.backends.tensorrt_.load import Engine
from runtime.backends.tensorrt_.memory import Memory, aligned, view
from runtime.errors import BackendFailure
from runtime.manifest import GraphName, Port
from runtime.nvidia.library import Library
from runtime.ports import Ports

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies in the memory of a run: its first byte, and what it is."""

    start: int
    shape: Shape
    dtype: np.dtype[Any]

    def array(self, address: int) -> Array:
        """The tensor in memory of the host that begins at `address`."""
        return view(address + self.start, self.shape, self.dtype)


class EngineGraph:
    """Calls must not overlap with those of another graph of the same `memory`."""

    def __init__(
        self,
        name: GraphName,
        library: Library,
        ports: Ports,
        engine: Engine,
        memory: Memory,
        on_close: Callable[[], None],
    ) -> None:
        self._name, self._library, self._ports = name, library, ports
        self._engine, self._memory = engine, memory
        self._on_close: Callable[[], None] | None = on_close

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Raises `OutOfMemory` too, when the GPU has too little left for this batch."""
        check_inputs(self._name, self._ports, self._engine.bounds, inputs)
        given = as_contiguous(inputs)
        with checked(self._library, f"run {self._name}") as expect:
            shapes = {name: value.shape for name, value in given.items()}
            self._set_shapes(shapes, expect)
            inside, end = _lay_out(self._ports.inputs, shapes, 0)
            outside, size = _lay_out(self._ports.outputs, self._output_shapes(), end)
            return self._execute(given, inside, outside, (end, size), expect)

    def close(self) -> None:
        self._engine.close()
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()

    def _set_shapes(self, shapes: Mapping[str, Shape], expect: Expect) -> None:
        for name, shape in shapes.items():
            expect(self._engine.context.set_input_shape(name, shape), f"set_input_shape({name})")
        if missing := self._engine.context.infer_shapes():
            raise BackendFailure(f"{self._name}: the engine still lacks shapes of {missing}")

    def _output_shapes(self) -> dict[str, Shape]:
        found = {
            port.name: tuple(self._engine.context.get_tensor_shape(port.name))
            for port in self._ports.outputs
        }
        for port in self._ports.outputs:
            shape = found[port.name]
            if len(shape) != len(port.shape) or min(shape, default=0) < 1:
                raise BackendFailure(f"{self._name}: output {port.name} would have shape {shape}")
        return found

    def _execute(
        self,
        inputs: Arrays,
        inside: Mapping[str, Place],
        outside: Mapping[str, Place],
        ends: tuple[int, int],
        expect: Expect,
    ) -> dict[str, Array]:
        memory, context, (end, size) = self._memory, self._engine.context, ends
        host, device = memory.host.reserve(size), memory.device.reserve(size)
        activations = memory.activations.reserve(self._engine.activations)
        context.set_device_memory(activations.address, activations.size)
        for name, place in {**inside, **outside}.items():
            address = device.address + place.start
            expect(context.set_tensor_address(name, address), f"set_tensor_address({name})")
        for name, place in inside.items():
            place.array(host.address)[...] = inputs[name]
        with memory.queue():
            memory.send(host, device, end)
            expect(context.execute_async_v3(int(memory.stream)), "execute_async_v3")
            memory.fetch(host, device, end, size - end)
        return {name: place.array(host.address).copy() for name, place in outside.items()}


def _lay_out(
    ports: tuple[Port, ...], shapes: Mapping[str, Shape], start: int
) -> tuple[dict[str, Place], int]:
    """A place for each port from `start` on, and the first byte after the last."""
    places = {}
    for port in ports:
        place = places[port.name] = Place(start, shapes[port.name], np.dtype(port.dtype))
        start += aligned(int(np.prod(place.shape)) * place.dtype.itemsize)
    return places, start
