"""Guidance: the weighted sum is the paper's formula, and branches of weight 0 are not evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from runtime import Editor, EditParams, EditResult, InvalidRequest
from runtime.guidance import Branch, branch_weights, rescale

text_scales = st.floats(0, 30)
image_scales = st.floats(0, 10)
outputs = st.fixed_dictionaries({branch: st.floats(-10, 10) for branch in Branch})


def weights(s_t: float, s_i: float, step: int = 0) -> Mapping[Branch, float]:
    params = EditParams("make it night", text_guidance=s_t, image_guidance=s_i)
    return branch_weights(params, step)


def mixed(s_t: float, s_i: float, rows: Mapping[Branch, float]) -> float:
    return sum(weight * rows[branch] for branch, weight in weights(s_t, s_i).items())


@given(text_scales, image_scales, outputs)
def test_the_mix_is_the_papers_formula(
    s_t: float, s_i: float, rows: Mapping[Branch, float]
) -> None:
    full, image, null = (rows[branch] for branch in (Branch.FULL, Branch.IMAGE, Branch.NULL))
    formula = null + s_i * (image - null) + s_t * (full - image)
    assert mixed(s_t, s_i, rows) == pytest.approx(formula, abs=1e-9)


@given(text_scales, image_scales, st.integers(0, 149))
def test_weights_sum_to_one_at_every_step(s_t: float, s_i: float, step: int) -> None:
    assert sum(weights(s_t, s_i, step).values()) == pytest.approx(1, abs=1e-12)


@given(text_scales, image_scales)
def test_exactly_the_branches_of_weight_zero_are_dropped(s_t: float, s_i: float) -> None:
    kept = weights(s_t, s_i)
    assert (Branch.FULL in kept) == (s_t != 0)
    assert (Branch.IMAGE in kept) == (s_t != s_i)
    assert (Branch.NULL in kept) == (s_i != 1)


@given(text_scales, image_scales, st.floats(-10, 10))
def test_equal_rows_give_that_row(s_t: float, s_i: float, row: float) -> None:
    assert mixed(s_t, s_i, dict.fromkeys(Branch, row)) == pytest.approx(row, abs=1e-9)


@given(text_scales, image_scales, outputs, outputs, st.floats(-3, 3))
def test_the_mix_is_linear(
    s_t: float, s_i: float, one: Mapping[Branch, float], other: Mapping[Branch, float], k: float
) -> None:
    both = {branch: one[branch] + k * other[branch] for branch in Branch}
    apart = mixed(s_t, s_i, one) + k * mixed(s_t, s_i, other)
    assert mixed(s_t, s_i, both) == pytest.approx(apart, abs=1e-8)


@pytest.mark.parametrize(
    ("s_t", "s_i", "expected"),
    [
        (7.5, 1.5, {Branch.FULL: 7.5, Branch.IMAGE: -6.0, Branch.NULL: -0.5}),
        (7.5, 1.0, {Branch.FULL: 7.5, Branch.IMAGE: -6.5}),
        (1.5, 1.5, {Branch.FULL: 1.5, Branch.NULL: -0.5}),
        (0.0, 1.5, {Branch.IMAGE: 1.5, Branch.NULL: -0.5}),
        (1.0, 1.0, {Branch.FULL: 1.0}),
        (0.0, 1.0, {Branch.IMAGE: 1.0}),
        (0.0, 0.0, {Branch.NULL: 1.0}),
        # diffusers switches all guidance off for these two
        (1.0, 1.5, {Branch.FULL: 1.0, Branch.IMAGE: 0.5, Branch.NULL: -0.5}),
        (7.5, 0.5, {Branch.FULL: 7.5, Branch.IMAGE: -7.0, Branch.NULL: 0.5}),
    ],
)
def test_the_engine_evaluates_as_many_rows_as_there_are_weights(
    editor: Editor,
    picture: Image.Image,
    s_t: float,
    s_i: float,
    expected: Mapping[Branch, float],
) -> None:
    assert weights(s_t, s_i) == expected
    scales: dict[str, Any] = {"text_guidance": s_t, "image_guidance": s_i}
    before = counted(editor)
    result = editor.edit(picture, "make it night", steps=5, seed=1, **scales)
    assert result.rows == 5 * len(expected)
    assert counted(editor) - before == 5 * len(expected)


phis = st.floats(0, 1)


def pictures(seed: int) -> dict[Branch, np.ndarray]:
    """Rows [4, 5, 6] of three spreads."""
    random = np.random.default_rng(seed)
    return {b: random.normal(scale=b + 1, size=(4, 5, 6)).astype(np.float32) for b in Branch}


@given(text_scales.filter(bool), image_scales, phis, st.integers(0, 99))
def test_rescale_takes_back_the_part_phi_of_the_spread(
    s_t: float, s_i: float, phi: float, seed: int
) -> None:
    rows, weighted = pictures(seed), weights(s_t, s_i)
    mixed = np.sum([np.float32(w) * rows[branch] for branch, w in weighted.items()], axis=0)
    rescaled = mixed + rescale(phi, weighted, rows)
    wanted = phi * rows[Branch.FULL].std() + (1 - phi) * mixed.std()
    assert rescaled.dtype == np.float32
    assert rescaled.std() == pytest.approx(wanted, rel=1e-4)


def test_rescale_of_a_mix_without_spread_changes_nothing() -> None:
    flat = {branch: np.ones((4, 2, 2), np.float32) for branch in Branch}
    assert not rescale(0.7, weights(7.5, 1.5), flat).any()


def test_rescale_needs_the_branch_that_it_matches() -> None:
    with pytest.raises(InvalidRequest, match=r"guidance_rescale 0\.7 .* give guidance_rescale 0"):
        EditParams("make it night", text_guidance=0.0, guidance_rescale=0.7)


def test_rescale_reaches_the_picture_and_no_neighbour(editor: Editor, picture: Image.Image) -> None:
    def asked(phi: float) -> EditParams:
        return EditParams("make it night", seed=1, steps=3, guidance_rescale=phi, max_size=64)

    (plain,) = editor.edit_many([(picture, asked(0.0))])
    beside, rescaled = editor.edit_many([(picture, asked(0.0)), (picture, asked(0.7))])
    assert isinstance(plain, EditResult)
    assert isinstance(beside, EditResult)
    assert isinstance(rescaled, EditResult)
    assert plain.image.tobytes() == beside.image.tobytes()
    assert plain.image.tobytes() != rescaled.image.tobytes()


def counted(editor: Editor) -> int:
    return editor._engine.stats().rows


@given(st.floats(0.001, 30), st.floats(0, 10), st.floats(-2, 2))
def test_guidance_that_does_not_matter_to_the_model_does_not_matter_to_the_mix(
    s_t: float, s_i: float, image: float
) -> None:
    """When the image branch equals the null branch, s_I drops out of the formula."""
    assume(s_i != s_t)
    rows = {Branch.FULL: 1.0, Branch.IMAGE: image, Branch.NULL: image}
    assert mixed(s_t, s_i, rows) == pytest.approx(image + s_t * (1.0 - image), abs=1e-9)
