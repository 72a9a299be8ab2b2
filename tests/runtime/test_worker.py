"""The engine's thread: many callers, cancellation, draining, and what happens when it breaks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from runtime import (
    BackendFailure,
    Bundle,
    Cancelled,
    EditResult,
    EngineWorker,
    InvalidRequest,
    Limits,
    NonFinite,
    Overloaded,
    ShuttingDown,
    open_editor,
    open_worker,
)
from runtime.engine import Engine
from runtime.manifest import GraphName
from runtime.progress import Progress
from tests.runtime.broken_backend import BrokenBackend, spoils

PATIENCE_S = 60.0


class Gate:
    """A fault that holds every tick until it is opened, so that a test decides when time passes."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, graph: GraphName, inputs: Any, outputs: Any) -> None:
        if graph == "tick":
            self.reached.set()
            assert self.opened.wait(PATIENCE_S)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def start(bundle: Bundle) -> Iterator[Callable[..., EngineWorker]]:
    """Starts workers, and closes them after the test."""
    workers = []

    def start(backend: BrokenBackend | None = None, **limits: int) -> EngineWorker:
        engine = Engine(bundle, backend or BrokenBackend(), Limits(**limits))
        workers.append(EngineWorker(engine))
        return workers[-1]

    yield start
    for worker in workers:
        worker.close()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def edit(worker: EngineWorker, picture: Image.Image, **overrides: Any) -> Future[EditResult]:
    return worker.submit(picture, worker.params("sepia", **{"seed": 1, **overrides}))


