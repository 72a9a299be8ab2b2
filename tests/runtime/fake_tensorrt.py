"""The module `tensorrt_rtx` without a GPU, for tests: its names, and every way in which it fails.

An engine's file is JSON; what it computes is what `runtime.backends.fake` computes.
"""

from __future__ import annotations

import dataclasses
import json
import weakref
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any, Final

from export.engines.profiles import Range, Shapes, profiles_of
from runtime.backends.fake import FakeGraph
from runtime.backends.tensorrt_.memory import view
from runtime.built_for import BuiltFor, Span
from runtime.bundle import Bundle
from runtime.manifest import MANIFEST_FILE, GraphName, Manifest
from runtime.ports import Ports, ports_of
from tests.fake_bundle import file_of, write_fake_bundle
from tests.runtime.fake_cuda import FakeCuda, Status

ROWS, SIDE = Span(1, 12), Span(32, 128)
BUILT_FOR: Final = BuiltFor("tensorrt-rtx", "1.7.1.116", ("8.6",), False, False, ROWS, SIDE)
ACTIVATIONS: Final[dict[GraphName, int]] = {
    "text_encoder": 1000,
    "image_encoder": 5000,
    "tick": 3000,
    "image_decoder": 4000,
}
SCRATCH: Final = 700  # of activations, more where weights are streamed


def write_engine_bundle(
    path: Path, built_for: BuiltFor = BUILT_FOR, *, portable: bool = True, **model: Any
) -> Bundle:
    """A fake bundle with an engine for every graph, beside the portable ones unless told not to."""
    write_fake_bundle(path, **model)
    manifest = Manifest.loads((path / MANIFEST_FILE).read_text())
    graphs = {}
    for name, (onnx,) in manifest.graphs.items():
        (path / f"{name}.engine").write_text(json.dumps({"graph": name}))
        engine = dataclasses.replace(
            onnx, file=file_of(path, f"{name}.engine"), built_for=built_for
        )
        graphs[name] = (onnx, engine) if portable else (engine,)
    (path / MANIFEST_FILE).write_text(dataclasses.replace(manifest, graphs=graphs).dumps())
    return Bundle.open(path)


class FakeTensorRt:
    """The module. `returns` maps a method to what its calls return, or raise, in its place; `told`
    is logged then. `ended` lists the kinds of objects that were freed, in order. `streamable` are
    the bytes of weights that an engine may leave on the host. `contexts` are what contexts were
    made with, `budgets` what weights were bound to, and `loaded` the kernels that were read.
    """

    __version__ = "1.7.1.116"

    class ILogger:
        INTERNAL_ERROR, ERROR, WARNING, INFO = range(4)

    class ExecutionContextAllocationStrategy(Enum):
        STATIC = 0
        ON_PROFILE_CHANGE = 1
        USER_MANAGED = 2

    class CudaGraphStrategy(Enum):
        DISABLED = 0
        WHOLE_GRAPH_CAPTURE = 1

    class TensorIOMode(Enum):
        INPUT = 1
        OUTPUT = 2

    class TensorLocation(Enum):
        DEVICE = 0
        HOST = 1

    class DataType(IntEnum):
        FLOAT = 0
        HALF = 1
        INT32 = 3
        UINT8 = 5

    def __init__(self, cuda: FakeCuda, manifest: Manifest) -> None:
        self.cuda, self.manifest = cuda, manifest
        self.returns: dict[str, Any] = {}
        self.refitted: dict[GraphName, bytes] = {}
        self.told = "because"
        self.logger: Any = None
        self.streamable = 0
        self.contexts: list[Any] = []
        self.budgets: list[int] = []
        self.loaded: list[bytes] = []
        self.live: list[str] = []
        self.ended: list[str] = []

    def Runtime(self, logger: Any) -> Any:
        self.logger = logger
        return self.act("Runtime", Runtime(self))

    def Refitter(self, engine: ICudaEngine, logger: Any) -> Any:
        return self.act("Refitter", Refitter(self, engine))

    def OnnxParserRefitter(self, refitter: Any, logger: Any) -> Any:
        return self.act("OnnxParserRefitter", OnnxParserRefitter(self, refitter))

    def act(self, method: str, value: Any) -> Any:
        """`value`, or what was planted for `method`."""
        if method not in self.returns:
            return value
        self.logger.log(self.ILogger.ERROR, self.told)
        planted = self.returns[method]
        if isinstance(planted, Exception):
            raise type(planted)(*planted.args)  # a new one, for it keeps what it went through
        return planted


