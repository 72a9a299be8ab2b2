"""What was encoded before, found again by its content."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.request import Floats


def digest(kind: str, content: NDArray[Any]) -> bytes:
    """32 bytes that stand for what `content` is (a `kind`), its shape, dtype and values."""
    found = hashlib.blake2b(f"{kind} {content.dtype.str} {content.shape} ".encode(), digest_size=32)
    found.update(np.ascontiguousarray(content).data)
    return found.digest()


class Cache:
    """Arrays by the digest of what they were computed from; the least recently used leave first.

    For one thread, that of the engine. An array that it gives is shared and read-only.
    """

    def __init__(self, max_bytes: int) -> None:
        """The arrays held take `max_bytes` at most; 0 holds none."""
        self._max_bytes = max_bytes
        self._arrays: OrderedDict[bytes, Floats] = OrderedDict()
        self.clear()

    def clear(self) -> None:
        """Forget the arrays and the counts."""
        self._arrays.clear()
        self.bytes = self.hits = self.misses = 0

    def get(self, key: bytes, compute: Callable[[], Floats]) -> Floats:
        """The array of `key`, computed when it is not held. What `compute` raises is not held."""
        if key in self._arrays:
            self.hits += 1
            self._arrays.move_to_end(key)
            return self._arrays[key]
        self.misses += 1
        array = compute()
        array.flags.writeable = False
        if array.nbytes <= self._max_bytes:
            self._hold(key, array)
        return array

    def _hold(self, key: bytes, array: Floats) -> None:
        self._arrays[key] = array
        self.bytes += array.nbytes
        while self.bytes > self._max_bytes:
            _, oldest = self._arrays.popitem(last=False)
            self.bytes -= oldest.nbytes
