"""A full queue, a client who leaves, a deadline, a dead engine, a drain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import httpx2
from httpx2 import Response
from PIL import Image
from starlette.testclient import TestClient

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


def test_a_client_who_leaves_frees_its_place(serving: Serving, hold: Hold) -> None:
    with serving() as client:
        with hold():
            sent = leave_when(client, lambda: worker().stats().waiting == 1)
            wait_until(sent.done)
        wait_until(lambda: worker().stats().cancelled == 1)
        assert sent.result() == [499]
        assert worker().stats().done == 2  # the warm-up and the held one


def leave_when(client: TestClient, ready: Callable[[], bool]) -> Future[list[int]]:
    """Post an edit and disconnect once `ready`; the future holds the statuses that were sent."""
    request = httpx2.Request(
        "POST",
        "http://testserver/edit",
        files={"image": ("a.png", PNG)},
        data={"instruction": "make it night"},
    )
    events = [{"type": "http.request", "body": request.read(), "more_body": False}]

    async def receive() -> dict[str, Any]:
        if events:
            return events.pop()
        while not ready():
            await asyncio.sleep(0.005)
        return {"type": "http.disconnect"}

    return raw_post(client, [(k.lower(), v) for k, v in request.headers.raw], receive)


def test_a_deadline_withdraws_the_edit(serving: Serving, hold: Hold) -> None:
    with serving(TIMEOUT_SECONDS=0.3) as client:
        with hold():
            late = post(client)
        assert late.status_code == 504
        assert code_of(late) == "timeout"
        wait_until(lambda: worker().stats().cancelled == 1)
        assert post(client).status_code == 200


def test_a_dead_engine_is_neither_alive_nor_ready(serving: Serving) -> None:
    def kill(step: int, steps: int) -> None:
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
