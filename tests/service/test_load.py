"""A full queue, slow uploads, a client who leaves, a deadline, a dead engine, a drain."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import bentoml
import httpx2
import pytest
from httpx2 import Response
from PIL import Image
from starlette.testclient import TestClient

from runtime.progress import Progress
from runtime.stats import Stats
from service import edit, edits
from tests.service.conftest import Held, raw_post, wait_until, worker
from tests.service.pictures import PNG

Serving = Callable[..., AbstractContextManager[TestClient]]
Hold = Callable[[], Held]


def post(client: TestClient, seed: int = 1) -> Response:
    data = {"instruction": "make it night", "seed": seed}
    return client.post("/edit", files={"image": ("a.png", PNG)}, data=data)


def code_of(response: Response) -> str:
    code: str = response.json()["error"]["code"]
    return code


def test_beyond_the_queue_is_told_when_to_return_and_harms_nobody(
    serving: Serving, hold: Hold
) -> None:
    with serving(MAX_RUNNING=1, MAX_QUEUE=2) as client, ThreadPoolExecutor(8) as pool:
        with hold():
            waiting = [pool.submit(post, client, seed) for seed in (1, 2)]
            wait_until(lambda: worker().stats().waiting == 2)
            refused = list(pool.map(lambda seed: post(client, seed), range(3, 9)))
        assert {answer.status_code for answer in refused} == {429}
        assert {code_of(answer) for answer in refused} == {"overloaded"}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        assert [future.result().headers["x-retouch-seed"] for future in waiting] == ["1", "2"]
        assert worker().stats().rejected == 6
        assert post(client).status_code == 200


def test_probes_and_metrics_answer_while_the_engine_is_busy(serving: Serving, hold: Hold) -> None:
    with serving() as client, hold():
        assert client.get("/readyz").status_code == 200
        assert client.get("/livez").status_code == 200
        assert "retouch_engine_running 1.0" in client.get("/metrics").text


def test_the_warm_up_is_no_edit_in_the_metrics(serving: Serving) -> None:
    with serving() as client:
        lines = client.get("/metrics").text.splitlines()
    for name in ("done", "ticks", "rows", "failed", "cancelled", "rejected"):
        assert f"retouch_engine_{name}_total 0.0" in lines
    assert "retouch_edit_seconds_count 0.0" in lines


def test_a_client_who_leaves_frees_its_place(serving: Serving, hold: Hold) -> None:
    with serving() as client:
        with hold():
            sent = leave_when(client, lambda: worker().stats().waiting == 1)
            wait_until(sent.done)
        wait_until(lambda: worker().stats().cancelled == 1)
        assert sent.result() == [499]
        assert worker().stats().done == 1  # the held one


class Stage:
    """Stands for a function of a module: counts its calls, and holds them until opened."""

    def __init__(self, patch: pytest.MonkeyPatch, module: ModuleType, name: str) -> None:
        self._function = getattr(module, name)
        self._opened = threading.Event()
        self.calls = 0
        patch.setattr(module, name, self)

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        assert self._opened.wait(60)
        return self._function(*arguments)

    def open(self) -> None:
        self._opened.set()


def test_what_a_client_who_left_has_sent_is_not_decoded(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoding = Stage(monkeypatch, edits, "decode")
    with serving() as client, ThreadPoolExecutor(1) as pool:
        codecs = bentoml.get_current_service().edits.codecs
        codecs.total_tokens = 1
        first = pool.submit(post, client)
        wait_until(lambda: decoding.calls == 1)
        gone = leave_when(client, lambda: codecs.statistics().tasks_waiting == 1)
        assert gone.result(60) == [499]
        decoding.open()
        assert first.result().status_code == 200
        assert decoding.calls == 1
        assert worker().stats().cancelled == 0


def test_a_client_who_leaves_during_decoding_never_reaches_the_queue(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoding = Stage(monkeypatch, edits, "decode")
    with serving() as client:
        gone = leave_when(client, lambda: decoding.calls == 1)
        time.sleep(0.1)
        assert not gone.done()  # the thread is waited for: it holds a place among the codecs
        decoding.open()
        assert gone.result(60) == [499]
        assert worker().stats() == Stats()


def test_the_picture_of_a_client_who_left_is_not_encoded(
    serving: Serving, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoding = Stage(monkeypatch, edit, "encode")
    encoding.open()
    with serving() as client:
        with hold():
            gone = leave_when(client, lambda: worker().stats().waiting == 1)
            assert gone.result(60) == [499]
        wait_until(lambda: worker().stats().cancelled == 1)
        assert encoding.calls == 0
        assert post(client).status_code == 200
        assert encoding.calls == 1


def test_uploads_on_their_way_are_bounded_in_number(serving: Serving) -> None:
    with serving(MAX_UPLOADS=2) as client:
        slow = [Upload(client) for _ in range(2)]
        wait_until(lambda: all(upload.begun for upload in slow))
        refused = post(client)
        assert refused.status_code == 429
        assert code_of(refused) == "overloaded"
        assert int(refused.headers["retry-after"]) >= 1
        for upload in slow:
            upload.finish()
        assert [upload.statuses.result(60) for upload in slow] == [[200], [200]]
        assert post(client).status_code == 200


def test_an_upload_is_bounded_in_time(serving: Serving) -> None:
    with serving(UPLOAD_SECONDS=0.2, MAX_UPLOADS=1) as client:
        upload = Upload(client)
        wait_until(lambda: upload.begun)
        wait_until(lambda: upload.statuses.done() or upload.polls > 2)  # read on, to be discarded
        upload.finish()
        assert upload.statuses.result(60) == [408]
        assert post(client).status_code == 200


def test_a_full_queue_refuses_before_the_upload(serving: Serving, hold: Hold) -> None:
    with serving(MAX_RUNNING=1, MAX_QUEUE=0) as client, hold():
        upload = Upload(client, (b"expect", b"100-continue"))
        assert upload.statuses.result(60) == [429]
        assert not upload.begun


class Upload:
    """An edit whose body begins and then stays away until it is finished."""

    def __init__(self, client: TestClient, *headers: tuple[bytes, bytes]) -> None:
        self._body, own = edit_request()
        self._finished = False
        self.polls = 0
        self.statuses = raw_post(client, [*own, *headers], self._receive)

    @property
    def begun(self) -> bool:
        return self.polls > 0

    def finish(self) -> None:
        self._finished = True

    async def _receive(self) -> dict[str, Any]:
        self.polls += 1
        if self.polls == 1:
            return {"type": "http.request", "body": self._body[:200], "more_body": True}
        while not self._finished:
            await asyncio.sleep(0.005)
        if self._body:
            rest, self._body = self._body[200:], b""
            return {"type": "http.request", "body": rest, "more_body": False}
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}


def edit_request() -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Body and headers."""
    request = httpx2.Request(
        "POST",
        "http://testserver/edit",
        files={"image": ("a.png", PNG)},
        data={"instruction": "make it night"},
    )
    body: bytes = request.read()
    return body, [(name.lower(), value) for name, value in request.headers.raw]


