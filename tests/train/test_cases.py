from __future__ import annotations

import numpy as np
import pytest

from train import suites, whole
from train.cases import Case, draw_case
from train.samples import is_held_out
from train.staging import Studio
from train.suites import BASE, NO_OPS, ROWS, SPLITS, Size

SQUARE = Size(64, 64)
SPLIT = {split.name: split for split in SPLITS}


def same(one: Case, other: Case) -> bool:
    return np.array_equal(one.before, other.before) and np.array_equal(one.after, other.after)


def test_a_case_is_a_pure_function_of_its_number(smooth_studio: Studio) -> None:
    def drawn(number: int, seed: int) -> Case:
        return draw_case(smooth_studio, "recolour", number, SQUARE, "seen", seed)

    assert same(drawn(3, 11), drawn(3, 11))
    assert not same(drawn(3, 11), drawn(4, 11))
    assert not same(drawn(3, 11), drawn(3, 23))


def test_rows_are_what_they_say(every: list[Case]) -> None:
    for case in every:
        kinds = [change.kind for change in case.changes]
        if case.row in ("add", suites.ADD_AT):
            assert kinds == ["add"]
            assert (case.changes[0].place is None) == (case.row == "add")
        elif case.row not in ("keep", "absent", "two"):
            assert kinds == [case.row]
        changed = np.abs(case.after - case.before).max() > 0.03
        assert changed == (case.row not in NO_OPS), case.row
        assert case.region.any() == changed


def test_unseen_combinations_are_those_that_training_never_makes(smooth_studio: Studio) -> None:
    source = SPLIT["unseen combinations"].source
    rows = suites.rows_of(source, SQUARE)
    assert "night" not in rows
    assert "background_blur" not in rows
    for row in ("add", "remove", "duplicate"):
        for number in range(3):
            unseen = draw_case(smooth_studio, row, number, SQUARE, source.combination, 11)
            seen = draw_case(smooth_studio, row, number, SQUARE, "seen", 11)
            assert is_held_out(unseen.changes[0])
            assert not is_held_out(seen.changes[0])


def test_splits_differ_in_their_words(every: list[Case]) -> None:
    for case in every:
        base, training, chinese = (case.words(split) for split in SPLITS[:3])
        assert base == case.words(BASE)
        assert base != training
        assert any("\u4e00" <= character <= "\u9fff" for character in chinese)


@pytest.mark.parametrize("size", [Size(80, 64), Size(64, 96)])
def test_the_target_of_a_wide_picture_is_the_edit_of_that_picture(
    smooth_studio: Studio, size: Size
) -> None:
    for row in ("vignette", "sunset", "van_gogh", "blur"):
        case = draw_case(smooth_studio, row, 1, size, "seen", 11)
        assert case.before.shape == (size.height, size.width, 3)
        target = whole.apply(case.changes[0], case.before, smooth_studio.styles)
        assert np.array_equal(case.after, target)


@pytest.mark.parametrize("size", [Size(80, 64), Size(64, 96)])
def test_a_wide_picture_shows_all_of_an_edited_object(smooth_studio: Studio, size: Size) -> None:
    rows = suites.rows_of(BASE.source, size)
    assert set(ROWS) - set(rows) == suites.SQUARE_ONLY
    for number in range(5):
        case = draw_case(smooth_studio, "remove", number, size, "seen", 11)
        assert case.region.shape == (size.height, size.width)
        assert case.presence is not None
        left, top, right, bottom = case.presence.box
        assert min(left, top) > -0.02
        assert max(right, bottom) < 1.02
        rows_, columns = np.nonzero(case.region)
        assert (columns.min() + 0.5) / size.width > left - 0.1
        assert (rows_.max() + 0.5) / size.height < bottom + 0.1


@pytest.mark.parametrize("text", ["", "big", "128x", "1x2x3", "120", "32", "-128", "128x100"])
def test_impossible_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        suites.parse_size(text)


def test_sizes_are_width_by_height_and_bounded() -> None:
    assert suites.parse_size("160x112") == Size(160, 112)
    assert suites.parse_size("256", largest=256) == Size(256, 256)
    with pytest.raises(ValueError, match="max_size: give 256 at most"):
        suites.parse_size("272", largest=256)
