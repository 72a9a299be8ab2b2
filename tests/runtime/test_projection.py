"""Previews: a linear map of latents, handed out with the progress of an edit."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from runtime import Bundle, BundleCorrupt, Editor, EngineWorker, Limits, Manifest
from runtime.backends.fake import FakeBackend
from runtime.engine import Engine
from runtime.manifest import MANIFEST_FILE
from runtime.progress import Progress
from runtime.projection import Projection

SOME = Projection(((0.1, 0.0, 0.2), (0.0, 0.3, 0.0)), (0.5, 0.25, 0.0))


def test_a_picture_is_the_linear_map_of_each_latent_pixel() -> None:
    latents = np.random.default_rng(1).normal(size=(2, 3, 5)).astype(np.float32)
    found = SOME.picture(latents)
    assert found.shape == (3, 5, 3)
    assert found.dtype == np.uint8
    for y, x in np.ndindex(3, 5):
        wanted = latents[:, y, x] @ np.array(SOME.matrix) + SOME.bias
        np.testing.assert_allclose(found[y, x], np.clip(wanted, 0, 1) * 255, atol=0.501)


def test_values_beyond_black_and_white_are_clipped() -> None:
    latents = np.full((2, 1, 2), 1e6, np.float32)
    latents[..., 1] *= -1
    assert SOME.picture(latents).tolist() == [[[255, 255, 255], [0, 0, 0]]]


@pytest.mark.parametrize("matrix", [[], [[1.0, 2.0]] * 4, [[1.0, 2.0, 3.0, 4.0]] * 4, [[1.0] * 3]])
def test_a_projection_of_another_shape_makes_the_bundle_corrupt(
    fake_bundle: Path, matrix: Any
) -> None:
    document = json.loads((fake_bundle / MANIFEST_FILE).read_text())
    document["preview"]["matrix"] = matrix
    with pytest.raises(BundleCorrupt, match="preview"):
        Manifest.loads(json.dumps(document))


def test_every_step_hands_out_what_a_preview_needs(editor: Editor) -> None:
    """The fake model sees the result at once, but for a grain that the last step has not."""
    told: list[Progress] = []
    image = Image.new("RGB", (64, 48), (200, 100, 50))
    result = editor.edit(image, "sepia", steps=5, on_step=told.append)
    assert [progress.step for progress in told] == [1, 2, 3, 4, 5]
    assert all(progress.remaining_s > 0 for progress in told[:-1])
    assert told[-1].remaining_s == 0
    preview = told[-1].preview()
    assert preview is not None
    assert preview.shape == (6, 8, 3)
    small = np.asarray(result.image.resize((8, 6), Image.Resampling.BOX), np.int16)
    assert np.abs(preview - small).max() <= 1


def test_a_preview_is_of_its_own_step_whenever_it_is_asked_for(editor: Editor) -> None:
    image = Image.new("RGB", (64, 48), (200, 100, 50))
    late: list[Progress] = []
    editor.edit(image, "sepia", steps=3, seed=1, on_step=late.append)
    at_once: list[Any] = []
    editor.edit(image, "sepia", steps=3, seed=1, on_step=lambda p: at_once.append(p.preview()))
    for progress, preview in zip(late, at_once, strict=True):
        np.testing.assert_array_equal(progress.preview(), preview)
    assert not np.array_equal(at_once[0], at_once[2])


def test_a_bundle_without_a_projection_has_no_preview(bundle: Bundle) -> None:
    manifest = dataclasses.replace(bundle.manifest, preview=None)
    told: list[Progress] = []
    with Editor(Engine(dataclasses.replace(bundle, manifest=manifest), FakeBackend())) as editor:
        editor.edit(Image.new("RGB", (64, 48)), "sepia", on_step=told.append)
    assert [progress.preview() for progress in told] == [None] * 4


@pytest.fixture
def worker(bundle: Bundle) -> Iterator[EngineWorker]:
    worker = EngineWorker(Engine(bundle, FakeBackend(), Limits(max_running=1)))
    yield worker
    worker.close()


def test_edits_that_wait_know_their_place_and_their_size(worker: EngineWorker) -> None:
    reached, released = threading.Event(), threading.Event()

    def hold(progress: Progress) -> None:
        if progress.step == 2:  # in its first step an edit still joins
            reached.set()
            released.wait(60)

    image = Image.new("RGB", (64, 48))
    params = [worker.params("sepia", seed=seed) for seed in (3, 4)]
    worker.submit(image, params[0], hold)
    assert reached.wait(60)
    first, second = worker.submit_all(image, params)
    later = worker.submit(image.rotate(90, expand=True), params[0])
    assert [one.ahead for one in (first, second, later)] == [0, 1, 2]
    second.cancel()
    released.set()
    assert later.result(60).image.size == later.size == (48, 64)
    assert later.ahead == 0
    assert [one.params.seed for one in (first, second)] == [3, 4]


def test_progress_tells_edits_of_one_call_apart(worker: EngineWorker) -> None:
    told: list[Progress] = []
    params = [worker.params("sepia", steps=2, seed=seed) for seed in (3, 4)]
    for one in worker.submit_all(Image.new("RGB", (64, 48)), params, told.append):
        one.result(60)
    assert sorted((progress.index, progress.step) for progress in told) == [
        *((0, 1), (0, 2)),
        *((1, 1), (1, 2)),
    ]
