"""`cuda.bindings.runtime` without a GPU, for tests.

Device memory is memory of the host that only copies may touch. What is queued happens when a stream
is waited for, not before, and every address must lie within a living piece of memory of its kind.
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


class Kind(IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class FakeCuda:
    """`fails` maps a function to the status that its next call returns; `capacity` is the GPU's
    memory in bytes; `calls` counts. `live` holds what was not freed.
    """

    cudaError_t = Status
    cudaMemcpyKind = Kind
    cudaHostAllocDefault = 0
    cudaStreamNonBlocking = 1

    def __init__(self) -> None:
        self.fails: dict[str, Status] = {}
        self.capacity = 2**40
        self.calls: Counter[str] = Counter()
        self.live: dict[int, tuple[str, int, Any]] = {}
        self.queues: dict[int, list[Callable[[], Status]]] = {}

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
        assert not self.queues.pop(stream), "work is still under way"
        return (self._status("cudaStreamDestroy"),)

    def cudaStreamSynchronize(self, stream: int) -> tuple[Status]:
        planted = self._status("cudaStreamSynchronize")
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

        self.queues[stream].append(copy)
        return (Status.cudaSuccess,)

    def cudaGetErrorString(self, error: Status) -> tuple[Status, bytes]:
        return Status.cudaSuccess, error.name.encode()

    def check(self, address: int, size: int, kind: str) -> None:
        """Fails unless all of it lies in one living piece of memory of `kind`."""
        assert any(
            kind == other and start <= address and address + size <= start + length
            for start, (other, length, _) in self.live.items()
        ), f"{size} bytes at {address} are no {kind} memory"

    def _status(self, function: str) -> Status:
        self.calls[function] += 1
        return self.fails.pop(function, Status.cudaSuccess)

    def _allocate(self, function: str, kind: str, size: int) -> tuple[Status, int | None]:
        assert size > 0
        if status := self._status(function):
            return status, None
        raw = ctypes.create_string_buffer(b"\xcc" * size, size + ALIGNMENT)
        address = -(-ctypes.addressof(raw) // ALIGNMENT) * ALIGNMENT
        self.live[address] = (kind, size, raw)
        return Status.cudaSuccess, address

    def _free(self, function: str, kind: str, address: int) -> tuple[Status]:
        assert not any(self.queues.values()), "work is still under way"
        status = self._status(function)
        assert self.live.pop(address)[0] == kind
        return (status,)
