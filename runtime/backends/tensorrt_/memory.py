"""The memory that the graphs of one backend share, because only one of them runs at a time.

All tensors of a run lie one after the other, in pinned memory as on the GPU, so that inputs go over
in one copy and outputs come back in another.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from runtime.backends.tensorrt_.cuda import Block, Cuda
from runtime.errors import BackendError, OutOfMemory

ALIGNMENT: Final = 256  # what TensorRT asks of addresses


class Growing:
    """Memory that is kept, and replaced by a larger piece when more is asked for."""

    def __init__(self, allocate: Callable[[int], Block], free: Callable[[Block], None]) -> None:
        self._allocate, self._free = allocate, free
        self._block: Block | None = None

    def reserve(self, size: int) -> Block:
        """At least `size` bytes; what was in them may be lost. Raises `OutOfMemory`."""
        if self._block is None or self._block.size < size:
            self.release()  # first, because both may not fit
            self._block = self._allocate(aligned(size))
        return self._block

    def release(self) -> None:
        block, self._block = self._block, None
        if block is not None:
            self._free(block)


@dataclass(frozen=True, slots=True)
class Blocks:
    """What one run uses: for tensors pinned memory and the GPU's, and for intermediate results."""

    host: Block
    device: Block
    activations: Block


class Memory:
    """A stream, and memory for tensors and for intermediate results."""

    def __init__(self, cuda: Cuda) -> None:
        """Raises `BackendError` when the GPU does not answer."""
        self._cuda = cuda
        self.stream: Any = cuda.create_stream()
        self._host = Growing(cuda.allocate_pinned, cuda.free_pinned)
        self._device = Growing(cuda.allocate, cuda.free)
        self.activations = Growing(cuda.allocate, cuda.free)

    def close(self) -> None:
        """Give everything back; may be called twice. A GPU that no longer answers keeps nothing
        either, so that its errors are not told.
        """
        stream, self.stream = self.stream, None
        frees = [self._host.release, self._device.release, self.activations.release]
        if stream is not None:
            frees.append(lambda: self._cuda.destroy_stream(stream))
        for free in frees:
            with suppress(BackendError, OutOfMemory):
                free()

    def reserve(self, tensors: int, activations: int) -> Blocks:
        """Memory for a run, in bytes; what was in it may be lost. Raises `OutOfMemory`."""
        host, device = self._host.reserve(tensors), self._device.reserve(tensors)
        return Blocks(host, device, self.activations.reserve(activations))

    def send(self, blocks: Blocks, size: int) -> None:
        """Queue a copy of the first `size` bytes to the GPU."""
        self._cuda.to_device(blocks.device.address, blocks.host.address, size, self.stream)

    def fetch(self, blocks: Blocks, start: int, size: int) -> None:
        """Queue a copy of `size` bytes from `start` on to the host."""
        host, device = blocks.host.address + start, blocks.device.address + start
        self._cuda.to_host(host, device, size, self.stream)

    @contextmanager
    def queue(self) -> Iterator[None]:
        """Waits at its end until all that was queued inside is done, also when an error leaves it:
        what is still under way may read or write memory that the next run uses.

        Raises `BackendFailure` when something that was queued failed.
        """
        try:
            yield
        except BaseException:
            with suppress(BackendError, OutOfMemory):
                self._cuda.synchronize(self.stream)
            raise
        self._cuda.synchronize(self.stream)


def aligned(size: int) -> int:
    """The next size that a tensor may start at, at least one step."""
    return max(1, -(-size // ALIGNMENT)) * ALIGNMENT


def view(address: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array over memory of the host, which must outlive it."""
    count = int(np.prod(shape)) * dtype.itemsize
    raw = np.ctypeslib.as_array((ctypes.c_uint8 * count).from_address(address))
    return raw.view(dtype).reshape(shape)
