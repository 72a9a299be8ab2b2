"""The cache gives what would be computed, within its bound, and counts what it did."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from runtime.cache import Cache, Encoded, digest


def of(size: int) -> Encoded:
    """`size` numbers of 4 bytes each, in two arrays."""
    states = np.full(size, size, np.float32)
    return {"text": states[1:], "pooled": states[:1]}


def assert_same(found: Encoded, expected: Encoded) -> None:
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


@given(st.lists(st.integers(1, 12), max_size=60), st.integers(0, 80))
def test_it_forgets_the_least_recently_used_and_never_exceeds_its_bound(
    sizes: list[int], bound: int
) -> None:
    cache = Cache(bound)
    held: OrderedDict[int, int] = OrderedDict()
    hits = 0
    for size in sizes:
        computed: list[int] = []

        def compute(size: int = size, computed: list[int] = computed) -> Encoded:
            computed.append(size)
            return of(size)

        found = cache.get(b"%d" % size, compute)
        assert_same(found, of(size))
        assert bool(computed) == (size not in held)
        hits += size in held
        if 4 * size <= bound:
            held[size] = 4 * size
            held.move_to_end(size)
        while sum(held.values()) > bound:
            held.popitem(last=False)
        assert cache.bytes == sum(held.values()) <= bound
    assert (cache.hits, cache.misses) == (hits, len(sizes) - hits)
    cache.clear()
    assert (cache.bytes, cache.hits, cache.misses) == (0, 0, 0)


def test_what_cannot_be_computed_is_not_held() -> None:
    cache = Cache(100)

    def fail() -> Any:
        raise RuntimeError("torn")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="torn"):
            cache.get(b"key", fail)
    assert (cache.bytes, cache.misses) == (0, 2)
    assert_same(cache.get(b"key", lambda: of(3)), of(3))


def test_what_is_shared_cannot_be_written() -> None:
    found = Cache(100).get(b"key", lambda: of(3))
    for array in found.values():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_digest_tells_contents_shapes_types_and_kinds_apart() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    changed = pixels.copy()
    changed[1, 2, 1] ^= 1
    others: list[NDArray[Any]] = [
        changed,
        pixels.reshape(4, 2, 3),
        pixels.astype(np.int16),
        pixels.view(np.int8),
        pixels[::-1],
    ]
    digests = {digest("image", content) for content in (pixels, *others)}
    assert len(digests | {digest("text", pixels)}) == len(others) + 2
    assert digest("image", pixels.copy(order="F")) == digest("image", pixels)


def test_a_digest_tells_apart_where_one_content_ends_and_the_next_begins() -> None:
    ids = np.arange(6, dtype=np.int32)
    splits = [(ids,), (ids[:2], ids[2:]), (ids[:4], ids[4:]), (ids[2:], ids[:2])]
    assert len({digest("text", *contents) for contents in splits}) == len(splits)
