"""The noise is torch's, value for value."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.params import MAX_SEED
from runtime.rng import TorchNormal

seeds = st.integers(0, MAX_SEED) | st.sampled_from([0, 1, 2**31, MAX_SEED])
sizes = st.integers(1, 15) | st.integers(16, 300)


def assert_same_stream(seed: int, shapes: list[tuple[int, ...]]) -> None:
    ours, theirs = TorchNormal(seed), torch.Generator("cpu").manual_seed(seed)
    for shape in shapes:
        expected = torch.randn(shape, generator=theirs).numpy()
        got = ours.draw(shape)
        assert got.dtype == np.float32
        assert got.shape == shape
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


@settings(max_examples=100)
@given(seeds, st.lists(sizes, min_size=1, max_size=6))
def test_draws_in_a_row_equal_torchs(seed: int, lengths: list[int]) -> None:
    """Odd counts keep half a pair for the next short draw, whatever is drawn in between."""
    assert_same_stream(seed, [(length,) for length in lengths])


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1, 2**31, MAX_SEED])
def test_latents_and_the_noise_of_their_steps_equal_torchs(seed: int) -> None:
    assert_same_stream(seed, [(1, 4, 32, 48)] * 4)


@pytest.mark.parametrize(
    "shape", [(), (1,), (15,), (16,), (17,), (31,), (4, 4, 1), (1, 3, 5, 7), (4, 64, 63), (0,)]
)
def test_shapes_with_every_kind_of_tail_equal_torchs(shape: tuple[int, ...]) -> None:
    assert_same_stream(7, [shape, shape])


def test_a_long_stream_equals_torchs() -> None:
    """More words than the Mersenne twister keeps in its state, several times over."""
    assert_same_stream(3, [(4, 128, 128)])


@given(seeds)
def test_noise_is_normal(seed: int) -> None:
    noise = TorchNormal(seed).draw((4, 64, 64)).astype(np.float64)
    error = 1 / math.sqrt(noise.size)
    assert abs(noise.mean()) < 6 * error
    assert abs(noise.var() - 1) < 6 * math.sqrt(2) * error
