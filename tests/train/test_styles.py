from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from train.changes import WHOLE_KINDS, Change
from train.styles import STYLES, StyleError, Styles, open_styles
from train.whole import apply


class NegativeNetwork:
    """A network that paints the negative, beyond the range at both ends."""

    def __init__(self) -> None:
        self.inputs: dict[str, NDArray[np.float32]] = {}

    def setInput(self, value: NDArray[np.float32], name: str) -> None:
        assert value.flags.c_contiguous
        assert value.dtype == np.float32
        self.inputs[name] = value.copy()

    def forward(self) -> NDArray[np.float32]:
        return np.asarray(1.2 - 1.4 * self.inputs["image"], np.float32)


@pytest.mark.parametrize("kind", STYLES)
def test_network_sees_one_scale_and_one_style(kind: str) -> None:
    @settings(max_examples=10, deadline=None)
    @given(st.integers(8, 300), st.integers(8, 300))
    def check(height: int, width: int) -> None:
        network = NegativeNetwork()
        picture = np.full((height, width, 3), 0.25, np.float32)
        result = apply(Change(kind), picture, Styles(network))
        image, weights = network.inputs["image"], network.inputs["style_weights"]
        assert min(image.shape[2:]) == 192
        assert all(side % 4 == 0 for side in image.shape[2:])
        assert image.shape[3] / image.shape[2] == pytest.approx(width / height, rel=0.02)
        assert np.flatnonzero(weights).tolist() == [STYLES[kind]]
        assert weights.sum() == 1
        assert result.shape == picture.shape
        assert result.dtype == np.float32
        assert np.allclose(result, 0.85, atol=1e-4)

    check()


def test_painting_stays_in_range_and_leaves_its_input_alone() -> None:
    picture = np.random.default_rng(0).random((40, 56, 3), dtype=np.float32)
    kept = picture.copy()
    result = Styles(NegativeNetwork()).apply("woodblock", picture)
    assert np.array_equal(picture, kept)
    assert result.min() >= 0
    assert result.max() <= 1


def test_styles_are_whole_kinds_with_numbers_of_their_own() -> None:
    assert set(STYLES) <= set(WHOLE_KINDS)
    assert len(set(STYLES.values())) == len(STYLES)


def test_other_styles_are_refused() -> None:
    with pytest.raises(ValueError, match="van_gogh"):
        Styles(NegativeNetwork()).apply("cubist", np.zeros((8, 8, 3), np.float32))


def test_missing_network_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StyleError, match="fetch"):
        open_styles(tmp_path)


def test_network_with_another_digest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "multistyle26.onnx").write_bytes(b"something else")
    with pytest.raises(StyleError, match="sha256"):
        open_styles(tmp_path)
