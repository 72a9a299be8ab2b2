"""What models with two text encoders and added conditions are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from runtime import Editor
from runtime.backends.base import Array, Arrays, Graph
from runtime.backends.fake import FakeBackend
from runtime.bundle import Bundle
from runtime.engine import Engine
from runtime.manifest import GraphName, Manifest
from tests.fake_bundle import write_fake_bundle


class Listening(FakeBackend):
    """Keeps what every graph is given, and what it returns."""

    def __init__(self) -> None:
        self.calls: list[tuple[GraphName, Arrays, Arrays]] = []

    def load(self, graph: GraphName, path: Path, manifest: Manifest) -> Graph:
        inner, calls = super().load(graph, path, manifest), self.calls

        class Kept:
            def run(self, inputs: Arrays) -> dict[str, Array]:
                outputs = inner.run(inputs)
                calls.append((graph, inputs, outputs))
                return outputs

            def close(self) -> None:
                inner.close()

        return Kept()

    def given(self, graph: GraphName) -> list[Arrays]:
        return [inputs for name, inputs, _ in self.calls if name == graph]


def edited(tmp_path: Path, *negatives: str, **model: Any) -> Listening:
    """One edit after another, by one editor."""
    bundle = Bundle.open(write_fake_bundle(tmp_path / "bundle", pooled_width=8, **model))
    backend = Listening()
    with Editor(Engine(bundle, backend)) as editor:
        picture = Image.new("RGB", (64, 48), "teal")
        for negative in negatives or ("",):
            editor.edit(picture, "make it night", negative_instruction=negative, steps=2, seed=1)
    return backend


def test_each_encoder_reads_the_ids_of_its_own_tokenizer(tmp_path: Path) -> None:
    instruction = edited(tmp_path).given("text_encoder")[0]
    first, second = instruction["input_ids"][0], instruction["input_ids_2"][0]
    assert first[:3].tolist() == second[:3].tolist()
    assert set(first[3:]) == {0}
    assert set(second[3:]) == {1}  # the fake bundle's other padding


def test_every_row_has_the_pooled_text_of_its_text_and_the_size_of_the_picture(
    tmp_path: Path,
) -> None:
    backend = edited(tmp_path, "car")
    full, negative = (outputs for name, _, outputs in backend.calls if name == "text_encoder")
    for tick in backend.given("tick"):
        assert tick["row_text"].tolist() == [0, 1, 1]
        for name in ("text", "pooled"):
            wanted = np.concatenate([full[name], negative[name]])
            np.testing.assert_array_equal(tick[name], wanted)
        assert tick["time_ids"].tolist() == [[48, 64, 0, 0, 48, 64]] * 3
        assert tick["time_ids"].dtype == np.float32


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("negative", ["", "car"])
def test_an_empty_negative_instruction_is_zeros_where_the_model_wants_it(
    zero: bool, negative: str, tmp_path: Path
) -> None:
    tick = edited(tmp_path, negative, zero_empty_text=zero).given("tick")[0]
    for name in ("text", "pooled"):
        assert tick[name][0].any()
        assert tick[name][1].any() == (bool(negative) or not zero)


def test_encoded_texts_are_kept_with_their_pooled_text(tmp_path: Path) -> None:
    backend = edited(tmp_path, "car", "car")
    assert len(backend.given("text_encoder")) == 2
    for one, other in zip(*np.split(np.array(backend.given("tick")), 2), strict=True):
        for name in ("text", "pooled"):
            np.testing.assert_array_equal(one[name], other[name])


def test_zeros_are_not_taken_for_a_text_of_the_same_ids(tmp_path: Path) -> None:
    blank = edited(tmp_path, "", " ", zero_empty_text=True).given("tick")
    assert [bool(tick["pooled"][1].any()) for tick in blank] == [False, False, True, True]


def test_other_models_are_given_no_added_conditions(tmp_path: Path) -> None:
    bundle = Bundle.open(write_fake_bundle(tmp_path / "bundle"))
    backend = Listening()
    with Editor(Engine(bundle, backend)) as editor:
        editor.edit(Image.new("RGB", (64, 64)), "make it night", steps=1, seed=1)
    assert not {"pooled", "time_ids"} & backend.given("tick")[0].keys()
