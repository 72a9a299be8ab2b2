"""ONNX Runtime's providers: their names and options, and why one did not load."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import io
from pathlib import Path
from typing import Any, Final

from runtime.nvidia.folder import compiled_folder
from runtime.nvidia.options import GpuOptions

PROVIDERS: Final = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
Listed = list[tuple[str, dict[str, Any]]]

# Memory grows by what is asked for, not to the next power of two: four graphs share the GPU, each
# with an arena of its own. Trying every convolution on every new shape would take seconds.
_CUDA: Final = {
    "arena_extend_strategy": "kSameAsRequested",
    "cudnn_conv_algo_search": "HEURISTIC",
}


def providers(device: str, half: bool, gpu: GpuOptions) -> Listed:
    """What a session is to use, in order: TensorRT leaves to CUDA what it cannot do.

    `half` tells whether the graph is stored in fp16. Raises `BackendFailure` when the folder of
    TensorRT's engines cannot be made.
    """
    cuda: tuple[str, dict[str, Any]] = (PROVIDERS["cuda"], {**_CUDA, **_asked(gpu)})
    match device:
        case "cuda":
            return [cuda]
        case "tensorrt":
            return [(PROVIDERS["tensorrt"], _tensorrt(half, gpu)), cuda]
        case _:
            return [(PROVIDERS["cpu"], {})]


def preload(ort: Any) -> None:
    """Load the CUDA libraries that pip installed, if it did; it prints what it does not find."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        ort.preload_dlls()


def why_not_loaded(ort: Any, device: str) -> str:
    """What the loader says of the provider's library, "" when that loads: ONNX Runtime only prints
    it.
    """
    folder = Path(ort.__file__).parent / "capi"
    try:
        ctypes.CDLL(str(folder / "libonnxruntime_providers_shared.so"), ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder / f"libonnxruntime_providers_{device}.so"))
    except OSError as exc:
        return str(exc)
    return ""


def flavour() -> str:
    """The distribution whose files lie in the folder `onnxruntime`, which all flavours write into;
    "" when none or a broken mixture does.
    """
    try:
        built = importlib.import_module("onnxruntime.capi.build_and_package_info")
    except ImportError:
        return ""
    return str(built.package_name)


def _asked(gpu: GpuOptions) -> dict[str, Any]:
    asked: dict[str, Any] = {"gpu_mem_limit": gpu.memory} if gpu.memory else {}
    return asked | ({"enable_cuda_graph": True} if gpu.cuda_graphs else {})


def _tensorrt(half: bool, gpu: GpuOptions) -> dict[str, Any]:
    """Engines are built on the first run of a shape, which takes minutes, and kept for the next."""
    folder = compiled_folder("tensorrt")
    return {
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(folder),
        "trt_fp16_enable": half,
        **({"trt_max_workspace_size": gpu.memory} if gpu.memory else {}),
    }
