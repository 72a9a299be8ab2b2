"""CUDA's memory, copies, streams and graphs: every status but success becomes an error of ours."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Final

from runtime.errors import BackendFailure, BackendUnavailable, OutOfMemory

_INSTALL: Final = "pip install 'cuda-bindings>=12.9,<13'"
_RETRY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of memory: its address, and its size in bytes."""

    address: int
    size: int


class Cuda:
    """The runtime API of the module `cuda.bindings.runtime`, on the first GPU."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def allocate(self, size: int) -> Block:
        """Memory of the GPU. Raises `OutOfMemory`."""
        return Block(int(self._call("cudaMalloc", size, size=size)), size)

    def free(self, block: Block) -> None:
        self._call("cudaFree", block.address)

    def allocate_pinned(self, size: int) -> Block:
        """Memory of the host that the GPU reads and writes by itself. Raises `OutOfMemory`."""
        flags = self._api.cudaHostAllocDefault
        return Block(int(self._call("cudaHostAlloc", size, flags, size=size)), size)

    def free_pinned(self, block: Block) -> None:
        self._call("cudaFreeHost", block.address)

    def create_stream(self) -> Any:
        """A stream that waits for no other."""
        return self._call("cudaStreamCreateWithFlags", self._api.cudaStreamNonBlocking)

    def destroy_stream(self, stream: Any) -> None:
        self._call("cudaStreamDestroy", stream)

    def synchronize(self, stream: Any) -> None:
        """Wait; an error of anything that was queued shows here."""
        self._call("cudaStreamSynchronize", stream)

    def to_device(self, target: int, source: int, size: int, stream: Any) -> None:
        kind = self._api.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._call("cudaMemcpyAsync", target, source, size, kind, stream)

    def to_host(self, target: int, source: int, size: int, stream: Any) -> None:
        kind = self._api.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._call("cudaMemcpyAsync", target, source, size, kind, stream)

    def begin_capture(self, stream: Any) -> None:
        """What is queued from now on is recorded instead of done. This thread may not allocate."""
        mode = self._api.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call("cudaStreamBeginCapture", stream, mode)

    def end_capture(self, stream: Any) -> Any:
        """The CUDA graph of what was queued; must follow `begin_capture`, whatever happened."""
        return self._call("cudaStreamEndCapture", stream)

    def instantiate(self, graph: Any) -> Any:
        """What `launch` takes; `graph` may be destroyed after it."""
        return self._call("cudaGraphInstantiate", graph, 0)

    def launch(self, executable: Any, stream: Any) -> None:
        """Queue all that was captured."""
        self._call("cudaGraphLaunch", executable, stream)

    def destroy_graph(self, graph: Any) -> None:
        self._call("cudaGraphDestroy", graph)

    def destroy_executable(self, executable: Any) -> None:
        self._call("cudaGraphExecDestroy", executable)

    def _call(self, function: str, *arguments: Any, size: int | None = None) -> Any:
        try:
            status, *values = getattr(self._api, function)(*arguments)
        except (RuntimeError, TypeError, ValueError, OverflowError) as exc:
            raise BackendFailure(f"CUDA could not {function}: {exc}") from exc
        if status == self._api.cudaError_t.cudaSuccess:
            return values[0] if values else None
        if status == self._api.cudaError_t.cudaErrorMemoryAllocation:
            wanted = "memory" if size is None else f"{size / 2**20:.1f} MiB"
            raise OutOfMemory(
                f"{function} found no {wanted} left; edit fewer or smaller pictures at a time",
                _RETRY_S,
            )
        raise BackendFailure(f"CUDA could not {function}: {self._told(status)}")

    def _told(self, status: Any) -> str:
        _, text = self._api.cudaGetErrorString(status)
        return f"{text.decode(errors='replace')} ({int(status)})"


def open_cuda() -> Cuda:
    """Raises `BackendUnavailable` with the command that installs the bindings."""
    try:
        return Cuda(importlib.import_module("cuda.bindings.runtime"))
    except (ImportError, OSError, RuntimeError) as exc:
        raise BackendUnavailable(f"cuda.bindings cannot be loaded ({exc})", _INSTALL) from exc
