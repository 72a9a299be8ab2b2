"""One run of an engine: a context that has its shapes, and where its tensors lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.backends.base import Array, Arrays
from runtime.backends.tensorrt_.calls import Expect
from runtime.backends.tensorrt_.memory import Blocks, Memory, aligned, view
from runtime.errors import BackendFailure
from runtime.manifest import GraphName, Port
from runtime.ports import Ports

Shape = tuple[int, ...]
Shapes = tuple[Shape, ...]
"""Of all inputs, in the order of the ports."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies in the memory of a run: its first byte, and what it is."""

    start: int
    shape: Shape
    dtype: np.dtype[Any]

    def array(self, address: int) -> Array:
        """The tensor in memory of the host that begins at `address`."""
        return view(address + self.start, self.shape, self.dtype)


class Run:
    """It may be repeated with other values until the context is used for other shapes."""

    def __init__(
        self, name: GraphName, context: Any, ports: Ports, shapes: Shapes, expect: Expect
    ) -> None:
        """Raises `BackendFailure` when the engine does not tell the shapes of its outputs."""
        self._context = context
        inputs = {port.name: shape for port, shape in zip(ports.inputs, shapes, strict=True)}
        for port, shape in inputs.items():
            expect(context.set_input_shape(port, shape), f"set_input_shape({port})")
        if missing := context.infer_shapes():
            raise BackendFailure(f"{name}: the engine still lacks shapes of {missing}")
        self._inside, self._end = _lay_out(ports.inputs, inputs, 0)
        outputs = _outputs(name, context, ports)
        self._outside, self.size = _lay_out(ports.outputs, outputs, self._end)

    def bind(self, blocks: Blocks, expect: Expect) -> None:
        """Tell the context all addresses."""
        self._context.set_device_memory(blocks.activations.address, blocks.activations.size)
        for name, place in {**self._inside, **self._outside}.items():
            address = blocks.device.address + place.start
            expect(self._context.set_tensor_address(name, address), f"set_tensor_address({name})")

    def write(self, inputs: Arrays, blocks: Blocks) -> None:
        for name, place in self._inside.items():
            place.array(blocks.host.address)[...] = inputs[name]

    def queue(self, memory: Memory, blocks: Blocks, expect: Expect) -> None:
        """Inputs to the GPU, kernels, outputs to the host."""
        memory.send(blocks, self._end)
        expect(self._context.execute_async_v3(int(memory.stream)), "execute_async_v3")
        memory.fetch(blocks, self._end, self.size - self._end)

    def read(self, blocks: Blocks) -> dict[str, Array]:
        """Copies of the outputs."""
        host = blocks.host.address
        return {name: place.array(host).copy() for name, place in self._outside.items()}


def _outputs(name: GraphName, context: Any, ports: Ports) -> dict[str, Shape]:
    found = {port.name: tuple(context.get_tensor_shape(port.name)) for port in ports.outputs}
    for port in ports.outputs:
        shape = found[port.name]
        if len(shape) != len(port.shape) or min(shape, default=0) < 1:
            raise BackendFailure(f"{name}: output {port.name} would have shape {shape}")
    return found


def _lay_out(
    ports: tuple[Port, ...], shapes: Mapping[str, Shape], start: int
) -> tuple[dict[str, Place], int]:
    """A place for each port from `start` on, and the first byte after the last."""
    places = {}
    for port in ports:
        place = places[port.name] = Place(start, shapes[port.name], np.dtype(port.dtype))
        start += aligned(int(np.prod(place.shape)) * place.dtype.itemsize)
    return places, start
