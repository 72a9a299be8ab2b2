from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from train.changes import COLOURS, OBJECT_KINDS, WHOLE_KINDS, Change
from train.picture import Picture, luminance
from train.styles import STYLES
from train.whole import DETERMINISTIC, RANDOM_TARGET, apply, changes

EXAMPLES = Path(__file__).parents[2] / "models" / "examples"
ARITHMETIC = [Change("keep"), *(change for change in changes() if change.kind not in STYLES)]
SMOOTH = [change for change in ARITHMETIC if change.kind in DETERMINISTIC]

sides = st.integers(8, 40)
pictures = st.tuples(sides, sides).flatmap(
    lambda size: arrays(np.float32, (*size, 3), elements=st.floats(0, 1, width=32))
)


def by_name(change: Change) -> str:
    return change.name


def photo(name: str, width: int, height: int) -> Picture:
    with Image.open(EXAMPLES / name) as image:
        shown = image.convert("RGB").resize((width, height), Image.Resampling.BOX)
    return np.asarray(shown, np.float32) / np.float32(255)


def halved(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    half = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.float32)


def distance(one: Picture, other: Picture) -> float:
    return float(np.sqrt(np.square(one - other).mean()))


def edited(kind: str, picture: Picture) -> Picture:
    return apply(Change(kind), picture)


@pytest.mark.parametrize("change", ARITHMETIC, ids=by_name)
def test_edit_is_pure_and_stays_in_range_at_any_size(change: Change) -> None:
    @settings(max_examples=8, deadline=None)
    @given(pictures)
    def check(picture: Picture) -> None:
        kept = picture.copy()
        result = apply(change, picture)
        assert result.dtype == np.float32
        assert result.shape == picture.shape
        assert result.min() >= 0
        assert result.max() <= 1
        assert np.array_equal(picture, kept)
        assert np.array_equal(result, apply(change, picture))
        assert not np.shares_memory(result, picture)

    check()


@pytest.mark.parametrize("change", ARITHMETIC, ids=by_name)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_even_pictures_have_edits(change: Change, value: float) -> None:
    result = apply(change, np.full((20, 31, 3), value, np.float32))
    assert np.isfinite(result).all()


@pytest.mark.parametrize("change", ARITHMETIC, ids=by_name)
def test_layout_in_memory_does_not_matter(change: Change) -> None:
    picture = photo("cat.jpg", 48, 32)
    mirrored = picture[:, ::-1]
    assert np.allclose(apply(change, mirrored), apply(change, mirrored.copy()), atol=1e-4)


@pytest.mark.parametrize("change", SMOOTH, ids=by_name)
@pytest.mark.parametrize("name", ["cat.jpg", "pagoda.jpg"])
def test_edit_looks_the_same_at_every_size(change: Change, name: str) -> None:
    picture = photo(name, 320, 256)
    assert distance(apply(change, halved(picture)), halved(apply(change, picture))) < 0.06


@pytest.mark.parametrize("change", SMOOTH, ids=by_name)
def test_pictures_that_look_alike_have_edits_that_do(change: Change) -> None:
    picture = photo("coffee.jpg", 128, 96)
    noise = np.random.default_rng(1).normal(0, 0.004, picture.shape)
    noisy = np.clip(picture + noise, 0, 1).astype(np.float32)
    gain = distance(apply(change, noisy), apply(change, picture)) / distance(noisy, picture)
    assert gain < 2.5


def test_every_whole_kind_has_its_changes() -> None:
    listed = changes()
    assert {change.kind for change in listed} == set(WHOLE_KINDS)
    assert len({change.name for change in listed}) == len(listed)
    assert {change.colour for change in listed if change.kind == "tint"} == set(COLOURS)
    assert len(listed) == len(WHOLE_KINDS) - 1 + len(COLOURS)


def test_random_targets_and_deterministic_ones_share_out_the_kinds() -> None:
    assert {"keep", *WHOLE_KINDS} == DETERMINISTIC | RANDOM_TARGET
    assert not DETERMINISTIC & RANDOM_TARGET


@pytest.mark.parametrize("kind", [*OBJECT_KINDS, "", "Sepia"])
def test_other_kinds_are_refused_by_name(kind: str) -> None:
    with pytest.raises(ValueError, match="no whole-picture kind"):
        edited(kind, np.zeros((8, 8, 3), np.float32))


@pytest.mark.parametrize("colour", [None, "beige"])
def test_tint_needs_a_colour_that_it_knows(colour: str | None) -> None:
    with pytest.raises(ValueError, match="turquoise"):
        apply(Change("tint", colour=colour), np.zeros((8, 8, 3), np.float32))


@pytest.mark.parametrize("kind", STYLES)
def test_painted_style_without_its_network_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="open_styles"):
        edited(kind, np.zeros((8, 8, 3), np.float32))


def test_tones_and_colours_do_what_their_names_say() -> None:
    picture = np.random.default_rng(0).random((32, 32, 3), dtype=np.float32)
    assert np.ptp(edited("black_and_white", picture), axis=2).max() < 1e-6
    assert np.allclose(edited("invert", picture) + picture, 1)
    assert edited("darker", picture).mean() < picture.mean() < edited("brighter", picture).mean()
    less, more = edited("less_contrast", picture), edited("more_contrast", picture)
    assert less.std() < picture.std() < more.std()
    assert edited("night", picture).mean() < 0.5 * picture.mean()
    assert edited("blur", picture).std() < 0.5 * picture.std()
    red = apply(Change("tint", colour="red"), picture)
    assert red[..., 0].mean() > red[..., 2].mean() + 0.2


