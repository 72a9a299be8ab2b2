from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.changes import NOUNS, OBJECT_KINDS, WHOLE_KINDS
from train.photos import split_of
from train.samples import (
    ODDS,
    autoencoder_picture,
    draw_kind,
    draw_pair,
    is_held_out,
    kinds_of,
    region,
)
from train.staging import Studio, generator
from train.styles import STYLES

SIZE = 48


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_pair_depends_on_seed_and_number_alone(studio: Studio, seed: int, number: int) -> None:
    first = draw_pair(studio, SIZE, generator(seed, number))
    draw_pair(studio, SIZE, generator(seed, number + 1))
    again = draw_pair(studio, SIZE, generator(seed, number))
    assert np.array_equal(first.before, again.before)
    assert np.array_equal(first.after, again.after)
    assert first.changes == again.changes


@pytest.mark.parametrize("kind", ODDS)
def test_every_kind_gives_pictures_in_range_and_says_what_it_did(studio: Studio, kind: str) -> None:
    for number in range(4):
        pair = draw_pair(studio, SIZE, generator(1, number), kind)
        assert pair.kind == kind
        for picture in (pair.before, pair.after):
            assert picture.dtype == np.float32
            assert picture.shape == (SIZE, SIZE, 3)
            assert picture.min() >= 0
            assert picture.max() <= 1
        assert pair.nouns.shape == (SIZE, SIZE)
        assert pair.nouns.max() <= len(NOUNS)
        if kind in OBJECT_KINDS or kind in WHOLE_KINDS:
            assert [change.kind for change in pair.changes] == [kind]


@pytest.mark.parametrize("kind", ["keep", "absent"])
def test_what_cannot_be_done_changes_nothing(studio: Studio, kind: str) -> None:
    for number in range(8):
        pair = draw_pair(studio, SIZE, generator(2, number), kind)
        assert np.array_equal(pair.before, pair.after)
        assert not region(pair).any()
        named = {change.noun for change in pair.changes}
        assert not named & {item.cutout.noun for item in pair.scenes[0].objects}


@pytest.mark.parametrize("kind", ["add", "remove", "replace", "move_left", "duplicate"])
def test_an_object_edit_leaves_most_of_the_picture_alone(studio: Studio, kind: str) -> None:
    for number in range(8):
        pair = draw_pair(studio, SIZE, generator(3, number), kind)
        assert 0 < region(pair).mean() < 0.6


def test_training_never_sees_a_held_out_combination_and_the_other_split_sees_no_other(
    studio: Studio,
) -> None:
    for kind in ("remove", "recolour", "replace", "add"):
        for number in range(40):
            seen = draw_pair(studio, SIZE, generator(4, number), kind)
            unseen = draw_pair(studio, SIZE, generator(4, number), kind, "unseen")
            assert not is_held_out(seen.changes[0])
            assert is_held_out(unseen.changes[0])


def test_the_noun_map_shows_each_object_where_it_is(studio: Studio) -> None:
    pair = draw_pair(studio, 128, generator(5, 1), "remove")
    for item in pair.scenes[0].objects[-1:]:  # the nearest is covered by none
        number = 1 + NOUNS.index(item.cutout.noun)
        assert pair.nouns[int(item.y * 128), int(item.x * 128)] == number


def test_kinds_are_drawn_about_as_often_as_their_odds_say(studio: Studio) -> None:
    drawn = [draw_kind(studio, generator(6, i)) for i in range(6000)]
    whole = sum(ODDS.values())
    for kind, odds in ODDS.items():
        share = odds / whole
        assert abs(drawn.count(kind) / 6000 - share) < 5 * np.sqrt(share / 6000)


def test_a_studio_without_the_network_of_styles_paints_none(studio: Studio) -> None:
    plain = replace(studio, styles=None)
    assert set(kinds_of(studio)) - set(kinds_of(plain)) == set(STYLES)
    for number in range(60):
        pair = draw_pair(plain, SIZE, generator(8, number), "two" if number % 2 else None)
        assert not {change.kind for change in pair.changes} & set(STYLES)


def test_pictures_for_the_autoencoder_differ(studio: Studio) -> None:
    made = [autoencoder_picture(studio, 32, generator(7, i)).tobytes() for i in range(20)]
    assert len(set(made)) == 20


def test_split_of_a_photo_depends_on_its_name_and_holds_out_about_a_sixth() -> None:
    held_out = sum(split_of(f"photo-{i}.jpg") == "held_out" for i in range(3000))
    assert 400 < held_out < 600