def leave_when(client: TestClient, ready: Callable[[], bool]) -> Future[list[int]]:
    """Post an edit and disconnect once `ready`; the future holds the statuses that were sent."""
    body, headers = edit_request()
    events = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if events:
            return events.pop()
        while not ready():
            await asyncio.sleep(0.005)
        return {"type": "http.disconnect"}

    return raw_post(client, headers, receive)


def test_a_deadline_withdraws_the_edit(serving: Serving, hold: Hold) -> None:
    with serving(TIMEOUT_SECONDS=0.3) as client:
        with hold():
            late = post(client)
        assert late.status_code == 504
        assert code_of(late) == "timeout"
        wait_until(lambda: worker().stats().cancelled == 1)
        assert post(client).status_code == 200


def test_a_dead_engine_is_neither_alive_nor_ready(serving: Serving) -> None:
    def kill(progress: Progress) -> None:
        raise SystemExit

    with serving() as client:
        worker().submit(Image.new("RGB", (64, 64)), worker().params("x", steps=1), kill)
        wait_until(lambda: not worker().alive)
        for probe in ("/livez", "/readyz"):
            answer = client.get(probe)
            assert answer.status_code == 503
            assert code_of(answer) == "service_unavailable"
            assert int(answer.headers["retry-after"]) >= 1
        assert post(client).status_code == 503


def test_a_draining_service_refuses_new_edits_and_finishes_the_accepted(
    serving: Serving, hold: Hold
) -> None:
    with serving() as client, ThreadPoolExecutor(1) as pool:
        with hold():
            accepted = pool.submit(post, client)
            wait_until(lambda: worker().stats().waiting == 1)
            worker().drain()
            assert client.get("/readyz").status_code == 503
            assert client.get("/livez").status_code == 200
            refused = post(client)
        assert refused.status_code == 503
        assert code_of(refused) == "shutting_down"
        assert int(refused.headers["retry-after"]) >= 1
        assert accepted.result().status_code == 200


def test_a_request_leaves_no_timer_behind(serving: Serving) -> None:
    """BentoML's would hold the memory of every request until its deadline."""

    async def timers() -> int:
        loop: Any = asyncio.get_running_loop()
        return sum(timer.when() > loop.time() + 20 for timer in loop._scheduled)

    with serving() as client:
        assert client.portal is not None
        before = client.portal.call(timers)
        for _ in range(5):
            assert client.get("/livez").status_code == 200
            assert post(client).status_code == 200
        assert client.portal.call(timers) == before