@pytest.mark.parametrize("kind", ["ink", "sketch"])
def test_drawings_are_grey_with_dark_lines_on_light_paper(kind: str) -> None:
    picture = np.full((64, 64, 3), (0.9, 0.6, 0.6), np.float32)
    picture[16:48, 16:48] = (0.2, 0.5, 0.4)
    drawn = edited(kind, picture)
    assert np.ptp(drawn, axis=2).max() < 0.1
    assert luminance(drawn)[:8].min() > 0.7
    assert luminance(drawn)[32, 16:20].min() < luminance(drawn)[32, 28:36].min() - 0.2


@pytest.mark.parametrize("kind", ["oil", "watercolour", "cartoon"])
def test_paintings_smooth_surfaces_and_keep_edges(kind: str) -> None:
    picture = np.full((64, 64, 3), 0.25, np.float32)
    picture[:, 32:] = 0.75
    noise = np.random.default_rng(3).normal(0, 0.05, picture.shape).astype(np.float32)
    grey = luminance(edited(kind, picture + noise))[8:-8, :, 0]
    assert grey[:, 40:56].std() < 0.6 * luminance(picture + noise)[8:-8, 40:56].std()
    assert (grey[:, 36] - grey[:, 27]).mean() > 0.3


def test_oil_has_stronger_colour_and_watercolour_is_paler() -> None:
    picture = photo("pagoda.jpg", 128, 128)
    colourfulness = np.ptp(picture, axis=2).mean()
    assert np.ptp(edited("oil", picture), axis=2).mean() > 1.15 * colourfulness
    assert edited("watercolour", picture).mean() > picture.mean() + 0.05


def test_watercolour_leaves_a_margin_of_paper() -> None:
    painted = edited("watercolour", np.full((64, 96, 3), 0.2, np.float32))
    assert painted[0].min() > 0.85
    assert painted[:, -1].min() > 0.85
    assert painted[32, 48].max() < 0.5


def test_cartoon_outlines_things_in_black() -> None:
    picture = np.full((64, 64, 3), (0.9, 0.8, 0.3), np.float32)
    picture[:, 32:] = (0.3, 0.3, 0.8)
    drawn = luminance(edited("cartoon", picture))[32, :, 0]
    assert drawn[24:40].min() < 0.5 * min(drawn[8], drawn[56])


@settings(max_examples=20, deadline=None)
@given(st.integers(16, 70), st.integers(16, 70))
def test_pixel_art_is_made_of_squares_that_count_from_the_top_left(height: int, width: int) -> None:
    picture = np.random.default_rng(4).random((height, width, 3), dtype=np.float32)
    blocks = edited("pixel_art", picture)
    pitch = min(height, width) / 16
    rows = (np.arange(0, height, pitch)).astype(int)
    columns = (np.arange(0, width, pitch)).astype(int)
    for top, bottom in zip(rows, [*rows[1:], height], strict=True):
        for left, right in zip(columns, [*columns[1:], width], strict=True):
            assert np.ptp(blocks[top:bottom, left:right], axis=(0, 1)).max() == 0


def test_snow_whitens_and_rain_dims_towards_blue() -> None:
    picture = photo("coffee.jpg", 96, 128)
    snowy, rainy = edited("snow", picture), edited("rain", picture)
    assert snowy.mean() > picture.mean() + 0.1
    assert (snowy.min(axis=2) > 0.97).mean() > 0.01
    balance = picture[..., 2].mean() - picture[..., 0].mean()
    assert rainy[..., 2].mean() - rainy[..., 0].mean() > balance + 0.1
    assert rainy.max(axis=2).mean() < picture.max(axis=2).mean()


def test_streaks_of_rain_are_taller_than_wide() -> None:
    rainy = luminance(edited("rain", np.full((128, 128, 3), 0.5, np.float32)))[..., 0]
    down, across = np.abs(np.diff(rainy, axis=0)).mean(), np.abs(np.diff(rainy, axis=1)).mean()
    assert across > 1.5 * down > 0


def test_old_film_is_brownish_with_grain_and_upright_scratches() -> None:
    aged = edited("old_film", np.full((128, 160, 3), 0.5, np.float32))
    assert (aged[..., 0] > aged[..., 2]).all()
    columns = luminance(aged)[..., 0].mean(axis=0)
    assert columns.max() > np.median(columns) + 0.15
    grain = luminance(aged)[60:68, 60:100, 0]
    assert 0.005 < (grain - grain.mean(axis=0)).std() < 0.08


@pytest.mark.parametrize("kind", sorted(RANDOM_TARGET))
def test_grain_follows_the_picture(kind: str) -> None:
    picture = np.full((64, 64, 3), 0.5, np.float32)
    other = picture.copy()
    other[0, 0] = 0.51
    assert distance(edited(kind, picture), edited(kind, other)) > 0.01
