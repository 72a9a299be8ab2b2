from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from train import samples
from train.edits import EDITS
from train.photos import split_of

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
