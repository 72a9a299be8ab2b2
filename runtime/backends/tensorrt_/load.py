"""From a file to an engine that is known to have the ports of its graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from runtime.backends.tensorrt_.axes import Bounds
from runtime.backends.tensorrt_.calls import Expect, checked
from runtime.backends.tensorrt_.contexts import Contexts
from runtime.backends.tensorrt_.refit import refit
from runtime.built_for import Span
from runtime.errors import BackendFailure
from runtime.manifest import GraphName, Port
from runtime.nvidia.library import Library
from runtime.nvidia.options import GpuOptions
from runtime.ports import Ports

# TensorRT's names of the types that ports have.
_TYPES: Final = {"float32": "FLOAT", "int32": "INT32", "uint8": "UINT8"}


class Engine:
    """A deserialised engine with one execution context, and more of them when asked for."""

    def __init__(
        self,
        library: Library,
        name: GraphName,
        path: Path,
        ports: Ports,
        gpu: GpuOptions,
        kernels: Path,
    ) -> None:
        """The GPU must have been found; `kernels` is for `Contexts`.

        Raises `BackendFailure` or `OutOfMemory`.
        """
        trt = library.trt
        with checked(library, f"load {name} from {path.name}") as expect:
            self._runtime = expect(trt.Runtime(library.logger), "Runtime")
            if library.name == "tensorrt" and not library.lean:
                # An engine for any version brings the code along that runs it.
                self._runtime.engine_host_code_allowed = True
            plan = _read(path)
            self._engine = expect(
                self._runtime.deserialize_cuda_engine(plan), "deserialize_cuda_engine"
            )
            del plan
            _check_ports(name, self._engine, ports)
            self.bounds = _bounds(self._engine, ports)
            if gpu.memory:
                _bound_weights(name, self._engine, gpu.memory)  # which alters what follows
            self.activations = int(self._engine.device_memory_size_v2)
            self._contexts: Contexts | None = Contexts(
                library, self._engine, expect, cuda_graphs=gpu.cuda_graphs, kernels=kernels
            )
            self.context = self._contexts.create(expect)

    def create_context(self, stream: Any, expect: Expect) -> Any:
        """Another one, to be freed before `close`, that is to run on `stream`."""
        assert self._contexts is not None
        context = self._contexts.create(expect)
        # Chosen by TensorRT itself for the first context alone, before version 10 at least.
        chosen = context.set_optimization_profile_async(0, int(stream))
        expect(chosen, "set_optimization_profile_async")
        return context

    def refit(self, library: Library, name: GraphName, weights: Path) -> None:
        """See `refit`."""
        with checked(library, f"refit {name} from {weights.name}") as expect:
            refit(library, name, self._engine, weights, expect)

    def close(self) -> None:
        """Free all of it; may be called twice."""
        self.context = None
        contexts, self._contexts = self._contexts, None
        if contexts is not None:
            contexts.close()
        del contexts  # before what it was made of
        self._engine = self._runtime = None  # in this order


def _bound_weights(name: GraphName, engine: Any, memory: int) -> None:
    """Keep at most `memory` bytes of weights on the GPU. There must be no context yet."""
    if not (weights := int(engine.streamable_weights_size)):
        raise BackendFailure(
            f"the engine of {name} keeps all its weights on the GPU, which was bound to {memory} "
            "bytes; export it with --weight-streaming, or bind nothing"
        )
    engine.weight_streaming_budget_v2 = min(memory, weights)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise BackendFailure(f"{path} cannot be read: {exc}") from exc


def _check_ports(name: GraphName, engine: Any, ports: Ports) -> None:
    """TensorRT would take the address of a tensor of another type without a word."""
    found = {}
    for index in range(engine.num_io_tensors):
        port = engine.get_tensor_name(index)
        facts = (
            engine.get_tensor_mode(port),
            engine.get_tensor_dtype(port),
            engine.get_tensor_location(port),
        )
        found[port] = tuple(fact.name for fact in facts)
    wanted = {port.name: ("INPUT", _TYPES[port.dtype], "DEVICE") for port in ports.inputs}
    wanted |= {port.name: ("OUTPUT", _TYPES[port.dtype], "DEVICE") for port in ports.outputs}
    if found != wanted:
        raise BackendFailure(f"the engine of {name} has {found}, not {wanted}; export it again")


def _bounds(engine: Any, ports: Ports) -> Bounds:
    return {port.name: _spans(engine, port) for port in ports.inputs}


def _spans(engine: Any, port: Port) -> tuple[Span, ...]:
    least, _, most = engine.get_tensor_profile_shape(port.name, 0)
    return tuple(Span(low, high) for low, high in zip(least, most, strict=True))
