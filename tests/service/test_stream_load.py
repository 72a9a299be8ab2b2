"""Streams with the ticks in a test's hands: progress, failures, clients who leave or stall."""

from __future__ import annotations

import base64
import dataclasses
import io
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from runtime.backends import fake
from runtime.errors import OutOfMemory
from runtime.manifest import MANIFEST_FILE, Manifest
from service.stream import response
from tests.fake_bundle import write_fake_bundle
from tests.runtime.broken_backend import Fault, raises, spoils
from tests.service.calls import error_of, post
from tests.service.conftest import Held, wait_until, worker
from tests.service.listening import Listener, Ticks, check_order, listen, named, told_by
from tests.service.pictures import PNG, encoded

Serving = Callable[..., AbstractContextManager[TestClient]]
Hold = Callable[[], Held]
Take = Callable[..., Ticks]

WHITE = encoded(Image.new("RGB", (64, 64), "white"))


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Ticks]]:
    """Takes the ticks of the running service over, until the test ends."""
    taken: list[Ticks] = []

    def take(fault: Fault | None = None) -> Ticks:
        taken.append(Ticks(fault))
        monkeypatch.setitem(fake._GRAPHS, "tick", taken[-1])
        return taken[-1]

    yield take
    for one in taken:
        one.allow(10_000)


def test_every_step_is_told_as_it_is_taken(serving: Serving, ticks: Take) -> None:
    """And previews every two steps: the picture that the latents project to."""
    image = encoded(Image.new("RGB", (64, 48), (90, 120, 150)))
    with serving() as client:
        gate = ticks()
        stream = Listener(client, image, steps=4, preview_every=2, seed=3)
        for step in range(1, 5):
            gate.allow()
            stream.hears("progress", step)
        told = stream.events()
    check_order(told)
    steps = named("progress", told)
    assert [progress["step"] for progress in steps] == [1, 2, 3, 4]
    assert {progress["image"] for progress in steps} == {0}
    assert ["preview" in progress for progress in steps] == [False, True, False, True]
    result = Image.open(io.BytesIO(base64.b64decode(told[-1].data["images"][0]["image"])))
    small = np.asarray(result.resize((8, 6), Image.Resampling.BOX), np.int16)
    assert np.abs(opened(steps[3]) - small).max() < 8  # WebP is not exact
    assert np.abs(opened(steps[1]) - small).max() > 8  # the fake model's grain


def opened(progress: dict[str, Any]) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(base64.b64decode(progress["preview"]))) as image:
        assert Image.MIME[image.format or ""] == progress["media_type"]
        return np.asarray(image, np.int16)


def test_a_preview_that_was_left_out_is_made_up_for(serving: Serving, ticks: Take) -> None:
    """A reader who hears of step 1 and then of step 5 alone gets the preview of step 5."""
    with serving() as client:
        gate = ticks()
        stream = Listener(client, steps=6, preview_every=2)
        gate.allow()
        stream.hears("progress")
        stream.read = False
        gate.allow(5)
        wait_until(lambda: worker().stats().done == 1)
        stream.read = True
        steps = named("progress", stream.events())
    assert steps[0]["step"] == 1
    assert "preview" not in steps[0]
    assert steps[-1]["step"] == 6
    assert any("preview" in progress for progress in steps[1:])


def test_a_bundle_that_makes_no_previews_says_so(serving: Serving, tmp_path: Path) -> None:
    path = write_fake_bundle(tmp_path / "old")
    manifest = Manifest.loads((path / MANIFEST_FILE).read_text())
    (path / MANIFEST_FILE).write_text(dataclasses.replace(manifest, preview=None).dumps())
    with serving(BUNDLE=path) as client:
        error = error_of(listen(client, preview_every=2), 422)
        assert error["field"] == "preview_every"
        assert "no preview" in error["message"]
        assert told_by(listen(client, preview_every=0))[-1].name == "result"


def test_what_is_refused_is_no_stream(serving: Serving, hold: Hold) -> None:
    with serving(MAX_RUNNING=1, MAX_QUEUE=0) as client:
        assert error_of(listen(client, steps=0), 422)["field"] == "steps"
        assert error_of(listen(client, image=b"no"), 415)["code"] == "unsupported_image"
        accept = {"accept": "application/json"}
        refused = client.post(
            "/edit/stream", files={"image": PNG}, data={"instruction": "x"}, headers=accept
        )
        assert error_of(refused, 406)["code"] == "not_acceptable"
        assert error_of(client.get("/edit/stream"), 405)["code"] == "method_not_allowed"
        with hold():
            assert error_of(listen(client), 429)["code"] == "overloaded"


def test_the_place_in_the_queue_is_told_again_when_it_changes(
    serving: Serving, hold: Hold, ticks: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response, "_PLACES", 0.01)
    with serving(MAX_RUNNING=1) as client:
        with hold():
            gate = ticks()
            first = Listener(client, steps=2)
            first.hears("queued")
            stream = Listener(client, steps=2)
            stream.hears("queued")
        gate.allow(2)  # the first one ends, the second joins
        stream.hears("queued", 2)
        gate.allow(2)
        told = stream.events()
    check_order(told)
    assert [queued["position"] for queued in named("queued", told)] == [1, 0]


def test_silence_is_broken_for_proxies(
    serving: Serving, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response, "_PLACES", 0.01)
    monkeypatch.setattr(response, "_SILENCE", 0.02)
    with serving() as client:
        with hold():
            stream = Listener(client)
            wait_until(lambda: stream.text.count(": keep-alive\n\n") >= 2)
        check_order(stream.events())


