from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train import scores, whole
from train.cases import Case, draw_case
from train.picture import Picture
from train.scores import Score
from train.staging import Studio
from train.suites import NO_OPS, Size

SQUARE = Size(64, 64)


def soft(picture: Picture) -> Picture:
    """Stands in for the autoencoder."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.6), np.float32)


def refer(case: Case) -> scores.Reference:
    return scores.refer(case, soft(case.before), soft(case.after))


def test_perfect_outputs_succeed_everywhere(every: list[Case]) -> None:
    for case in every:
        found = scores.score(case, refer(case), soft(case.after))
        if case.row in NO_OPS:
            assert math.isnan(found.closer)
            assert scores.score(case, refer(case), case.before).success == 1
            continue
        assert (found.closer, found.halves, found.success) == (1, 1, 1), case.row
        if case.row not in whole.RANDOM_TARGET:
            assert found.psnr == found.psnr_best
            assert found.ssim == found.ssim_best


def test_doing_nothing_is_never_right_where_something_is_asked(every: list[Case]) -> None:
    for case in every:
        found = scores.score(case, refer(case), soft(case.before))
        if case.row in NO_OPS:
            assert found.psnr == found.psnr_nothing == found.psnr_best
            continue
        assert (found.closer, found.halves, found.success) == (0, 0, 0), case.row
        if case.row not in whole.RANDOM_TARGET:
            assert found.psnr == found.psnr_nothing < found.psnr_best


def test_a_changed_picture_is_no_success_where_nothing_is_asked(every: list[Case]) -> None:
    for case in every:
        if case.row in NO_OPS:
            assert scores.score(case, refer(case), 0.8 * case.before).success == 0


def test_a_right_edit_that_harms_the_rest_is_no_success(every: list[Case]) -> None:
    case = next(case for case in every if case.row == "recolour")
    output = np.where(case.region[..., None], soft(case.after), 1 - case.before)
    found = scores.score(case, refer(case), output.astype(np.float32))
    assert (found.closer, found.halves, found.unharmed, found.success) == (1, 1, 0, 0)
    assert found.rest < scores.UNHARMED


@pytest.mark.parametrize(("share", "halves"), [(0.2, 0), (0.4, 1)])
def test_halving_asks_for_more_than_a_third_of_the_way(
    every: list[Case], share: float, halves: float
) -> None:
    """Of the way w the squared error (1 - w)^2 is left: half of it at w = 0.29."""
    case = next(case for case in every if case.row == "night")
    output = share * soft(case.after) + (1 - share) * soft(case.before)
    assert scores.score(case, refer(case), output).halves == halves


def test_other_flakes_are_as_good_and_no_flakes_are_not(smooth_studio: Studio) -> None:
    for row in ("snow", "rain", "old_film"):
        case = draw_case(smooth_studio, row, 2, SQUARE, "seen", 11)
        mirrored = whole.apply(case.changes[0], np.ascontiguousarray(case.before[:, ::-1]))
        other = scores.score(case, refer(case), soft(mirrored[:, ::-1]))
        smooth = cv2.GaussianBlur(case.after, (0, 0), 5)
        assert (other.closer, other.halves) == (1, 1)
        assert other.tone < 0.2
        assert scores.score(case, refer(case), smooth).halves == 0


@given(st.lists(st.floats(-1, 1) | st.just(math.nan), min_size=1, max_size=6))
def test_means_are_over_what_is_known(values: list[float]) -> None:
    found = scores.mean([Score(psnr=value, ssim=1.0) for value in values])
    known = [value for value in values if not math.isnan(value)]
    assert found.ssim == 1
    assert math.isnan(found.direction)
    if known:
        assert found.psnr == pytest.approx(sum(known) / len(known))
    else:
        assert math.isnan(found.psnr)


def test_similarity_is_one_for_a_picture_and_itself_and_falls_with_noise(
    every: list[Case],
) -> None:
    picture = every[0].before
    noise = np.random.default_rng(0).standard_normal(picture.shape, np.float32)
    assert np.allclose(scores.ssim(picture, picture), 1, atol=1e-4)
    little, much = (scores.ssim(picture, picture + s * noise).mean() for s in (0.02, 0.2))
    assert 1 > little > much


def test_similarity_of_even_pictures_is_that_of_their_means() -> None:
    dark, bright = (np.full((16, 16, 3), value, np.float32) for value in (0.2, 0.6))
    expected = (2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4)
    assert np.allclose(scores.ssim(dark, bright), expected, atol=1e-3)
