"""`cuda.bindings.runtime` without a GPU, for tests.

Device memory is memory of the host that only copies may touch. What is queued happens when a stream
is waited for, not before, and every address must lie within a living piece of memory of its kind.
A stream that captures keeps what is queued for a CUDA graph; memory must be left alone meanwhile.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

ALIGNMENT: Final = 256


class Status(IntEnum):
    cudaSuccess = 0
    cudaErrorMemoryAllocation = 2
    cudaErrorIllegalAddress = 700
    cudaErrorStreamCaptureUnsupported = 900
    cudaErrorStreamCaptureInvalidated = 901


class Kind(IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class Mode(IntEnum):
    cudaStreamCaptureModeGlobal = 0
    cudaStreamCaptureModeThreadLocal = 1
    cudaStreamCaptureModeRelaxed = 2


Works = list[Callable[[], Status]]


class FakeCuda:
    """`fails` maps a function to the status that its next call returns; `capacity` is the GPU's
    memory in bytes; `calls` counts. `live`, `graphs` and `executables` hold what was not freed.
    """

    cudaError_t = Status
    cudaMemcpyKind = Kind
    cudaStreamCaptureMode = Mode
    cudaHostAllocDefault = 0
    cudaStreamNonBlocking = 1

    def __init__(self) -> None:
        self.fails: dict[str, Status] = {}
        self.capacity = 2**40
        self.calls: Counter[str] = Counter()
        self.live: dict[int, tuple[str, int, Any]] = {}
        self.queues: dict[int, Works] = {}
        self.capturing: dict[int, Works | None] = {}  # None once it is spoilt
        self.graphs: dict[int, Works] = {}
        self.executables: dict[int, Works] = {}

    def cudaMalloc(self, size: int) -> tuple[Status, int | None]:
        held = sum(size for kind, size, _ in self.live.values() if kind == "device")
        if held + size > self.capacity:
            return Status.cudaErrorMemoryAllocation, None
        return self._allocate("cudaMalloc", "device", size)

    def cudaHostAlloc(self, size: int, flags: int) -> tuple[Status, int | None]:
        assert flags == self.cudaHostAllocDefault
        return self._allocate("cudaHostAlloc", "host", size)

    def cudaFree(self, devPtr: int) -> tuple[Status]:
        return self._free("cudaFree", "device", devPtr)

    def cudaFreeHost(self, ptr: int) -> tuple[Status]:
        return self._free("cudaFreeHost", "host", ptr)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Status, int | None]:
        assert flags == self.cudaStreamNonBlocking
        if status := self._status("cudaStreamCreateWithFlags"):
            return status, None
        stream = 1000 + self.calls["cudaStreamCreateWithFlags"]
        self.queues[stream] = []
        return Status.cudaSuccess, stream

    def cudaStreamDestroy(self, stream: int) -> tuple[Status]:
        assert stream not in self.capturing
        assert not self.queues.pop(stream), "work is still under way"
        return (self._status("cudaStreamDestroy"),)

    def cudaStreamSynchronize(self, stream: int) -> tuple[Status]:
        planted = self._status("cudaStreamSynchronize")
        if stream in self.capturing:
            return (self._spoil(),)
        queue = self.queues[stream]
        statuses = [work() for work in queue]
        queue.clear()
        return (next(filter(None, (planted, *statuses)), Status.cudaSuccess),)

    def cudaMemcpyAsync(
        self, dst: int, src: int, count: int, kind: Kind, stream: int
    ) -> tuple[Status]:
        if status := self._status("cudaMemcpyAsync"):
            return (status,)
        ways = ("host", "device"), ("device", "host")
        source, target = ways[kind - 1]
        self.check(src, count, source)
        self.check(dst, count, target)

        def copy() -> Status:
            self.check(src, count, source)
            self.check(dst, count, target)
            ctypes.memmove(dst, src, count)
            return Status.cudaSuccess

        self.queue(stream, copy)
        return (Status.cudaSuccess,)

    def cudaStreamBeginCapture(self, stream: int, mode: Mode) -> tuple[Status]:
        assert mode is Mode.cudaStreamCaptureModeThreadLocal
        assert stream not in self.capturing
        assert not self.queues[stream], "work is still under way"
        if status := self._status("cudaStreamBeginCapture"):
            return (status,)
        self.capturing[stream] = []
        return (Status.cudaSuccess,)

    def cudaStreamEndCapture(self, stream: int) -> tuple[Status, int | None]:
        captured = self.capturing.pop(stream)
        if status := self._status("cudaStreamEndCapture"):
            return status, None
        if captured is None:
            return Status.cudaErrorStreamCaptureInvalidated, None
        graph = 2000 + self.calls["cudaStreamEndCapture"]
        self.graphs[graph] = captured
        return Status.cudaSuccess, graph

    def cudaGraphInstantiate(self, graph: int, flags: int) -> tuple[Status, int | None]:
        assert flags == 0
        if status := self._status("cudaGraphInstantiate"):
            return status, None
        executable = 3000 + self.calls["cudaGraphInstantiate"]
        self.executables[executable] = list(self.graphs[graph])
        return Status.cudaSuccess, executable

    def cudaGraphLaunch(self, graphExec: int, stream: int) -> tuple[Status]:
        if status := self._status("cudaGraphLaunch"):
            return (status,)
        for work in self.executables[graphExec]:
            self.queue(stream, work)
        return (Status.cudaSuccess,)

    def cudaGraphDestroy(self, graph: int) -> tuple[Status]:
        del self.graphs[graph]
        return (self._status("cudaGraphDestroy"),)

    def cudaGraphExecDestroy(self, graphExec: int) -> tuple[Status]:
        assert not any(self.queues.values()), "work is still under way"
        del self.executables[graphExec]
        return (self._status("cudaGraphExecDestroy"),)

    def cudaGetErrorString(self, error: Status) -> tuple[Status, bytes]:
        return Status.cudaSuccess, error.name.encode()

    def check(self, address: int, size: int, kind: str) -> None:
        """Fails unless all of it lies in one living piece of memory of `kind`."""
        assert any(
            kind == other and start <= address and address + size <= start + length
            for start, (other, length, _) in self.live.items()
        ), f"{size} bytes at {address} are no {kind} memory"

    def queue(self, stream: int, work: Callable[[], Status]) -> None:
        """Do `work` when `stream` is waited for, or record it where that captures."""
        works = self.capturing.get(stream, self.queues[stream])
        if works is not None:
            works.append(work)

    def _spoil(self) -> Status:
        self.capturing = dict.fromkeys(self.capturing)
        return Status.cudaErrorStreamCaptureUnsupported

    def _status(self, function: str) -> Status:
        self.calls[function] += 1
        return self.fails.pop(function, Status.cudaSuccess)

    def _allocate(self, function: str, kind: str, size: int) -> tuple[Status, int | None]:
        assert size > 0
        if status := self._status(function):
            return status, None
        if self.capturing:
            return self._spoil(), None
        raw = ctypes.create_string_buffer(b"\xcc" * size, size + ALIGNMENT)
        address = -(-ctypes.addressof(raw) // ALIGNMENT) * ALIGNMENT
        self.live[address] = (kind, size, raw)
        return Status.cudaSuccess, address

    def _free(self, function: str, kind: str, address: int) -> tuple[Status]:
        assert not any(self.queues.values()), "work is still under way"
        status = self._status(function)
        assert self.live.pop(address)[0] == kind
        return (status,)
