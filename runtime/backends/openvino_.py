"""OpenVINO on the CPU: computes in bf16 where the processor has bf16 units, else in fp32.

Under its bf16 hint OpenVINO keeps what follows the last heavy operation of a graph in float32, so
the sampler arithmetic at the end of the `tick` graph is not rounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import Array, Arrays, Function, Graph, Probe, as_contiguous
from runtime.built_for import Machine
from runtime.errors import BackendFailure, BackendUnavailable
from runtime.manifest import GraphName, Manifest, Precision
from runtime.nvidia.options import GpuOptions
from runtime.ports import Ports, ports_of

_HINTS: Final = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
_INSTALL: Final = "pip install -e '.[serve]'"


class OpenVinoBackend:
    """One OpenVINO core, compiling for the CPU at one precision."""

    name = "openvino"
    device = "cpu"
    # Weights are decompressed while compiling, so the smaller file costs nothing.
    stored: tuple[Precision, ...] = ("fp16", "fp32")
    machine: Machine | None = None

    def __init__(self, precision: str) -> None:
        import openvino

        self.precision = precision
        self._core = openvino.Core()

    def load(self, graph: GraphName, path: Path, manifest: Manifest) -> Graph:
        with _translated(f"compile {graph}"):
            model = self._core.read_model(path)
            if self.precision == "bf16":
                to_bf16(model)
            config = {"INFERENCE_PRECISION_HINT": _HINTS[self.precision]}
            compiled = self._core.compile_model(model, "CPU", config)
            return OpenVinoGraph(graph, compiled, ports_of(manifest.model)[graph])


class OpenVinoGraph:
    """A compiled model with one inference request: calls must not overlap."""

    def __init__(self, name: GraphName, compiled: Any, ports: Ports) -> None:
        self._name = name
        # By name, because OpenVINO may list a port under the name of a tensor that it merged.
        inputs = {port.name: compiled.input(port.name) for port in ports.inputs}
        self._inputs = {name: port.element_type.to_dtype() for name, port in inputs.items()}
        self._outputs = [(port.name, compiled.output(port.name)) for port in ports.outputs]
        self._compiled, self._request = compiled, compiled.create_infer_request()

    def run(self, inputs: Arrays) -> dict[str, Array]:
        # OpenVINO would convert another type, and take an absent input from the call before.
        given = {name: value.dtype for name, value in inputs.items()}
        if given != self._inputs:
            raise BackendFailure(f"{self._name} takes {self._inputs}, not {given}")
        with _translated(f"run {self._name}"):
            # OpenVINO copies outputs unless share_outputs is asked for.
            results = self._request.infer(as_contiguous(inputs), share_inputs=True)
            # Of its intermediate results, it would keep the memory of the largest ones ever had.
            self._compiled.release_memory()
            return {name: results[port] for name, port in self._outputs}

    def close(self) -> None:
        self._compiled = self._request = None


def load_function(path: Path) -> Function:
    """See `runtime.backends.base.load_function`."""
    import openvino

    with _translated(f"compile {path.name}"):
        config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        compiled = openvino.Core().compile_model(path, "CPU", config)

    def run(values: Array) -> Array:
        with _translated(f"run {path.name}"):
            request = compiled.create_infer_request()  # one of its own for each thread
            found: Array = request.infer([np.ascontiguousarray(values)])[0]
            return found

    return run


def to_bf16(model: Any) -> None:
    """Turn an `openvino.Model`'s float16 constants and conversions into bfloat16 ones, in place.

    Left to itself, OpenVINO makes a float32 copy of all float16 weights before it packs them as
    bfloat16. What was float32 stays float32. No weight refers to the model's file afterwards, so
    that the file's pages are freed. Raises `RuntimeError` where float16 would meet bfloat16.
    """
    from openvino import op

    for node in model.get_ops():
        match node.get_type_name(), node.get_output_element_type(0).get_type_name():
            case "Constant", "f16":
                _replace(node, op.Constant(_rounded(node.data)))
            case "Constant", "f32":
                _replace(node, op.Constant(node.data, shared_memory=False))
            case "Convert", "f16":
                node.set_attribute("destination_type", "bf16")
    model.validate_nodes_and_infer_types()


def _rounded(values: NDArray[np.float16]) -> Any:
    """The `openvino.Tensor` of the nearest bfloat16 numbers, ties to the even one."""
    import openvino

    bits = values.astype(np.float32).view(np.uint32)
    upper = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    tensor = openvino.Tensor(openvino.Type.bf16, openvino.Shape(values.shape))
    tensor.data.view(np.uint16)[...] = upper
    return tensor


def _replace(node: Any, constant: Any) -> None:
    constant.set_friendly_name(node.get_friendly_name())
    node.output(0).replace(constant.output(0))


@contextmanager
def _translated(action: str) -> Iterator[None]:
    # OpenVINO's own exceptions all derive from RuntimeError; the bindings raise the other three.
    try:
        yield
    except (RuntimeError, TypeError, ValueError, MemoryError) as exc:
        raise BackendFailure(f"openvino could not {action}: {exc}") from exc


def open_backend(device: str, precision: str, gpu: GpuOptions) -> OpenVinoBackend:
    """Raises `BackendUnavailable` when OpenVINO is missing or cannot do what is asked."""
    if device not in ("auto", "cpu"):
        raise BackendUnavailable(f"backend openvino runs on cpu, not on {device!r}; use ort")
    gpu.check_unasked("backend openvino")
    found = probe()[0]
    if not found.usable:
        raise BackendUnavailable(f"openvino: {found.why}; {found.fix}")
    if precision == "auto":
        return OpenVinoBackend(found.precision)
    # Asked for what the processor lacks, OpenVINO computes in something else without a word.
    able = [name for name in _HINTS if name.upper() in _capabilities()]
    if precision not in able:
        raise BackendUnavailable(
            f"openvino computes in {' or '.join(able)} on this processor, not in {precision!r}"
        )
    return OpenVinoBackend(precision)


def probe() -> list[Probe]:
    """One line: the CPU."""
    try:
        import openvino
    except ImportError as exc:
        return [Probe("openvino", "cpu", False, "", f"not installed: {exc}", _INSTALL)]
    chip = openvino.Core().get_property("CPU", "FULL_DEVICE_NAME")
    if "BF16" in _capabilities():
        return [Probe("openvino", "cpu", True, "bf16", f"{chip} has bf16 units")]
    return [Probe("openvino", "cpu", True, "fp32", f"{chip} has no bf16 units")]


def _capabilities() -> list[str]:
    import openvino

    found: list[str] = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return found
