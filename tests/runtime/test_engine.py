"""The engine: requests share ticks without knowing of each other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from runtime import (
    BackendFailure,
    Bundle,
    Cancelled,
    EditError,
    EditParams,
    InvalidRequest,
    Limits,
    NonFinite,
    Overloaded,
    SamplerName,
)
from runtime.backends.fake import FakeBackend
from runtime.editor import result_of
from runtime.engine import Engine
from runtime.manifest import GRAPH_NAMES, GraphName
from runtime.progress import Progress
from runtime.request import Request, Status
from runtime.stats import Stats
from tests.runtime.broken_backend import WHITE, BrokenBackend, Fault, raises, spoils

GRAPHS: list[GraphName] = ["image_encoder", "tick", "image_decoder"]


def open_engine(bundle: Bundle, fault: Fault | None = None, **limits: int) -> Engine:
    backend = BrokenBackend(fault) if fault else FakeBackend()
    return Engine(bundle, backend, Limits(**limits))


def params(**overrides: Any) -> EditParams:
    return EditParams(**{"instruction": "make it night", "steps": 4, "seed": 1, **overrides})


def run(engine: Engine) -> list[Request]:
    """Step until nothing is left; what came out, in its order."""
    finished = []
    while not engine.idle:
        finished += engine.step()
    return finished


def pixels(request: Request) -> Any:
    return np.asarray(result_of(request).image)


class Edit(NamedTuple):
    """One request of a mix, and the tick before which it arrives."""

    size: tuple[int, int]
    params: EditParams
    arrival: int

    @property
    def picture(self) -> Image.Image:
        rng = np.random.default_rng(self.params.seed)
        return Image.fromarray(rng.integers(0, 256, (*self.size, 3), dtype=np.uint8))


edits = st.builds(
    Edit,
    size=st.sampled_from([(64, 64), (64, 96), (40, 64)]),
    params=st.builds(
        EditParams,
        instruction=st.sampled_from(["make it night", "black and white", "sepia"]),
        negative_instruction=st.sampled_from(["", "the car"]),
        text_guidance=st.sampled_from([0.0, 1.0, 1.5, 7.5]),
        image_guidance=st.sampled_from([0.0, 1.0, 1.5]),
        steps=st.integers(1, 6),
        sampler=st.sampled_from(SamplerName),
        seed=st.integers(0, 2**32 - 1),
        max_size=st.just(96),
    ),
    arrival=st.integers(0, 8),
)


@settings(max_examples=25)
@given(st.lists(edits, min_size=2, max_size=8), st.integers(3, 12), st.integers(1, 8))
def test_a_result_is_the_same_alone_and_beside_any_neighbours(
    bundle: Bundle, mix: list[Edit], max_rows: int, max_running: int
) -> None:
    """Bit by bit, whatever the neighbours' samplers, steps, scales, sizes and arrivals."""
    together = open_engine(bundle, max_rows=max_rows, max_running=max_running)
    requests = [together.prepare(edit.picture, edit.params) for edit in mix]
    for tick in range(9):
        for edit, request in zip(mix, requests, strict=True):
            if edit.arrival == tick:
                together.add(request)
        together.step()
    run(together)
    for edit, request in zip(mix, requests, strict=True):
        alone = open_engine(bundle)
        lonely = alone.prepare(edit.picture, edit.params)
        alone.add(lonely)
        run(alone)
        np.testing.assert_array_equal(pixels(request), pixels(lonely))
        assert (request.rows, request.ticks) == (lonely.rows, lonely.ticks)


