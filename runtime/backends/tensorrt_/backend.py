"""The engines of one library on the first GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from runtime.backends.base import Graph, Probe
from runtime.backends.tensorrt_.calls import let_go
from runtime.backends.tensorrt_.captures import Captures
from runtime.backends.tensorrt_.cuda import Cuda, open_cuda
from runtime.backends.tensorrt_.graph import EngineGraph
from runtime.backends.tensorrt_.load import Engine
from runtime.backends.tensorrt_.memory import Memory
from runtime.built_for import EngineLibrary, Machine
from runtime.errors import BackendFailure, BackendUnavailable, OutOfMemory
from runtime.manifest import GraphName, Manifest, Precision
from runtime.nvidia.folder import compiled_folder
from runtime.nvidia.gpu import Gpu, find_gpu
from runtime.nvidia.library import Library, open_runtime
from runtime.nvidia.options import UNASKED, GpuOptions
from runtime.ports import ports_of

DEVICE: Final = "cuda"
_STORED: Final[dict[str, tuple[Precision, ...]]] = {
    "as stored": ("fp16", "fp32"),
    "fp16": ("fp16",),
    "fp32": ("fp32",),
}


class EngineBackend:
    """Loads engines, which share memory: their graphs' calls must not overlap."""

    device = DEVICE

    def __init__(
        self,
        library: Library,
        gpu: Gpu,
        cuda: Cuda,
        precision: str,
        options: GpuOptions = UNASKED,
    ) -> None:
        self.name: str = library.name
        self.precision, self.stored = precision, _STORED[precision]
        self.machine: Machine | None = _machine(library, gpu)
        self._library, self._cuda, self._options = library, cuda, options
        self._memory: Memory | None = None
        self._users = 0

    def load(self, graph: GraphName, path: Path, manifest: Manifest) -> Graph:
        return self._load(graph, path, None, manifest)

    def load_refitted(
        self, graph: GraphName, path: Path, weights: Path, manifest: Manifest
    ) -> Graph:
        return self._load(graph, path, weights, manifest)

    def _load(
        self, graph: GraphName, path: Path, weights: Path | None, manifest: Manifest
    ) -> Graph:
        ports = ports_of(manifest.model)[graph]
        kernels = compiled_folder(self.name) / f"{manifest.digest()[:16]}-{graph}.kernels"
        memory, engine = self._borrow_memory(), None
        try:
            engine = Engine(self._library, graph, path, ports, self._options, kernels)
            if weights is not None:
                engine.refit(self._library, graph, weights)
            memory.activations.reserve(engine.activations)
            captures = self._captures(graph, memory)
            return EngineGraph(
                graph, self._library, ports, engine, memory, captures, self._return_memory
            )
        except BaseException as exc:
            if engine is not None:
                engine.close()
            self._return_memory()
            let_go(exc)
            if isinstance(exc, OutOfMemory):  # nobody can give memory back yet
                raise BackendFailure(f"{graph} does not fit into the GPU: {exc}") from exc
            raise

    def _captures(self, graph: GraphName, memory: Memory) -> Captures | None:
        """A tick's alone: the others run once an edit, and every captured shape takes memory."""
        if not self._options.cuda_graphs or graph != "tick":
            return None
        if self.name == "tensorrt-rtx":  # which has its own
            return None
        return Captures(graph, self._cuda, memory.stream)

    def _borrow_memory(self) -> Memory:
        if self._memory is None:
            self._memory = Memory(self._cuda)
        self._users += 1
        return self._memory

    def _return_memory(self) -> None:
        self._users -= 1
        if self._users == 0 and self._memory is not None:
            self._memory.close()
            self._memory = None


def open_engines(
    name: EngineLibrary, device: str, precision: str, gpu: GpuOptions
) -> EngineBackend:
    """Raises `BackendUnavailable` when library, bindings or GPU are missing, or cannot do what is
    asked. The GPU is found before any engine is loaded: without, TensorRT may end the process.
    """
    if device not in ("auto", DEVICE):
        raise BackendUnavailable(f"backend {name} runs on {DEVICE}, not on {device!r}")
    stored = "as stored" if precision == "auto" else precision
    if stored not in _STORED:
        raise BackendUnavailable(f"{name} computes in fp16 or fp32, not in {precision!r}")
    return EngineBackend(open_runtime(name), find_gpu(), open_cuda(), stored, gpu)


def probe_engines(name: EngineLibrary) -> Probe:
    """All that is missing, in one line."""
    lacks: list[BackendUnavailable] = []
    for find in (find_gpu, lambda: open_runtime(name), open_cuda):
        try:
            find()
        except BackendUnavailable as exc:
            lacks.append(exc)
    if lacks:
        why, fix = ("; ".join(getattr(lack, part) for lack in lacks) for part in ("why", "fix"))
        return Probe(name, DEVICE, False, "", why, fix)
    gpu, library = find_gpu(), open_runtime(name)
    why = f"{gpu.name}, compute {gpu.compute}, {name} {library.version}; runs a bundle's engines"
    return Probe(name, DEVICE, True, "as stored", why, machine=_machine(library, gpu))


def _machine(library: Library, gpu: Gpu) -> Machine:
    return Machine(library.name, library.version, gpu.compute, library.lean)