def test_callers_in_many_threads_get_what_they_would_get_alone(
    start: Callable[..., EngineWorker], fake_bundle: Path, picture: Image.Image
) -> None:
    worker = start()
    results: dict[int, EditResult] = {}

    def call(seed: int) -> None:
        results[seed] = edit(worker, picture, seed=seed).result(PATIENCE_S)

    threads = [threading.Thread(target=call, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_editor(fake_bundle, backend="fake") as editor:
        for seed, result in results.items():
            alone = editor.edit(picture, "sepia", seed=seed)
            np.testing.assert_array_equal(np.asarray(result.image), np.asarray(alone.image))
    stats = worker.stats()
    assert (stats.done, stats.waiting, stats.running) == (12, 0, 0)
    assert worker.alive
    assert not worker.draining


def test_several_are_queued_together_and_withdrawn_one_by_one(
    start: Callable[..., EngineWorker], picture: Image.Image, gate: Gate
) -> None:
    worker = start(BrokenBackend(gate), max_running=1, max_queue=4)
    busy = edit(worker, picture)
    assert gate.reached.wait(PATIENCE_S)
    asked = [worker.params("sepia", seed=seed) for seed in range(5, 10)]
    with pytest.raises(Overloaded):
        worker.submit_all(picture, asked)
    futures = worker.submit_all(picture, asked[:3])
    assert worker.stats().waiting == 4  # the first counts as running after its first step
    assert futures[1].cancel()
    gate.opened.set()
    assert [futures[i].result(PATIENCE_S).params.seed for i in (0, 2)] == [5, 7]
    assert busy.result(PATIENCE_S).params.seed == 1
    until(lambda: worker.stats().cancelled == 1)


def test_what_cannot_succeed_is_refused_at_once(
    start: Callable[..., EngineWorker], picture: Image.Image
) -> None:
    worker = start()
    with pytest.raises(InvalidRequest, match="beyond the aspect"):
        edit(worker, Image.new("RGB", (900, 10)))
    with pytest.raises(InvalidRequest, match="steps 0"):
        edit(worker, picture, steps=0)
    assert worker.stats().waiting == 0


def test_a_full_queue_is_overloaded(
    start: Callable[..., EngineWorker], picture: Image.Image, gate: Gate
) -> None:
    worker = start(BrokenBackend(gate), max_running=1, max_queue=1)
    accepted = [edit(worker, picture) for _ in range(2)]
    assert gate.reached.wait(PATIENCE_S)
    with pytest.raises(Overloaded) as caught:
        edit(worker, picture)
    assert caught.value.retry_after >= 1
    assert not isinstance(caught.value, ShuttingDown)
    assert worker.stats().rejected == 1
    gate.opened.set()
    assert [future.result(PATIENCE_S).ticks for future in accepted] == [4, 4]


def test_a_future_can_be_cancelled_while_waiting_and_while_running(
    start: Callable[..., EngineWorker], picture: Image.Image, gate: Gate
) -> None:
    worker = start(BrokenBackend(gate), max_running=1)
    running, waiting, kept = (edit(worker, picture, steps=50) for _ in range(3))
    assert gate.reached.wait(PATIENCE_S)
    assert running.cancel()
    assert waiting.cancel()
    gate.opened.set()
    assert kept.result(PATIENCE_S).ticks == 50
    stats = worker.stats()
    assert (stats.cancelled, stats.done, stats.failed) == (2, 1, 0)
    assert stats.ticks <= 51
    with pytest.raises(CancelledError):
        running.result(0)
    assert not worker._futures


def test_a_finished_future_cannot_be_cancelled(
    start: Callable[..., EngineWorker], picture: Image.Image
) -> None:
    worker = start()
    future = edit(worker, picture)
    result = future.result(PATIENCE_S)
    assert not future.cancel()
    assert future.result(0) is result
    assert worker.stats().cancelled == 0


def test_a_cancelled_await_withdraws_its_request(
    start: Callable[..., EngineWorker], picture: Image.Image, gate: Gate
) -> None:
    worker = start(BrokenBackend(gate))

    async def client() -> None:
        await asyncio.wrap_future(edit(worker, picture, steps=150))

    async def disconnect() -> None:
        task = asyncio.create_task(client())
        await asyncio.to_thread(gate.reached.wait, PATIENCE_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(disconnect())
    gate.opened.set()
    until(lambda: worker.stats().cancelled == 1)
    assert worker.stats().ticks < 150


def test_a_failing_request_fails_its_own_future(
    start: Callable[..., EngineWorker], picture: Image.Image
) -> None:
    worker = start(BrokenBackend(spoils("tick")))
    sound, failed = edit(worker, picture), edit(worker, Image.new("RGB", (64, 48), "white"))
    assert sound.result(PATIENCE_S).ticks == 4
    with pytest.raises(NonFinite, match="try precision fp32"):
        failed.result(PATIENCE_S)
    assert worker.alive


def test_steps_are_told_in_the_engines_thread(
    start: Callable[..., EngineWorker], picture: Image.Image
) -> None:
    told: list[tuple[int, int, str]] = []

    def on_step(progress: Progress) -> None:
        told.append((progress.step, progress.steps, threading.current_thread().name))

    worker = start()
    worker.submit(picture, worker.params("sepia"), on_step).result(PATIENCE_S)
    assert told == [(step, 4, "engine") for step in (1, 2, 3, 4)]


def test_draining_finishes_what_was_accepted_and_refuses_the_rest(
    start: Callable[..., EngineWorker], picture: Image.Image, gate: Gate
) -> None:
    worker = start(BrokenBackend(gate), max_running=1)
    accepted = [edit(worker, picture) for _ in range(3)]
    assert gate.reached.wait(PATIENCE_S)
    worker.drain()
    assert worker.draining
    with pytest.raises(ShuttingDown, match="stopping") as caught:
        edit(worker, picture)
    assert caught.value.retry_after > 0
    gate.opened.set()
    assert [future.result(PATIENCE_S).ticks for future in accepted] == [4, 4, 4]
    until(lambda: not worker.alive)
    with pytest.raises(ShuttingDown):
        edit(worker, picture)


def test_closing_frees_the_engine_and_may_be_repeated(
    start: Callable[..., EngineWorker], picture: Image.Image
) -> None:
    worker = start()
    edit(worker, picture).result(PATIENCE_S)
    worker.close()
    worker.close()
    assert not worker.alive
    with pytest.raises(ShuttingDown):
        edit(worker, picture)


def test_closing_with_no_patience_cancels_what_is_left(
    start: Callable[..., EngineWorker], picture: Image.Image, gate: Gate
) -> None:
    worker = start(BrokenBackend(gate), max_running=1)
    left = [edit(worker, picture, steps=150) for _ in range(3)]
    assert gate.reached.wait(PATIENCE_S)
    closing = threading.Thread(target=worker.close, args=(0.0,))
    closing.start()
    until(lambda: all(request.cancelled for request in list(worker._futures)))
    gate.opened.set()
    closing.join(PATIENCE_S)
    assert not worker.alive
    for future in left:
        with pytest.raises(Cancelled, match="cancelled after"):
            future.result(0)


def test_an_engine_that_breaks_fails_every_future_and_is_not_alive(
    start: Callable[..., EngineWorker], picture: Image.Image, gate: Gate
) -> None:
    """What ends the thread itself: nobody may wait for a thread that is gone."""

    def breaks(graph: GraphName, inputs: Any, outputs: Any) -> None:
        gate(graph, inputs, outputs)
        if graph == "tick":
            raise SystemExit("the roof fell in")

    worker = start(BrokenBackend(breaks), max_running=1)
    futures = [edit(worker, picture) for _ in range(3)]
    futures[2].cancel()
    gate.opened.set()
    wait(futures, PATIENCE_S)
    for future in futures[:2]:
        with pytest.raises(BackendFailure, match="the roof fell in") as caught:
            future.result(0)
        assert isinstance(caught.value.__cause__, SystemExit)
    until(lambda: not worker.alive)
    with pytest.raises(ShuttingDown):
        edit(worker, picture)


@pytest.mark.parametrize("kind", [RuntimeError, MemoryError, KeyError])
@pytest.mark.parametrize(
    ("stage", "port"), [("image_encoder", "image"), ("tick", "x"), ("image_decoder", "latent")]
)
def test_an_unforeseen_error_fails_its_own_request_alone(
    start: Callable[..., EngineWorker],
    picture: Image.Image,
    stage: str,
    port: str,
    kind: type[Exception],
) -> None:
    square = Image.new("RGB", (64, 64))

    def is_square(values: Any) -> bool:
        height, width = values.shape[1:3] if port == "image" else values.shape[-2:]
        return bool(height == width)

    def fault(graph: GraphName, inputs: Any, outputs: Any) -> None:
        if graph == stage and is_square(inputs[port]):
            raise kind("the roof fell in")

    worker = start(BrokenBackend(fault))
    bad, good = edit(worker, square), edit(worker, picture)
    assert good.result(PATIENCE_S).image.size == (64, 48)
    with pytest.raises(BackendFailure, match="the roof fell in") as caught:
        bad.result(PATIENCE_S)
    assert isinstance(caught.value.__cause__, kind)
    assert worker.alive


def test_a_bundle_is_opened_for_many_callers(fake_bundle: Path, picture: Image.Image) -> None:
    worker = open_worker(fake_bundle, backend="fake", limits=Limits(max_running=1))
    try:
        assert worker.manifest.name == "fake"
        assert edit(worker, picture).result(PATIENCE_S).image.size == (64, 48)
    finally:
        worker.close()
