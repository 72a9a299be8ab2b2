from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.train.conftest import drawn_cutout
from train.changes import PLACES, Change
from train.objects import Impossible, apply
from train.scenes import Placed, Scene, noun_map, overlap, render
from train.staging import Studio

CAR, CAT = drawn_cutout("car", 0), drawn_cutout("cat", 1)
GREY = np.full((100, 100, 3), 0.5, np.float32)


def scene(*objects: Placed) -> Scene:
    return Scene(GREY, objects)


def car(x: float = 0.5, y: float = 0.5, size: float = 0.25) -> Placed:
    return Placed(CAR, x, y, size)


def test_removing_gives_the_picture_without_the_object(studio: Studio) -> None:
    cat = Placed(CAT, 0.2, 0.2, 0.25)
    after = apply(scene(car(), cat), Change("remove", "car"), studio.props)
    assert np.array_equal(render(after), render(scene(cat)))


@pytest.mark.parametrize("place", PLACES)
def test_adding_puts_the_canonical_object_at_the_named_place(studio: Studio, place: str) -> None:
    after = apply(scene(), Change("add", "dog", place=place), studio.props)
    x, y = PLACES[place]
    assert (after.objects[0].x, after.objects[0].y) == (x, y)
    assert after.objects[0].cutout is studio.props.canonical["dog"]
    assert after.objects[0].fits()


def test_adding_without_a_place_takes_a_free_one(studio: Studio) -> None:
    before = scene(car(0.75, 0.75, 0.3))
    after = apply(before, Change("add", "dog"), studio.props)
    assert overlap(before.objects[0], after.objects[1]) < 0.1


def test_replacing_keeps_place_and_size(studio: Studio) -> None:
    after = apply(scene(car(0.3, 0.6)), Change("replace", "car", other="bus"), studio.props)
    (new,) = after.objects
    assert (new.cutout.noun, new.x, new.y, new.size) == ("bus", 0.3, 0.6, 0.25)


def test_recolouring_changes_the_object_alone(studio: Studio) -> None:
    before = scene(car())
    after = render(apply(before, Change("recolour", "car", colour="blue"), studio.props))
    changed = np.abs(after - render(before)).max(axis=2) > 0.02
    assert changed.any()
    outside = changed & (noun_map(before, ["car"]) == 0)
    assert outside.sum() < 80  # the soft edge of a disc 25 pixels wide
    inside = after[45:55, 45:55]
    assert inside[..., 2].mean() > inside[..., 0].mean() + 0.2


@pytest.mark.parametrize(
    ("kind", "axis", "sign"),
    [("move_left", "x", -1), ("move_right", "x", 1), ("move_up", "y", -1), ("move_down", "y", 1)],
)
def test_moving_goes_the_way_it_says(studio: Studio, kind: str, axis: str, sign: int) -> None:
    (moved,) = apply(scene(car()), Change(kind, "car"), studio.props).objects
    assert sign * (getattr(moved, axis) - 0.5) > 0.1
    assert replace(moved, x=0.5, y=0.5) == car()


def test_growing_and_shrinking_keep_the_place(studio: Studio) -> None:
    (big,) = apply(scene(car()), Change("bigger", "car"), studio.props).objects
    (small,) = apply(scene(car()), Change("smaller", "car"), studio.props).objects
    assert small.size < 0.25 < big.size
    assert (big.x, big.y) == (small.x, small.y) == (0.5, 0.5)


@pytest.mark.parametrize(("kind", "count"), [("duplicate", 2), ("triple", 3)])
def test_copies_are_alike_and_apart(studio: Studio, kind: str, count: int) -> None:
    copies = apply(scene(car()), Change(kind, "car"), studio.props).objects
    assert len(copies) == count
    assert {(item.cutout, item.y, item.size) for item in copies} == {(CAR, 0.5, 0.25)}
    assert all(overlap(a, b) == 0 for a in copies for b in copies if a is not b)


@pytest.mark.parametrize("kind", ["hat", "sunglasses"])
def test_accessories_are_worn_near_the_top(studio: Studio, kind: str) -> None:
    before = scene(car())
    after = render(apply(before, Change(kind, "car"), studio.props))
    rows = np.flatnonzero(np.abs(after - render(before)).max(axis=(1, 2)) > 0.02)
    assert rows.size
    assert rows.mean() < 50


def test_backgrounds_change_and_objects_stay(studio: Studio) -> None:
    before = scene(car())
    blue = render(apply(before, Change("background_colour", colour="blue"), studio.props))
    assert blue[5, 5, 2] > blue[5, 5, 0] + 0.3
    assert np.allclose(blue[48:52, 48:52], render(before)[48:52, 48:52])


@pytest.mark.parametrize(
    "change",
    [
        Change("remove", "dog"),
        Change("add", "car", place="left"),
        Change("add", "dog", place="centre"),
        Change("move_left", "car"),
        Change("duplicate", "car"),
        Change("hat", "car"),
    ],
)
def test_what_finds_no_object_or_no_room_is_impossible(studio: Studio, change: Change) -> None:
    crowded = scene(car(0.2, 0.14), Placed(CAT, 0.5, 0.5, 0.3), Placed(CAT, 0.48, 0.14, 0.25))
    with pytest.raises(Impossible):
        apply(crowded, change, studio.props)


def test_a_kind_that_is_no_object_edit_is_refused(studio: Studio) -> None:
    with pytest.raises(ValueError, match="'night' is no object edit"):
        apply(scene(), Change("night"), studio.props)


def test_a_scene_looks_the_same_at_every_size() -> None:
    small = render(scene(car(0.3, 0.4)))
    large = render(replace(scene(car(0.3, 0.4)), background=np.full((200, 200, 3), 0.5, "f4")))
    halved = large.reshape(100, 2, 100, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - small).mean() < 0.01


def test_an_object_across_the_border_is_cut_off_there() -> None:
    half = render(scene(car(0.0, 0.5)))
    assert half.shape == GREY.shape
    assert not np.allclose(half[50, :10], 0.5)
