"""What the engine counts: histograms, and sizes in few classes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from runtime import Bundle, EditParams, Limits
from runtime.backends.fake import FakeBackend
from runtime.engine import Engine
from runtime.errors import BackendFailure
from runtime.manifest import GraphName
from runtime.request import Status
from runtime.stats import Histogram, size_class
from tests.runtime.broken_backend import BrokenBackend, Fault

BOUNDS = (0.5, 1.0, 2.0)


@given(st.lists(st.floats(0, 4) | st.sampled_from(BOUNDS)))
def test_a_histogram_counts_what_is_no_greater_than_each_bound(values: list[float]) -> None:
    histogram = Histogram(BOUNDS)
    for value in values:
        histogram.observe(value)
    below = [sum(value <= bound for value in values) for bound in BOUNDS]
    assert list(histogram.cumulative()) == [*below, len(values)]
    assert histogram.total == pytest.approx(sum(values))


@given(st.integers(8, 4096), st.integers(8, 4096))
def test_a_size_class_has_no_fewer_pixels(width: int, height: int) -> None:
    found = size_class(width * height)
    if found == "larger":
        assert width * height > 2048 * 2048
    else:
        side = int(found.partition("x")[0])
        assert found == f"{side}x{side}"
        assert side * side >= width * height


def test_size_classes_are_few() -> None:
    classes = {size_class(side * other) for side in range(8, 4097, 8) for other in (8, side, 4096)}
    assert len(classes) == 10


def open_engine(bundle: Bundle, fault: Fault | None = None, **limits: int) -> Engine:
    return Engine(bundle, BrokenBackend(fault) if fault else FakeBackend(), Limits(**limits))


def params(**overrides: Any) -> EditParams:
    given = {"instruction": "make it night", "steps": 3, "seed": 1, "max_size": 64}
    return EditParams(**{**given, **overrides})


def run(engine: Engine) -> None:
    while not engine.idle:
        engine.step()


def seen(histogram: Histogram) -> int:
    return sum(histogram.counts)


def test_ticks_are_counted_by_rows_and_by_size(bundle: Bundle, picture: Image.Image) -> None:
    engine = open_engine(bundle)
    small = [engine.prepare(picture, params(steps=steps)) for steps in (2, 3)]
    large = engine.prepare(picture.resize((256, 200)), params(steps=4, max_size=256))
    engine.add(*small, large)
    run(engine)
    stats = engine.stats()
    assert stats.ticks == seen(stats.tick_rows) == 3 + 4
    assert stats.rows == stats.tick_rows.total == 3 * (2 + 3 + 4)
    assert {name: seen(one) for name, one in stats.tick_s.items()} == {"64x64": 3, "256x256": 4}
    assert seen(stats.edit_s) == stats.done == 3
    assert stats.edit_s.total > stats.first_step_s.total > 0


def test_a_first_step_is_counted_once_whatever_becomes_of_the_edit(
    bundle: Bundle, picture: Image.Image
) -> None:
    ticks = 0

    def second_tick(graph: GraphName, inputs: Any, outputs: Any) -> None:
        nonlocal ticks
        ticks += graph == "tick"
        if ticks == 2:
            raise BackendFailure("out of luck")

    engine = open_engine(bundle, second_tick)
    request = engine.prepare(picture, params())
    engine.add(request)
    run(engine)
    stats = engine.stats()
    assert request.status is Status.FAILED
    assert (seen(stats.first_step_s), stats.ticks, stats.failed) == (1, 1, 1)
    assert seen(stats.edit_s) == 0


def test_the_counters_given_are_a_copy(bundle: Bundle, picture: Image.Image) -> None:
    engine = open_engine(bundle)
    engine.add(engine.prepare(picture, params()))
    engine.step()
    before = engine.stats()
    run(engine)
    assert (before.ticks, seen(before.tick_rows), seen(before.tick_s["64x64"])) == (1, 1, 1)
