"""Sessions of ONNX Runtime.

Graphs compute at the precision they are stored in. ONNX Runtime falls back to the CPU in silence
when a GPU provider cannot load, so the provider really in use is checked after every load; its
Python code would also replace a provider that fails later, and is told not to.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from runtime.backends.base import Array, Arrays, Function, Graph, Probe, as_contiguous
from runtime.backends.ort.bound import BoundGraph
from runtime.backends.ort.calls import translated
from runtime.backends.ort.providers import (
    PROVIDERS,
    flavour,
    preload,
    providers,
    why_not_loaded,
)
from runtime.built_for import Machine
from runtime.errors import BackendUnavailable
from runtime.manifest import GraphName, Manifest, Precision
from runtime.nvidia.gpu import find_gpu
from runtime.nvidia.options import UNASKED, GpuOptions

# What computes in a precision is what is stored in it; "as stored" takes either.
_STORED: Final[dict[str, dict[str, tuple[Precision, ...]]]] = {
    "cpu": {"as stored": ("fp32", "fp16"), "fp32": ("fp32",), "fp16": ("fp16",)},
    "cuda": {"as stored": ("fp16", "fp32"), "fp32": ("fp32",), "fp16": ("fp16",)},
    "tensorrt": {"as stored": ("fp16", "fp32"), "fp32": ("fp32",), "fp16": ("fp16",)},
}
_UNSUITED: Final = "its library loads, so that the GPU or its driver does not suit"
_INSTALL_CPU: Final = "pip install -e '.[export]'"
_INSTALL_GPU: Final = "in an environment without onnxruntime: pip install -e '.[gpu]'"


class OrtBackend:
    """ONNX Runtime sessions on one device."""

    name = "ort"
    machine: Machine | None = None

    def __init__(self, device: str, precision: str, gpu: GpuOptions = UNASKED) -> None:
        import onnxruntime

        self._ort = onnxruntime
        self.device = device
        self.precision = precision
        self.stored = _STORED[device][precision]
        self._gpu = gpu

    def load(self, graph: GraphName, path: Path, manifest: Manifest) -> Graph:
        options = self._ort.SessionOptions()
        options.log_severity_level = 3
        if self.device == "cpu":
            # A request's shapes change from tick to tick, which the memory plan cannot reuse.
            options.enable_mem_pattern = False
        else:
            preload(self._ort)
        # What runs at every step; a text encoder's ArgMax of integers is not CUDA's, say.
        captured = self._gpu.cuda_graphs and graph == "tick"
        gpu = replace(self._gpu, cuda_graphs=captured)
        listed = providers(self.device, _is_half(graph, path, manifest), gpu)
        with translated(f"load {graph}"):
            session = self._ort.InferenceSession(
                path, options, providers=listed, enable_fallback=False
            )
        if (wanted := PROVIDERS[self.device]) not in session.get_providers():
            instead = session.get_providers()[0]
            why = why_not_loaded(self._ort, self.device) or _UNSUITED
            raise BackendUnavailable(
                f"onnxruntime did not load {wanted} and fell back to {instead}: {why}", _INSTALL_GPU
            )
        if captured:
            return BoundGraph(graph, self._ort, session, self.device)
        return OrtGraph(graph, session)


class OrtGraph:
    """One session, without IO binding: the state of an edit lives on the host, so that it would
    spare no copy.
    """

    def __init__(self, name: GraphName, session: Any) -> None:
        self._name = name
        self._outputs = [output.name for output in session.get_outputs()]
        self._session = session

    def run(self, inputs: Arrays) -> dict[str, Array]:
        with translated(f"run {self._name}"):
            values = self._session.run(self._outputs, as_contiguous(inputs))
        return dict(zip(self._outputs, values, strict=True))

    def close(self) -> None:
        self._session = None


def _is_half(graph: GraphName, path: Path, manifest: Manifest) -> bool:
    stored = {variant.file.path: variant.precision for variant in manifest.graphs[graph]}
    return stored.get(path.name) == "fp16"


def load_function(path: Path) -> Function:
    """See `runtime.backends.base.load_function`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    with translated(f"load {path.name}"):
        session = onnxruntime.InferenceSession(path, options, providers=[PROVIDERS["cpu"]])
    name = session.get_inputs()[0].name

    def run(values: Array) -> Array:
        with translated(f"run {path.name}"):
            found: Array = session.run(None, as_contiguous({name: values}))[0]
            return found

    return run


def open_backend(device: str, precision: str, gpu: GpuOptions) -> OrtBackend:
    """Raises `BackendUnavailable` when ONNX Runtime is missing or cannot do what is asked."""
    device = "cpu" if device == "auto" else device
    if device not in PROVIDERS:
        raise BackendUnavailable(f"ort runs on {', '.join(PROVIDERS)}, not on {device!r}")
    if precision not in ("auto", "fp32", "fp16"):
        raise BackendUnavailable(f"ort computes in fp32 or fp16, not in {precision!r}")
    if device == "cpu":
        gpu.check_unasked("ort on cpu")
    if device == "tensorrt" and gpu.cuda_graphs:
        # It captures one CUDA graph a session, and replays that for any shape.
        raise BackendUnavailable(
            "ort on tensorrt captures CUDA graphs for one shape alone, and ticks have many",
            "ask for --device cuda, or run engines with --backend tensorrt",
        )
    found = next(p for p in probe() if p.device == device)
    if not found.usable:
        raise BackendUnavailable(f"ort on {device}: {found.why}", found.fix)
    return OrtBackend(device, found.precision if precision == "auto" else precision, gpu)


def probe() -> list[Probe]:
    """One line a device."""
    try:
        import onnxruntime
    except ImportError as exc:
        why = f"onnxruntime is not installed: {exc}"
        fixes = {device: _INSTALL_GPU for device in PROVIDERS} | {"cpu": _INSTALL_CPU}
        return [Probe("ort", device, False, "", why, fixes[device]) for device in PROVIDERS]
    files = f"{flavour()} {onnxruntime.__version__}"
    why = f"{files}; fp32 first: its CPU kernels are slower in fp16"
    cpu = Probe("ort", "cpu", True, "as stored", why)
    return [cpu, *(_probe_gpu(onnxruntime, files, device) for device in ("cuda", "tensorrt"))]


def _probe_gpu(ort: Any, files: str, device: str) -> Probe:
    # get_available_providers() tells what was compiled in, never what can run.
    if PROVIDERS[device] not in ort.get_available_providers():
        why = f"{files} was built without it"
        return Probe("ort", device, False, "", why, _INSTALL_GPU)
    try:
        gpu = find_gpu()
    except BackendUnavailable as exc:
        return Probe("ort", device, False, "", f"{files}, but {exc.why}", exc.fix)
    preload(ort)
    if why := why_not_loaded(ort, device):
        return Probe("ort", device, False, "", f"{files} cannot load it: {why}", _INSTALL_GPU)
    return Probe("ort", device, True, "as stored", f"{gpu.name}, {files}; fp16 first")
