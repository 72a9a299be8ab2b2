"""What was encoded before, found again by its content."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.request import Floats

Encoded = Mapping[str, Floats]
"""What an encoder makes of one text or picture, by the names of its outputs."""


def digest(kind: str, *contents: NDArray[Any]) -> bytes:
    """32 bytes that stand for what `contents` are (a `kind`), their shapes, dtypes and values."""
    found = hashlib.blake2b(kind.encode(), digest_size=32)
    for content in contents:
        found.update(f" {content.dtype.str} {content.shape} ".encode())
        found.update(np.ascontiguousarray(content).data)
    return found.digest()


class Cache:
    """Encodings by the digest of what they were made from; the least recently used leave first.

    For one thread, that of the engine. Arrays that it gives are shared and read-only.
    """

    def __init__(self, max_bytes: int) -> None:
        """The encodings held take `max_bytes` at most; 0 holds none."""
        self._max_bytes = max_bytes
        self._held: OrderedDict[bytes, Encoded] = OrderedDict()
        self.clear()

    def clear(self) -> None:
        """Forget the encodings and the counts."""
        self.forget()
        self.hits = self.misses = 0

    def forget(self) -> None:
        """Drop the encodings: the models that made them are gone."""
        self._held.clear()
        self.bytes = 0

    def get(self, key: bytes, compute: Callable[[], Encoded]) -> Encoded:
        """The encoding of `key`, computed when not held. What `compute` raises is not held."""
        if key in self._held:
            self.hits += 1
            self._held.move_to_end(key)
            return self._held[key]
        self.misses += 1
        encoded = compute()
        for array in encoded.values():
            array.flags.writeable = False
        if _size(encoded) <= self._max_bytes:
            self._hold(key, encoded)
        return encoded

    def _hold(self, key: bytes, encoded: Encoded) -> None:
        self._held[key] = encoded
        self.bytes += _size(encoded)
        while self.bytes > self._max_bytes:
            _, oldest = self._held.popitem(last=False)
            self.bytes -= _size(oldest)


def _size(encoded: Encoded) -> int:
    return sum(array.nbytes for array in encoded.values())