def test_requests_join_and_leave_between_ticks(bundle: Bundle, picture: Image.Image) -> None:
    engine = open_engine(bundle)
    early = engine.prepare(picture, params(steps=2))
    late = engine.prepare(picture, params(steps=3))
    engine.add(early)
    assert engine.step() == []
    engine.add(late)
    assert engine.step() == [early]  # both moved in this tick
    assert (late.step, late.ticks) == (1, 1)
    assert engine.step() == []
    assert engine.step() == [late]
    assert engine.idle
    stats = engine.stats()
    assert (stats.ticks, stats.done, stats.rows) == (4, 2, 3 * (2 + 3))


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 2},
        {"sampler": "ddim"},
        {"steps": 5},
        {"text_guidance": 1.0},
        {"image_guidance": 1.2},
        {"instruction": "sepia"},
        {"negative_instruction": "the car"},
    ],
)
def test_every_parameter_reaches_the_picture(
    bundle: Bundle, picture: Image.Image, other: dict[str, Any]
) -> None:
    """So that the equalities of this file would show a mix-up of requests."""
    engine = open_engine(bundle)
    requests = [engine.prepare(picture, params(**one)) for one in ({}, {}, other)]
    for request in requests:
        engine.add(request)
    run(engine)
    first, again, changed = map(pixels, requests)
    assert (first == again).all()
    assert (first != changed).any()


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize(
    ("fault", "error"),
    [(raises, BackendFailure), (spoils, NonFinite)],
)
def test_a_failing_request_never_harms_its_neighbours(
    bundle: Bundle,
    picture: Image.Image,
    graph: GraphName,
    fault: Callable[[GraphName], Fault],
    error: type[EditError],
) -> None:
    engine = open_engine(bundle, fault(graph))
    white = Image.new("RGB", picture.size, (WHITE,) * 3)
    first, victim, last = (engine.prepare(one, params()) for one in (picture, white, picture))
    for request in (first, victim, last):
        engine.add(request)
    assert set(run(engine)) == {first, victim, last}
    with pytest.raises(error):
        result_of(victim)
    assert victim.latents is None
    alone = open_engine(bundle)
    lonely = alone.prepare(picture, params())
    alone.add(lonely)
    run(alone)
    for request in (first, last):
        np.testing.assert_array_equal(pixels(request), pixels(lonely))
    stats = engine.stats()
    assert (stats.done, stats.failed, stats.waiting, stats.running) == (2, 1, 0, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("graph", "where"),
    [
        ("image_encoder", "the encoded picture"),
        ("tick", "step 1 of 4"),
        ("image_decoder", "the decoded picture"),
    ],
)
def test_a_value_that_is_not_finite_is_an_error_and_no_black_picture(
    bundle: Bundle, graph: GraphName, where: str, value: float
) -> None:
    engine = open_engine(bundle, spoils(graph, value))
    request = engine.prepare(Image.new("RGB", (64, 64), "white"), params())
    engine.add(request)
    run(engine)
    with pytest.raises(NonFinite) as caught:
        result_of(request)
    message = str(caught.value)
    assert message.startswith(f"{where} is not finite, computed by fake in fp32")
    assert "try precision fp32, or lower scales" in message
    assert "text_guidance 7.5 and image_guidance 1.5" in message


def test_text_that_is_not_finite_fails_its_request_and_is_not_kept(
    bundle: Bundle, picture: Image.Image
) -> None:
    def fault(graph: GraphName, inputs: Any, outputs: Any) -> None:
        if graph == "text_encoder":
            outputs["text"][:] = np.nan

    backend = BrokenBackend(fault)
    engine = Engine(bundle, backend)
    broken, sound = (engine.prepare(picture, params()) for _ in range(2))
    engine.add(broken)
    run(engine)
    with pytest.raises(NonFinite, match="the encoded text is not finite"):
        result_of(broken)
    backend.fault = lambda graph, inputs, outputs: None
    engine.add(sound)
    run(engine)
    assert sound.status is Status.DONE


def test_a_text_encoder_that_fails_fails_only_new_texts(
    bundle: Bundle, picture: Image.Image
) -> None:
    def fault(graph: GraphName, inputs: Any, outputs: Any) -> None:
        if graph == "text_encoder":
            raise BackendFailure("out of memory")

    backend = BrokenBackend()
    engine = Engine(bundle, backend)
    known, unknown, again = (
        engine.prepare(picture, params(instruction=text)) for text in ("sepia", "night", "sepia")
    )
    engine.add(known)
    run(engine)
    backend.fault = fault
    for request in (unknown, again):
        engine.add(request)
    run(engine)
    assert [one.status for one in (unknown, again)] == [Status.FAILED, Status.DONE]


def test_a_failure_in_the_last_steps_keeps_what_the_neighbours_have(
    bundle: Bundle, picture: Image.Image
) -> None:
    """A batch that fails is run again one by one, with the noise that was already drawn."""
    calls = 0

    def fault(graph: GraphName, inputs: Any, outputs: Any) -> None:
        nonlocal calls
        calls += graph == "tick"
        if graph == "tick" and len(inputs["x"]) > 1 and calls > 2:
            raise BackendFailure("out of memory")

    engine, sound = open_engine(bundle, fault), open_engine(bundle)
    results = []
    for each in (engine, sound):
        pair = [each.prepare(picture, params(sampler="euler_a", seed=seed)) for seed in (1, 2)]
        for request in pair:
            each.add(request)
        run(each)
        results.append([pixels(request) for request in pair])
        assert [request.rows for request in pair] == [12, 12]
    np.testing.assert_array_equal(results[0], results[1])
    assert engine.stats().rows == 24


