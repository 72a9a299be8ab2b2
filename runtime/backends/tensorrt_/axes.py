"""Which shapes a graph takes: its ports, and the bounds that its engine was built for."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.backends.base import Arrays
from runtime.built_for import Span
from runtime.errors import BackendFailure
from runtime.ports import Ports

Bounds = Mapping[str, tuple[Span, ...]]
"""For every input, what each of its axes may be."""


def check_inputs(name: str, ports: Ports, bounds: Bounds, inputs: Arrays) -> None:
    """Raises `BackendFailure` for missing or other inputs, types or shapes than graph `name` has,
    for axes of one name that differ in size, and for sizes that its engine was not built for.
    """
    taken = {port.name: port.dtype for port in ports.inputs}
    given = {port: str(value.dtype) for port, value in inputs.items()}
    if given != taken:
        raise BackendFailure(f"{name} takes {taken}, not {given}")
    sizes: dict[str, int] = {}
    for port in ports.inputs:
        shape = inputs[port.name].shape
        if len(shape) != len(port.shape):
            raise BackendFailure(f"{name}: {port.name} has axes {port.shape}, not {shape}")
        for axis, size in zip(port.shape, shape, strict=True):
            expected = sizes.setdefault(axis, size) if isinstance(axis, str) else axis
            if size != expected:
                raise BackendFailure(
                    f"{name}: axis {axis} of {port.name} is {size}, it must be {expected}"
                )
        _check_bounds(name, port.name, port.shape, shape, bounds[port.name])


def _check_bounds(
    name: str,
    port: str,
    axes: tuple[int | str, ...],
    shape: tuple[int, ...],
    bounds: tuple[Span, ...],
) -> None:
    for axis, size, span in zip(axes, shape, bounds, strict=True):
        if size not in span:
            raise BackendFailure(
                f"{name}: axis {axis} of {port} is {size}, its engine was built for {span}; "
                "export the checkpoint with other --rows or --side, or run its ONNX graph"
            )