@pytest.mark.parametrize(
    ("fault", "code"), [(raises("tick"), "internal"), (spoils("tick"), "non_finite")]
)
def test_a_failure_in_the_middle_is_the_last_event(
    serving: Serving, ticks: Take, fault: Any, code: str
) -> None:
    with serving() as client:
        gate = ticks()
        stream = Listener(client, WHITE, steps=4)
        gate.allow()
        stream.hears("progress")
        gate._fault = fault
        gate.allow(100)
        told = stream.events()
        check_order(told)
        assert told[-1].name == "error"
        error = told[-1].data
        assert error["code"] == code
        assert set(error) == {"code", "message", "request_id"}
        assert "memory" not in error["message"]  # what the library said is for the log
        metrics = client.get("/metrics").text
        route = f'{{code="{code}",route="/edit/stream",status="200"}}'
        assert f"retouch_responses_total{route} 1.0" in metrics


def test_an_error_says_when_to_try_again(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(pending: object) -> None:
        raise OutOfMemory("no memory left", retry_after=1.5)

    with serving() as client:
        monkeypatch.setattr("service.stream.response.all_of", full)
        error = told_by(listen(client))[-1].data
    assert (error["code"], error["retry_after"]) == ("out_of_memory", 2)


def test_an_error_has_the_request_id_of_the_response(serving: Serving, hold: Hold) -> None:
    with serving(TIMEOUT_SECONDS=0.3) as client, hold():
        answer = listen(client)
    assert told_by(answer)[-1].data["request_id"] == answer.headers["x-request-id"]


def test_one_that_fails_takes_the_others_along(serving: Serving, ticks: Take) -> None:
    with serving() as client:
        fails_once = iter([True])

        def fault(graph: str, inputs: Any, outputs: dict[str, Any]) -> None:
            if len(inputs["x"]) == 3 and next(fails_once, False):
                outputs["next"][1] = np.nan

        gate = ticks(fault)
        gate.allow(2)
        told = Listener(client, steps=100, n=3).events()
        check_order(told)
        assert told[-1].data["code"] == "non_finite"
        gate.allow()
        wait_until(lambda: worker().stats().cancelled == 2)


def test_a_deadline_ends_the_stream(serving: Serving, hold: Hold) -> None:
    with serving(TIMEOUT_SECONDS=0.3) as client:
        with hold():
            told = told_by(listen(client, n=2))
        assert told[-1].name == "error"
        assert told[-1].data["code"] == "timeout"
        wait_until(lambda: worker().stats().cancelled == 2)
        assert told_by(listen(client))[-1].name == "result"


def test_a_client_who_leaves_frees_its_rows(
    serving: Serving, ticks: Take, caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as client, caplog.at_level(logging.INFO):
        gate = ticks()
        stream = Listener(client, steps=100, preview_every=1)
        gate.allow()
        stream.hears("progress")
        stream.leave()
        stream.ended.result(60)
        before = worker().stats().ticks
        gate.allow(100)
        wait_until(lambda: worker().stats().cancelled == 1)
        assert worker().stats().ticks <= before + 2
        assert worker().stats().running == 0
    assert [record.levelname for record in caplog.records if "client_gone" in record.message] == [
        "INFO"
    ]


def test_a_client_who_leaves_the_queue_frees_its_place(serving: Serving, hold: Hold) -> None:
    with serving() as client:
        with hold():
            stream = Listener(client)
            stream.hears("queued")
            stream.leave()
            stream.ended.result(60)
        wait_until(lambda: worker().stats().cancelled == 1)


def test_who_does_not_read_holds_nobody_up_and_costs_no_memory(
    serving: Serving, ticks: Take
) -> None:
    """The engine goes on to the end; of all the steps at most the newest is kept."""
    with serving() as client:
        gate = ticks()
        slow = Listener(client, steps=150, preview_every=1)
        slow.hears("queued")
        slow.read = False
        gate.allow(1000)
        wait_until(lambda: worker().stats().done == 1)
        assert post(client).status_code == 200
        slow.read = True
        told = slow.events()
        check_order(told)
        assert told[-1].name == "result"
        assert len(named("progress", told)) <= 2


def test_a_stalled_reader_is_withdrawn_at_the_deadline(serving: Serving, ticks: Take) -> None:
    with serving(TIMEOUT_SECONDS=0.3) as client:
        gate = ticks()
        stalled = Listener(client, steps=100)
        stalled.hears("queued")
        stalled.read = False
        gate.allow()
        wait_until(lambda: all(future.cancelled() for future in worker()._futures.values()))
        gate.allow()
        wait_until(lambda: worker().stats().cancelled == 1)
        stalled.read = True
        assert stalled.events()[-1].data["code"] == "timeout"


def test_a_drain_lets_streams_finish(serving: Serving, hold: Hold) -> None:
    with serving() as client:
        with hold():
            stream = Listener(client)
            stream.hears("queued")
            worker().drain()
            assert error_of(listen(client), 503)["code"] == "shutting_down"
        told = stream.events()
        check_order(told)
        assert told[-1].name == "result"


def test_an_engine_that_stops_ends_the_stream(serving: Serving, ticks: Take) -> None:
    with serving() as client:
        gate = ticks()
        stream = Listener(client, steps=100)
        gate.allow()
        stream.hears("progress")
        for request in list(worker()._futures):
            request.cancelled = True  # as `close` does
        gate.allow(2)
        last = stream.events()[-1].data
        assert (last["code"], last["retry_after"]) == ("cancelled", 1)