def test_a_cancelled_request_leaves_wherever_it_is(bundle: Bundle, picture: Image.Image) -> None:
    engine = open_engine(bundle, max_running=1)
    running, waiting, kept = (engine.prepare(picture, params()) for _ in range(3))
    for request in (running, waiting, kept):
        engine.add(request)
    engine.step()
    running.cancelled = waiting.cancelled = True
    assert set(engine.step()) == {running, waiting}
    assert kept.step == 1  # its place was free at once
    for request, steps in ((running, 1), (waiting, 0)):
        with pytest.raises(Cancelled, match=f"cancelled after {steps} steps"):
            result_of(request)
    assert run(engine) == [kept]
    stats = engine.stats()
    assert (stats.done, stats.cancelled, stats.failed) == (1, 2, 0)
    kept.cancelled = True  # too late
    assert engine.step() == []
    assert result_of(kept).ticks == 4


@pytest.mark.parametrize(
    ("during", "spared"),
    [("image_encoder", "image_encoder"), ("image_encoder", "tick"), ("tick", "image_decoder")],
)
def test_a_request_cancelled_during_a_tick_is_spared_the_rest_of_it(
    bundle: Bundle, picture: Image.Image, during: GraphName, spared: GraphName
) -> None:
    """Encoding after a neighbour's, rows after encoding, decoding after rows."""
    victims: list[Request] = []
    sizes: list[int] = []  # of the batches of the graph that is spared

    def fault(graph: GraphName, inputs: Any, outputs: Any) -> None:
        if graph == spared:
            sizes.append(len(next(iter(inputs.values()))))
        if graph == during:
            for victim in victims:
                victim.cancelled = True

    engine = open_engine(bundle, fault)
    kept, victim = (engine.prepare(picture, params(steps=1)) for _ in range(2))
    victims.append(victim)
    for request in (kept, victim):
        engine.add(request)
    assert engine.step() == [kept]
    assert sizes == [1]  # the neighbour's
    assert engine.step() == [victim]
    assert engine.idle
    with pytest.raises(Cancelled):
        result_of(victim)


def test_a_request_cancelled_while_a_batch_fails_is_not_run_again(
    bundle: Bundle, picture: Image.Image
) -> None:
    batches: list[int] = []
    requests: list[Request] = []

    def fault(graph: GraphName, inputs: Any, outputs: Any) -> None:
        if graph == "tick":
            batches.append(len(inputs["x"]))
            requests[1].cancelled = True
            if len(batches) == 1:
                raise BackendFailure("out of memory")

    engine = open_engine(bundle, fault)
    requests += [engine.prepare(picture, params(steps=1)) for _ in range(3)]
    for request in requests:
        engine.add(request)
    assert set(run(engine)) == set(requests)
    assert batches == [3, 1, 1]
    assert [one.status for one in requests] == [Status.DONE, Status.CANCELLED, Status.DONE]


def test_a_warm_up_runs_every_graph_and_counts_as_no_edit(bundle: Bundle) -> None:
    run_graphs: set[GraphName] = set()
    engine = open_engine(bundle, lambda graph, inputs, outputs: run_graphs.add(graph))
    engine.warm_up()
    assert run_graphs == set(GRAPH_NAMES)
    assert engine.stats() == Stats()
    assert engine.idle


def test_a_warm_up_that_fails_raises(bundle: Bundle) -> None:
    def fault(graph: GraphName, inputs: Any, outputs: Any) -> None:
        raise BackendFailure(f"no kernel for {graph}")

    with pytest.raises(BackendFailure, match="no kernel"):
        open_engine(bundle, fault).warm_up()


def test_a_full_queue_says_when_to_come_back(bundle: Bundle, picture: Image.Image) -> None:
    engine = open_engine(bundle, max_running=2, max_queue=1)
    requests = [engine.prepare(picture, params()) for _ in range(4)]
    for request in requests[:3]:
        assert not engine.full
        engine.add(request)
    assert engine.full
    with pytest.raises(Overloaded, match="the queue takes 1; try again in 1 s") as caught:
        engine.add(requests[3])
    assert caught.value.retry_after >= 1
    assert engine.stats().rejected == 1
    run(engine)
    engine.add(requests[3])
    assert engine.stats().waiting == 1


def test_many_are_added_whole_or_not_at_all(bundle: Bundle, picture: Image.Image) -> None:
    engine = open_engine(bundle, max_running=2, max_queue=1)
    requests = engine.prepare_all(picture, [params()] * 4)
    with pytest.raises(InvalidRequest, match="4 edits at once are too many; this engine takes 3"):
        engine.add(*requests)
    engine.add(requests[0])
    with pytest.raises(Overloaded):
        engine.add(*requests[1:])
    assert (engine.stats().waiting, engine.stats().rejected) == (1, 3)
    engine.add(*requests[1:3])
    assert set(run(engine)) == set(requests[:3])


