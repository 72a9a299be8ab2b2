from __future__ import annotations

import pytest

from train.edits import EDITS, Edit
from train.instructions import (
    WORDINGS,
    held_out_sentences,
    sentences,
    write,
)
from train.samples import generator

everyone = pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)


@everyone
def test_held_out_wordings_are_never_written(edit: Edit) -> None:
    forbidden = held_out_sentences(edit)
    assert forbidden
    written = {write(edit, generator(3, i)).lower().rstrip(".!") for i in range(1500)}
    assert not written & set(forbidden)
    assert not set(sentences(edit)) & set(forbidden)


def test_no_sentence_asks_for_two_different_edits() -> None:
    owner: dict[str, str] = {}
    for edit in EDITS:
        for text in {*sentences(edit), *held_out_sentences(edit)}:
            assert owner.setdefault(text, edit.name) == edit.name, text


@everyone
def test_every_slot_is_filled(edit: Edit) -> None:
    for text in sentences(edit) + held_out_sentences(edit):
        assert "{" not in text
        assert edit.colour is None or edit.colour in text


def test_every_kind_has_wordings_and_nothing_else_has() -> None:
    assert set(WORDINGS) == {edit.kind for edit in EDITS}


def test_writing_is_a_pure_function_of_the_random_numbers() -> None:
    for i in range(50):
        edit = EDITS[i % len(EDITS)]
        assert write(edit, generator(9, i)) == write(edit, generator(9, i))
