"""EditParams: every bound is enforced with value, bound and remedy in the message."""

from __future__ import annotations

import dataclasses
import math
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from runtime import EditParams, InvalidRequest, PlanName, SamplerName
from runtime.params import MAX_SEED, Bounds

BOUNDS: dict[str, Bounds] = {
    spec.name: spec.metadata["bounds"]
    for spec in dataclasses.fields(EditParams)
    if "bounds" in spec.metadata
}
INTEGERS = ("steps", "seed", "max_size")
SCALES = ("text_guidance", "image_guidance", "guidance_rescale")
TEXTS = ("instruction", "negative_instruction")


def params(**overrides: Any) -> EditParams:
    return EditParams(**{"instruction": "make it night", **overrides})


def refused(name: str, value: object) -> str:
    with pytest.raises(InvalidRequest) as caught:
        params(**{name: value})
    message = str(caught.value)
    assert message.startswith(name)
    assert len(message) < 250
    return message


def test_every_field_but_the_enums_is_bounded() -> None:
    assert set(BOUNDS) == {*INTEGERS, *SCALES, *TEXTS}
    assert all("doc" in spec.metadata for spec in dataclasses.fields(EditParams))


@given(st.data(), st.sampled_from(INTEGERS))
def test_integers_inside_their_bounds_are_kept(data: st.DataObject, name: str) -> None:
    bounds = BOUNDS[name]
    value = data.draw(st.integers(int(bounds.low), int(bounds.high)))
    assert getattr(params(**{name: value}), name) == value


@given(st.data(), st.sampled_from(SCALES))
def test_scales_inside_their_bounds_are_kept(data: st.DataObject, name: str) -> None:
    bounds = BOUNDS[name]
    value = data.draw(st.floats(bounds.low, bounds.high))
    assert getattr(params(**{name: value}), name) == value


@given(st.integers(), st.sampled_from(INTEGERS))
@example(10**400, "seed")  # too large for a float
@example(-(10**5000), "seed")  # too large for Python to print
def test_integers_outside_their_bounds_are_refused(value: int, name: str) -> None:
    bounds = BOUNDS[name]
    assume(not bounds.low <= value <= bounds.high)
    message = refused(name, value)
    assert f"[{bounds.low:.10g}, {bounds.high:.10g}]" in message
    assert value.bit_length() > 100 or str(value) in message


@given(st.floats(), st.sampled_from(SCALES))
@example(math.nan, "text_guidance")
@example(math.inf, "image_guidance")
@example(-1e-9, "text_guidance")
def test_scales_outside_their_bounds_are_refused(value: float, name: str) -> None:
    bounds = BOUNDS[name]
    assume(not bounds.low <= value <= bounds.high)
    message = refused(name, value)
    assert repr(value) in message
    assert f"[{bounds.low:g}, {bounds.high:g}]" in message


def test_the_bounds_of_the_seed_are_written_exactly() -> None:
    assert "[0, 4294967295]" in refused("seed", MAX_SEED + 1)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_bounded_in_length(name: str) -> None:
    assert getattr(params(**{name: "x" * 1000}), name) == "x" * 1000
    assert "1001 characters" in refused(name, "x" * 1001)


@pytest.mark.parametrize("blank", ["", " ", "\t\n\u3000"])
def test_a_blank_instruction_is_refused(blank: str) -> None:
    refused("instruction", blank)
    assert params(negative_instruction=blank).negative_instruction == blank


@pytest.mark.parametrize("name", TEXTS)
def test_half_a_surrogate_pair_is_refused(name: str) -> None:
    """The tokenizer could not encode it, which would only show in the engine."""
    assert "not Unicode" in refused(name, "make it \ud83d")


@pytest.mark.parametrize("name", [*INTEGERS, *SCALES])
@pytest.mark.parametrize("value", [True, False, None, "7", "", [7], b"7", 1j, Decimal(7)])
def test_a_number_of_another_type_is_refused(name: str, value: object) -> None:
    assert repr(value) in refused(name, value)


@pytest.mark.parametrize("name", INTEGERS)
def test_a_float_is_no_integer(name: str) -> None:
    refused(name, 70.0)
    refused(name, np.float64(70.0))


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", [None, 7, True, b"night", ["night"]])
def test_a_text_of_another_type_is_refused(name: str, value: object) -> None:
    refused(name, value)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_numpy_integers_become_python_integers(dtype: type[np.integer[Any]]) -> None:
    """Kept as numpy's, `1000 // np.uint8(20)` in a sampler would overflow."""
    got = params(steps=dtype(20), seed=dtype(3), max_size=dtype(100), text_guidance=dtype(7))
    assert got == params(steps=20, seed=3, max_size=100, text_guidance=7)
    assert [type(v) for v in (got.steps, got.seed, got.max_size)] == [int] * 3


def test_numpy_floats_become_python_floats() -> None:
    got = params(text_guidance=np.float32(0.5), image_guidance=np.float64(1.25))
    assert type(got.text_guidance) is float
    assert (got.text_guidance, got.image_guidance) == (0.5, 1.25)


@pytest.mark.parametrize("sampler", SamplerName)
def test_a_sampler_is_known_by_its_name(sampler: SamplerName) -> None:
    assert params(sampler=sampler.value).sampler is sampler
    assert params(sampler=sampler).sampler is sampler


@pytest.mark.parametrize("value", ["Euler", "", "euler ", None, 3, "x" * 10_000])
def test_an_unknown_name_is_refused_with_the_known_ones(value: object) -> None:
    message = refused("sampler", value)
    assert all(re.search(rf"\b{known}\b", message) for known in SamplerName)
    assert PlanName.EXACT in refused("plan", value)


def test_seeds_are_drawn_and_differ() -> None:
    seeds = {params().seed for _ in range(50)}
    assert len(seeds) > 45
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


def test_params_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        params().steps = 3  # type: ignore[misc]


def test_defaults_are_the_reference_models() -> None:
    drawn = params(seed=1)
    assert (drawn.text_guidance, drawn.image_guidance, drawn.steps) == (7.5, 1.5, 20)