class Counted:
    """Knows when it is freed."""

    def __init__(self, trt: FakeTensorRt) -> None:
        self._trt = trt
        trt.live.append(type(self).__name__)

    def __del__(self) -> None:
        self._trt.live.remove(type(self).__name__)
        self._trt.ended.append(type(self).__name__)


class Runtime(Counted):
    def deserialize_cuda_engine(self, serialized_engine: bytes) -> Any:
        try:
            name = json.loads(serialized_engine)["graph"]
        except (ValueError, KeyError):
            self._trt.logger.log(self._trt.ILogger.ERROR, "the plan is damaged")
            return None
        return self._trt.act("deserialize_cuda_engine", ICudaEngine(self._trt, name))


class ICudaEngine(Counted):
    def __init__(self, trt: FakeTensorRt, name: GraphName) -> None:
        super().__init__(trt)
        self._graph: GraphName = name
        self._ports: Ports = ports_of(trt.manifest.model)[name]
        self._all = (*self._ports.inputs, *self._ports.outputs)

        self._budget = trt.streamable
        self._has_context = False

    @property
    def device_memory_size_v2(self) -> int:
        return ACTIVATIONS[self._graph] + SCRATCH * (self._budget < self._trt.streamable)

    @property
    def streamable_weights_size(self) -> int:
        return self._trt.streamable

    @property
    def weight_streaming_budget_v2(self) -> int:
        return self._budget

    @weight_streaming_budget_v2.setter
    def weight_streaming_budget_v2(self, budget: int) -> None:
        assert 0 <= budget <= self._trt.streamable
        assert "IExecutionContext" not in self._trt.live
        self._budget = budget
        self._trt.budgets.append(budget)

    @property
    def refittable(self) -> Any:
        return self._trt.act("refittable", True)

    @property
    def num_io_tensors(self) -> int:
        return len(self._all)

    def get_tensor_name(self, index: int) -> str:
        return self._all[index].name

    def get_tensor_mode(self, name: str) -> Any:
        is_input = any(port.name == name for port in self._ports.inputs)
        modes = self._trt.TensorIOMode
        return self._trt.act("get_tensor_mode", modes.INPUT if is_input else modes.OUTPUT)

    def get_tensor_dtype(self, name: str) -> Any:
        dtype = next(port.dtype for port in self._all if port.name == name)
        found = {"float32": "FLOAT", "int32": "INT32", "uint8": "UINT8"}[dtype]
        return self._trt.act("get_tensor_dtype", self._trt.DataType[found])

    def get_tensor_location(self, name: str) -> Any:
        return self._trt.act("get_tensor_location", self._trt.TensorLocation.DEVICE)

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> Any:
        assert profile_index == 0
        rows, side = (Range(span.least, span.least, span.most) for span in (ROWS, SIDE))
        manifest = self._trt.manifest
        profiles = profiles_of(
            self._graph, manifest.model, manifest.tokenizer.max_length, Shapes(rows, side)
        )
        shapes = [list(shape) for shape in dataclasses.astuple(profiles[name])]
        return self._trt.act("get_tensor_profile_shape", shapes)

    def create_runtime_config(self) -> Any:
        return self._trt.act("create_runtime_config", IRuntimeConfig(self._trt))

    def create_execution_context(self, strategy: Any) -> Any:
        """The library takes an allocation strategy or an `IRuntimeConfig`, told apart by type."""
        config = strategy if isinstance(strategy, IRuntimeConfig) else None
        allocation = config._allocation if config else strategy
        assert allocation is self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
        self._trt.contexts.append(config and (config.cuda_graph_strategy, bool(config._cache)))
        return self._trt.act("create_execution_context", IExecutionContext(self._trt, self))


class Refitter(Counted):
    def __init__(self, trt: FakeTensorRt, engine: ICudaEngine) -> None:
        super().__init__(trt)
        self._engine = engine
        self._parser: Any = None

    def refit_cuda_engine(self) -> Any:
        """The weights are still the parser's, which must be there."""
        parser = self._parser()
        assert parser is not None
        self._trt.refitted[self._engine._graph] = parser._weights
        return self._trt.act("refit_cuda_engine", True)


class ParserError:
    def desc(self) -> str:
        return "a name is missing"


class OnnxParserRefitter(Counted):
    def __init__(self, trt: FakeTensorRt, refitter: Refitter) -> None:
        super().__init__(trt)
        self._refitter = refitter
        refitter._parser = weakref.ref(self)

    num_errors = 1

    def get_error(self, index: int) -> ParserError:
        return [ParserError()][index]

    def refit_from_file(self, model: str) -> Any:
        self._weights = Path(model).read_bytes()
        return self._trt.act("refit_from_file", True)