def test_variations_are_encoded_once_and_equal_edits_of_their_seeds(
    bundle: Bundle, picture: Image.Image
) -> None:
    encoded: list[GraphName] = []
    engine = open_engine(bundle, lambda graph, inputs, outputs: encoded.append(graph))
    last = params(seed=2**32 - 2)
    varied = engine.prepare_all(picture, [last.variation(offset) for offset in range(4)])
    engine.add(*varied)
    run(engine)
    assert [one.params.seed for one in varied] == [2**32 - 2, 2**32 - 1, 0, 1]
    assert encoded.count("image_encoder") == 1
    assert encoded.count("text_encoder") == 2  # the instruction and the empty one
    stats = engine.stats()
    assert (stats.cache_misses, stats.cache_hits) == (3, 3 * 3)
    assert stats.cache_bytes > 0
    for one in varied:
        alone = open_engine(bundle, max_cache_bytes=0)
        plain = alone.prepare(picture, params(seed=one.params.seed))
        alone.add(plain)
        run(alone)
        np.testing.assert_array_equal(pixels(one), pixels(plain))


def test_edits_of_one_picture_share_pixels_only_of_one_size(
    bundle: Bundle, picture: Image.Image
) -> None:
    small, also_small, large = open_engine(bundle).prepare_all(
        picture.resize((128, 96)),
        [params(max_size=64), params(max_size=64, steps=3), params(max_size=128)],
    )
    assert small.pixels is also_small.pixels
    assert small.table.steps != also_small.table.steps
    assert max(large.size) == 128


def test_another_picture_or_size_is_encoded_anew(bundle: Bundle, picture: Image.Image) -> None:
    engine = open_engine(bundle)
    turned = picture.transpose(Image.Transpose.ROTATE_180)
    for image, size in ((picture, 64), (picture, 64), (turned, 64), (picture, 128)):
        engine.add(engine.prepare(image.resize((128, 96)), params(max_size=size)))
    run(engine)
    stats = engine.stats()
    assert (stats.cache_misses, stats.cache_hits) == (2 + 3, 4 * 3 - 5)


def test_a_cache_of_no_bytes_changes_nothing_but_the_work(
    bundle: Bundle, picture: Image.Image
) -> None:
    kept, forgetful = open_engine(bundle), open_engine(bundle, max_cache_bytes=0)
    found = []
    for engine in (kept, forgetful):
        requests = [engine.prepare(picture, params(seed=seed)) for seed in (1, 1, 2)]
        engine.add(*requests)
        run(engine)
        found.append([pixels(one) for one in requests])
    np.testing.assert_array_equal(found[0], found[1])
    assert forgetful.stats().cache_bytes == forgetful.stats().cache_hits == 0


def test_steps_are_told_in_order_and_a_callback_that_raises_does_no_harm(
    bundle: Bundle, picture: Image.Image, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[int, int]] = []

    def angry(progress: Progress) -> None:
        raise RuntimeError("no")

    engine = open_engine(bundle)
    calm = engine.prepare(picture, params(), lambda p: told.append((p.step, p.steps)))
    harmed = engine.prepare(picture, params(steps=2), angry)
    for request in (calm, harmed):
        engine.add(request)
    with caplog.at_level(logging.ERROR):
        run(engine)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert harmed.status is Status.DONE
    assert [record.message for record in caplog.records] == [
        f"on_step of request {harmed.id} failed; the edit goes on"
    ] * 2


def test_a_picture_past_the_pixels_of_the_engine_is_refused(bundle: Bundle) -> None:
    engine = open_engine(bundle, max_pixels=64 * 64)
    with pytest.raises(InvalidRequest, match="128x64 = 8192 pixels, this engine takes 4096"):
        engine.prepare(Image.new("RGB", (200, 100)), params(max_size=128))


def test_steps_that_the_sampler_cannot_take_are_refused_at_once(bundle: Bundle) -> None:
    with pytest.raises(InvalidRequest, match="steps 60 does not fit sampler lcm; give 1 to 50"):
        open_engine(bundle).prepare(Image.new("RGB", (64, 64)), params(sampler="lcm", steps=60))


def test_a_picture_that_lies_on_its_side_is_turned_before_its_size_is_chosen(
    bundle: Bundle,
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGB", (96, 64))
    picture.info["exif"] = exif.tobytes()
    request = open_engine(bundle).prepare(picture, params(max_size=96))
    assert request.size == (96, 64)  # height, width


def test_retry_after_grows_with_the_queue_and_not_with_the_time_spent_in_it(
    bundle: Bundle, picture: Image.Image
) -> None:
    engine = open_engine(bundle, max_running=1, max_queue=2)
    requests = [engine.prepare(picture, params()) for _ in range(3)]
    for request in requests:
        request.marks["submitted"] -= 1000.0  # waited long
        engine.add(request)
    run(engine)
    assert engine.stats().mean_edit_s < 100
