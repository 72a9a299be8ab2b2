"""The synchronous face: parameters, results, many at once, and interruptions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from runtime import (
    BackendFailure,
    Bundle,
    Editor,
    EditParams,
    EditResult,
    InvalidRequest,
    Limits,
    UnsupportedImage,
    open_editor,
)
from runtime.engine import Engine
from runtime.progress import Progress
from tests.runtime.broken_backend import BrokenBackend, raises


def left(editor: Editor) -> tuple[int, int]:
    stats = editor._engine.stats()
    return stats.waiting, stats.running


def test_an_edit_returns_what_repeats_it_and_what_it_cost(
    editor: Editor, picture: Image.Image
) -> None:
    result = editor.edit(picture, "make it night")
    assert result.image.mode == "RGB"
    assert result.image.size == picture.size
    assert np.array_equal(np.asarray(result.before), np.asarray(picture))
    assert (result.ticks, result.rows) == (4, 12)  # the bundle's default steps, of 3 rows
    assert min(dataclasses.astuple(result.timings)) >= 0
    told = dataclasses.asdict(result.timings)
    parts = [value for name, value in told.items() if name.endswith("_s")]
    assert result.timings.total_s == pytest.approx(sum(parts))
    again = editor.edit(picture, **dataclasses.asdict(result.params))
    assert again.params == result.params
    np.testing.assert_array_equal(np.asarray(again.image), np.asarray(result.image))


def test_two_edits_without_a_seed_differ(editor: Editor, picture: Image.Image) -> None:
    one, two = (editor.edit(picture, "make it night") for _ in range(2))
    assert one.params.seed != two.params.seed
    assert (np.asarray(one.image) != np.asarray(two.image)).any()


def test_the_bundles_defaults_stand_between_ours_and_the_callers(editor: Editor) -> None:
    assert editor.manifest.defaults == {"steps": 4, "max_size": 64}
    assert editor.params("x").steps == 4
    assert editor.params("x", steps=9).steps == 9
    assert editor.params("x").text_guidance == EditParams("x").text_guidance


@pytest.mark.parametrize(
    ("overrides", "named"),
    [({"step": 3}, "step"), ({"steps": 0}, "steps 0"), ({"sampler": "heun"}, "heun")],
)
def test_parameters_that_do_not_exist_or_fit_are_refused(
    editor: Editor, picture: Image.Image, overrides: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidRequest, match=named):
        editor.edit(picture, "x", **overrides)
    assert left(editor) == (0, 0)


def test_the_picture_may_have_any_size_and_mode(editor: Editor) -> None:
    for size, expected in [((1, 1), (32, 32)), ((200, 100), (64, 32)), ((33, 47), (32, 48))]:
        result = editor.edit(Image.new("LA", size, (9, 128)), "sepia", steps=1)
        assert result.image.size == expected


def test_a_picture_that_cannot_be_decoded_is_an_edit_error(editor: Editor, tmp_path: Path) -> None:
    """Pillow opens lazily: the damage only shows in the editor."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    file = tmp_path / "cut.png"
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[:3000])
    with Image.open(file) as cut, pytest.raises(UnsupportedImage, match="truncated"):
        editor.edit(cut, "sepia")


def test_many_edits_give_a_result_or_an_error_each_in_their_order(
    fake_bundle: Path, picture: Image.Image
) -> None:
    """More of them than the engine's queue holds, and some that cannot be."""
    limits = Limits(max_running=2, max_queue=1, max_rows=6)
    bad = Image.new("RGB", (900, 10))
    told: list[int] = []
    with open_editor(fake_bundle, backend="fake", limits=limits) as editor:
        edits = [(picture, editor.params("sepia", seed=seed)) for seed in range(7)]
        edits.insert(3, (bad, editor.params("sepia")))
        outcomes = editor.edit_many(
            iter(edits), on_step=lambda progress: told.append(progress.step)
        )
        alone = [editor.edit(picture, "sepia", seed=seed) for seed in range(7)]
        assert editor._engine.stats().rejected == 0
    assert isinstance(outcomes.pop(3), InvalidRequest)
    for outcome, one in zip(outcomes, alone, strict=True):
        assert isinstance(outcome, EditResult)
        np.testing.assert_array_equal(np.asarray(outcome.image), np.asarray(one.image))
    assert sorted(told) == sorted([1, 2, 3, 4] * 7)


def test_many_edits_go_on_past_one_that_fails(bundle: Bundle, picture: Image.Image) -> None:
    white = Image.new("RGB", (64, 48), "white")
    editor = Editor(Engine(bundle, BrokenBackend(raises("tick"))))
    params = editor.params("sepia")
    first, failed, last = editor.edit_many([(picture, params), (white, params), (picture, params)])
    assert isinstance(first, EditResult)
    assert isinstance(last, EditResult)
    assert isinstance(failed, BackendFailure)


def test_no_edits_are_no_work(editor: Editor) -> None:
    assert editor.edit_many([]) == []


def interrupt(progress: Progress) -> None:
    if progress.step == 2:
        raise KeyboardInterrupt


def test_ctrl_c_leaves_nothing_in_the_engine(editor: Editor, picture: Image.Image) -> None:
    with pytest.raises(KeyboardInterrupt):
        editor.edit(picture, "sepia", on_step=interrupt)
    assert left(editor) == (0, 0)
    assert editor.edit(picture, "sepia").ticks == 4


@pytest.mark.parametrize("max_queue", [0, 30])
def test_ctrl_c_amid_many_edits_leaves_nothing_in_the_engine(
    fake_bundle: Path, picture: Image.Image, max_queue: int
) -> None:
    limits = Limits(max_running=2, max_queue=max_queue)
    with open_editor(fake_bundle, backend="fake", limits=limits) as editor:
        edits = [(picture, editor.params("sepia"))] * 6
        with pytest.raises(KeyboardInterrupt):
            editor.edit_many(edits, on_step=interrupt)
        assert left(editor) == (0, 0)
        assert editor.edit(picture, "sepia").ticks == 4


def test_pictures_that_stop_coming_leave_nothing_in_the_engine(
    editor: Editor, picture: Image.Image
) -> None:
    def edits() -> Iterator[tuple[Image.Image, EditParams]]:
        yield picture, editor.params("sepia")
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        editor.edit_many(edits())
    assert left(editor) == (0, 0)


def test_closing_twice_is_allowed(fake_bundle: Path) -> None:
    editor = open_editor(fake_bundle, backend="fake")
    editor.close()
    editor.close()