class IRuntimeConfig(Counted):
    """Of TensorRT-RTX; TensorRT's has no strategy of CUDA graphs and no cache."""

    def __init__(self, trt: FakeTensorRt) -> None:
        super().__init__(trt)
        self._allocation = trt.ExecutionContextAllocationStrategy.STATIC
        self._strategy = trt.CudaGraphStrategy.DISABLED
        self._cache: Any = None

    @property
    def cuda_graph_strategy(self) -> Any:
        return self._strategy

    @cuda_graph_strategy.setter
    def cuda_graph_strategy(self, strategy: Any) -> None:
        self._strategy = strategy

    def set_execution_context_allocation_strategy(self, strategy: Any) -> None:
        self._allocation = strategy

    def create_runtime_cache(self) -> Any:
        return self._trt.act("create_runtime_cache", IRuntimeCache(self._trt))

    def set_runtime_cache(self, cache: Any) -> Any:
        self._cache = cache
        return self._trt.act("set_runtime_cache", True)


class IRuntimeCache(Counted):
    def deserialize(self, blob: bytes) -> Any:
        self._trt.loaded.append(blob)
        return self._trt.act("deserialize", True)

    def serialize(self) -> Any:
        return self._trt.act("serialize", memoryview(b"kernels"))


class IExecutionContext(Counted):
    def __init__(self, trt: FakeTensorRt, engine: ICudaEngine) -> None:
        super().__init__(trt)
        self._engine = engine
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        self._memory = (0, 0)
        self._profile = -1 if engine._has_context else 0
        engine._has_context = True
        self._warm: dict[str, tuple[int, ...]] = {}

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> Any:
        assert stream_handle in self._trt.cuda.queues
        self._profile = profile_index
        return self._trt.act("set_optimization_profile_async", True)

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> Any:
        assert self._profile == 0
        self._shapes[name] = tuple(shape)
        return self._trt.act("set_input_shape", True)

    def infer_shapes(self) -> Any:
        missing = {port.name for port in self._engine._ports.inputs} - self._shapes.keys()
        return self._trt.act("infer_shapes", sorted(missing))

    def get_tensor_shape(self, name: str) -> Any:
        return self._trt.act("get_tensor_shape", list(self._output_shape(name)))

    def set_device_memory(self, memory: int, size: int) -> None:
        self._memory = (memory, size)

    def set_tensor_address(self, name: str, memory: int) -> Any:
        assert memory % 256 == 0
        self._addresses[name] = memory
        return self._trt.act("set_tensor_address", True)

    def execute_async_v3(self, stream_handle: int) -> Any:
        """Computes when the stream is waited for, or whenever the CUDA graph is launched that it
        was captured in: nothing of the context may have been altered until then.
        """
        address, size = self._memory
        assert size >= self._engine.device_memory_size_v2
        state = self._state()
        if stream_handle in self._trt.cuda.capturing:
            assert self._warm == self._shapes, "its first run in these shapes cannot be captured"
        self._warm = dict(self._shapes)

        def work() -> Status:
            assert self._state() == state, "the context was altered"
            self._trt.cuda.check(address, size, "device")
            return self._compute()

        self._trt.cuda.queue(stream_handle, work)
        return self._trt.act("execute_async_v3", True)

    def _state(self) -> Any:
        return dict(self._shapes), dict(self._addresses), self._memory

    def _compute(self) -> Status:
        ports = self._engine._ports
        graph = FakeGraph(self._engine._graph, self._trt.manifest.model)
        shapes = self._shapes
        arrays = {port.name: self._tensor(port, shapes[port.name]) for port in ports.inputs}
        for name, value in graph.run(arrays).items():
            port = next(port for port in ports.outputs if port.name == name)
            self._tensor(port, value.shape)[...] = value
        return Status.cudaSuccess

    def _tensor(self, port: Any, shape: tuple[int, ...]) -> Any:
        import numpy as np

        dtype, address = np.dtype(port.dtype), self._addresses[port.name]
        self._trt.cuda.check(address, int(np.prod(shape)) * dtype.itemsize, "device")
        return view(address, shape, dtype)

    def _output_shape(self, name: str) -> tuple[int, ...]:
        ports, model = self._engine._ports, self._trt.manifest.model
        sizes: dict[int | str, int] = {}
        for port in ports.inputs:
            sizes |= dict(zip(port.shape, self._shapes[port.name], strict=True))
        for axis, image in (("h", "H"), ("w", "W")):
            if image in sizes:
                sizes[axis] = sizes[image] // model.downscale
            elif axis in sizes:
                sizes[image] = sizes[axis] * model.downscale
        (wanted,) = (port for port in ports.outputs if port.name == name)
        return tuple(axis if isinstance(axis, int) else sizes[axis] for axis in wanted.shape)
