from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from train import samples
from train.edits import EDIT_BY_NAME, EDITS, Edit, Picture
from train.photos import split_of

pictures = arrays(np.float32, (24, 32, 3), elements=st.floats(0, 1, width=32))


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_edit_stays_in_range_and_leaves_its_input_alone(edit: Edit) -> None:
    @settings(max_examples=8, deadline=None)
    @given(pictures)
    def check(picture: Picture) -> None:
        kept = picture.copy()
        result = edit.apply(picture)
        assert result.dtype == np.float32
        assert result.shape == picture.shape
        assert result.min() >= 0
        assert result.max() <= 1
        assert np.array_equal(picture, kept)
        assert np.array_equal(result, edit.apply(picture))
        assert not np.shares_memory(result, picture)

    check()


def test_edit_names_are_unique() -> None:
    assert len(EDIT_BY_NAME) == len(EDITS)


def test_edits_do_what_their_names_say() -> None:
    picture = np.random.default_rng(0).random((32, 32, 3), dtype=np.float32)
    after = {edit.name: edit.apply(picture) for edit in EDITS}
    assert np.ptp(after["black_and_white"], axis=2).max() < 1e-6
    assert np.allclose(after["invert"] + picture, 1)
    assert after["darker"].mean() < picture.mean() < after["brighter"].mean()
    assert after["less_contrast"].std() < picture.std() < after["more_contrast"].std()
    assert after["night"].mean() < 0.5 * picture.mean()
    assert after["blur"].std() < 0.5 * picture.std()
    assert after["tint-red"][..., 0].mean() > after["tint-red"][..., 2].mean() + 0.2


def _photos() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (80, 100, 3), dtype=np.uint8) for _ in range(3)]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_sample_depends_on_seed_and_index_alone(seed: int, index: int) -> None:
    photos = _photos()
    first = samples.autoencoder_picture(photos, 32, seed, index)
    samples.autoencoder_picture(photos, 32, seed, index + 1)
    assert np.array_equal(first, samples.autoencoder_picture(photos, 32, seed, index))
    assert first.shape == (32, 32, 3)
    assert first.min() >= 0
    assert first.max() <= 1


def test_different_samples_differ() -> None:
    made = [samples.autoencoder_picture(_photos(), 32, 1, i).tobytes() for i in range(20)]
    assert len(set(made)) == 20


def test_every_edit_is_picked_about_as_often_as_its_share() -> None:
    names = [samples.pick_edit(samples.generator(5, i)).name for i in range(4000)]
    for edit, odds in zip(EDITS, samples.edit_odds(), strict=True):
        assert abs(names.count(edit.name) / 4000 - odds) < 5 * np.sqrt(odds / 4000)


def test_split_of_a_photo_depends_on_its_name_and_holds_out_about_a_sixth() -> None:
    held_out = sum(split_of(f"photo-{i}.jpg") == "held_out" for i in range(3000))
    assert 400 < held_out < 600
