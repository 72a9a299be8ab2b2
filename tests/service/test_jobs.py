"""`/jobs` over HTTP."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import bentoml
import pytest
from httpx2 import Response
from PIL import Image
from starlette.testclient import TestClient

from runtime.errors import Cancelled, OutOfMemory
from runtime.image import read_image
from service.jobs import routes
from service.jobs.job import unpack
from tests.service.calls import error_of, post
from tests.service.conftest import Held, raw_post, wait_until, worker
from tests.service.pictures import PNG, encoded, picture

POSTGRES = os.environ.get("RETOUCH_TEST_POSTGRES", "")
Serving = Callable[..., AbstractContextManager[TestClient]]
Hold = Callable[[], Held]


@pytest.fixture(scope="module")
def client(serving: Serving) -> Iterator[TestClient]:
    with serving(MAX_UPLOAD_MB=1) as running:
        yield running


def submit(
    client: TestClient, image: bytes = PNG, headers: dict[str, str] | None = None, **fields: Any
) -> Response:
    data = {"instruction": "make it night", **fields}
    return client.post("/jobs", files={"image": ("a.png", image)}, data=data, headers=headers)


def submitted(client: TestClient, **fields: Any) -> str:
    answer = submit(client, **fields)
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["id"]
    return job_id


def job_of(client: TestClient, job_id: str) -> dict[str, Any]:
    answer = client.get(f"/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


def wait_for(client: TestClient, job_id: str, status: str = "done") -> dict[str, Any]:
    wait_until(lambda: job_of(client, job_id)["status"] == status)
    return job_of(client, job_id)


def result_of(client: TestClient, job_id: str, accept: str = "image/png", **query: Any) -> Response:
    return client.get(f"/jobs/{job_id}/result", params=query, headers={"accept": accept})


def test_a_job_is_an_edit_that_is_fetched_later(client: TestClient) -> None:
    answer = submit(client, seed=7)
    assert answer.status_code == 202
    told = answer.json()
    assert (told["status"], told["seeds"], told["position"]) == ("queued", [7], 1)
    assert answer.headers["location"] == told["url"] == f"/jobs/{told['id']}"
    done = wait_for(client, told["id"])
    assert done["progress"] == {"step": 4, "steps": 4}
    assert done["created"] <= done["started"] <= done["finished"] < done["expires"]
    assert done["error"] is None
    edited = post(client, seed=7)
    for accept in ("image/png", "image/jpeg", "image/webp"):
        fetched = result_of(client, told["id"], accept)
        edit = client.post(
            "/edit",
            files={"image": PNG},
            data={"instruction": "make it night", "seed": 7},
            headers={"accept": accept},
        )
        assert fetched.headers["content-type"] == accept
        assert fetched.content == edit.content
    assert fetched.headers["x-retouch-seed"] == edited.headers["x-retouch-seed"]
    (entry,) = result_of(client, told["id"], "application/json").json()["images"]
    assert base64.b64decode(entry["image"]) == edited.content


def test_a_result_is_coded_in_the_threads_of_all_pictures(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in those that wait for the database; and for nobody who has left."""
    codecs, taken = bentoml.get_current_service().edits.codecs, list[int]()

    def counting(*packed: Any) -> Any:
        taken.append(codecs.borrowed_tokens)
        return unpack(*packed)

    monkeypatch.setattr(routes, "unpack", counting)
    job_id = submitted(client)
    wait_for(client, job_id)
    assert result_of(client, job_id).status_code == 200
    assert taken == [1]
    assert client.portal is not None
    others = [object() for _ in range(int(codecs.total_tokens))]
    for other in others:
        client.portal.call(codecs.acquire_on_behalf_of_nowait, other)

    async def leaves() -> dict[str, Any]:
        while codecs.statistics().tasks_waiting == 0:
            await asyncio.sleep(0.005)
        return {"type": "http.disconnect"}

    gone = raw_post(client, [], leaves, path=f"/jobs/{job_id}/result", method="GET")
    assert gone.result(60) == [499]
    for other in others:
        client.portal.call(codecs.release_on_behalf_of, other)
    assert taken == [1]


def test_a_translation_is_kept_with_its_result(client: TestClient) -> None:
    job_id = submitted(client, seed=7, instruction="把猫换成狗")
    wait_for(client, job_id)
    edited = post(client, seed=7, instruction="把猫换成狗")
    assert result_of(client, job_id).content == edited.content
    (entry,) = result_of(client, job_id, "application/json").json()["images"]
    assert entry["translation"]["instruction"] == "replace the cat with a dog"


def test_the_drawn_seed_is_fixed_at_submission(client: TestClient) -> None:
    told = submit(client).json()
    wait_for(client, told["id"])
    (seed,) = told["seeds"]
    assert result_of(client, told["id"]).content == post(client, seed=seed).content


def test_variations_are_told_apart_by_place(client: TestClient) -> None:
    job_id = submitted(client, n=3, seed=2**32 - 1)
    assert wait_for(client, job_id)["seeds"] == [2**32 - 1, 0, 1]
    entries = result_of(client, job_id, "application/json").json()["images"]
    assert [entry["seed"] for entry in entries] == [2**32 - 1, 0, 1]
    for place, entry in enumerate(entries):
        one = result_of(client, job_id, image=place).content
        assert one == base64.b64decode(entry["image"])
        assert one == post(client, seed=entry["seed"]).content
    assert "?image=" in error_of(result_of(client, job_id), 406)["message"]
    assert "[0, 2]" in error_of(result_of(client, job_id, image=3), 422)["message"]
    error_of(result_of(client, job_id, image=-1), 422)


def test_json_and_a_form_are_the_same_body(client: TestClient) -> None:
    headers = {"Idempotency-Key": "either way"}
    first = submit(client, headers=headers, text_guidance="7", seed=3)
    body = {"image": base64.b64encode(PNG).decode(), "instruction": "make it night", "seed": 3}
    again = client.post("/jobs", json=body | {"text_guidance": 7.0}, headers=headers)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["id"] == first.json()["id"]


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"instruction": "sepia"}, {"n": 2}, {"image": encoded(picture(24, 24))}],
    ids=lambda change: next(iter(change)),
)
def test_a_key_belongs_to_one_body(client: TestClient, change: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": f"one body {sorted(change)}"}
    first = submit(client, headers=headers)
    same = submit(client, headers=headers)
    assert same.json()["id"] == first.json()["id"]  # though its seed was drawn
    assert same.json()["seeds"] == first.json()["seeds"]
    error = error_of(submit(client, headers=headers, **change), 409)
    assert error["code"] == "idempotency_conflict"
    assert first.json()["id"] in error["message"]


def test_a_key_gives_its_job_in_whatever_state(client: TestClient) -> None:
    headers = {"Idempotency-Key": "later"}
    job_id = submit(client, headers=headers).json()["id"]
    wait_for(client, job_id)
    again = submit(client, headers=headers)
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (200, job_id, "done")


def test_one_job_for_a_key_however_many_ask_at_once(client: TestClient) -> None:
    headers = {"Idempotency-Key": "at once"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: submit(client, headers=headers), range(8)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "naïve"])
def test_a_key_is_bounded_and_printable(client: TestClient, key: str) -> None:
    sent = client.post(
        "/jobs",
        files={"image": PNG},
        data={"instruction": "make it night"},
        headers=[(b"Idempotency-Key", key.encode("latin-1"))],
    )
    assert "Idempotency-Key" in error_of(sent, 422)["message"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"steps": 0}, 422, "invalid_request"),
        ({"n": 9}, 422, "invalid_request"),
        ({"wat": 1}, 422, "invalid_request"),
        ({"image": b"no picture"}, 415, "unsupported_image"),
        ({"image": encoded(picture(10, 100))}, 422, "invalid_request"),  # its aspect
        ({"image": bytes(2**21)}, 413, "too_large"),
    ],
)
def test_what_edit_refuses_is_refused_at_once(
    client: TestClient, fields: dict[str, Any], status: int, code: str
) -> None:
    assert error_of(submit(client, **fields), status)["code"] == code


@pytest.mark.parametrize(("path", "method"), [("/jobs", "POST"), ("/jobs/a", "DELETE")])
def test_another_method_is_told_all_that_are_known(
    client: TestClient, path: str, method: str
) -> None:
    refused = client.put(path)
    error_of(refused, 405)
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD", method}


@pytest.mark.parametrize("tail", ["", "/result"])
def test_no_such_job(client: TestClient, tail: str) -> None:
    assert error_of(client.get(f"/jobs/nothing{tail}"), 404)["code"] == "job_not_found"
    assert error_of(client.delete("/jobs/nothing"), 404)["code"] == "job_not_found"


@pytest.mark.parametrize(
    "query",
    ["status=lost", "limit=0", "limit=101", "limit=x", "before=nothing", "a=1", "limit=1&limit=2"],
)
def test_a_list_that_cannot_be_given(client: TestClient, query: str) -> None:
    error_of(client.get(f"/jobs?{query}"), 422)


def test_deleting_a_finished_job_frees_its_room_alone(client: TestClient) -> None:
    job_id = submitted(client)
    wait_for(client, job_id)
    assert client.delete(f"/jobs/{job_id}").json()["status"] == "done"
    assert error_of(result_of(client, job_id), 410)["code"] == "result_gone"


def test_a_failure_is_recorded_with_its_code(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("service.jobs.run.read_image", broken)
    job_id = submitted(client)
    error = wait_for(client, job_id, "failed")["error"]
    assert (error["code"], error["request_id"]) == ("internal", job_id)
    assert "secret" not in error["message"]
    assert "failed" in error_of(result_of(client, job_id), 409)["message"]


def test_a_shortage_of_memory_is_tried_again(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = [OutOfMemory("no memory is left", 1.0)]

    def reading(data: bytes) -> Image.Image:
        if short:
            raise short.pop()
        return read_image(data)

    monkeypatch.setattr("service.jobs.run.read_image", reading)
    job_id = submitted(client, seed=7)
    assert wait_for(client, job_id)["attempts"] == 2
    assert result_of(client, job_id).content == post(client, seed=7).content


def test_an_edit_beyond_the_engines_pixels_is_refused_at_once(serving: Serving) -> None:
    with serving(MAX_PIXELS=4096) as small:
        refused = submit(small, encoded(picture(128, 128)), max_size=128)
        assert "max_size" in error_of(refused, 422)["message"]


def test_the_newest_come_first_page_by_page(serving: Serving) -> None:
    with serving() as client:
        ids = [submitted(client, seed=seed) for seed in range(5)]
        for job_id in ids:
            wait_for(client, job_id)
        seen: list[str] = []
        before: dict[str, str] = {}
        for _ in range(3):
            page = client.get("/jobs", params={"limit": 2, "status": "done", **before}).json()
            seen += [job["id"] for job in page["jobs"]]
            before = {"before": page["next"]}
        assert seen == ids[::-1]
        assert page["next"] is None
        assert client.get("/jobs", params={"status": "failed"}).json()["jobs"] == []
        assert len(client.get("/jobs").json()["jobs"]) == 5


def test_a_job_gives_way_to_edits_and_waits_its_turn(serving: Serving, hold: Hold) -> None:
    with serving(MAX_RUNNING=1) as client, ThreadPoolExecutor(1) as pool:
        with hold():
            edit = pool.submit(post, client)
            wait_until(lambda: worker().stats().waiting == 1)
            first, second = submitted(client), submitted(client)
            wait_until(lambda: job_of(client, second)["position"] == 2)
            assert job_of(client, first)["position"] == 1
            error = error_of(result_of(client, first), 409)
            assert error["code"] == "job_not_done"
            assert worker().stats().waiting == 1
        assert edit.result().status_code == 200
        for job_id in (first, second):
            assert wait_for(client, job_id)["position"] is None


def test_a_queued_job_is_cancelled(serving: Serving, hold: Hold) -> None:
    with serving(MAX_RUNNING=1) as client, ThreadPoolExecutor(1) as pool:
        with hold():
            edit = pool.submit(post, client)
            wait_until(lambda: worker().stats().waiting == 1)
            job_id = submitted(client)
            for _ in range(2):
                assert client.delete(f"/jobs/{job_id}").json()["status"] == "cancelled"
            assert error_of(result_of(client, job_id), 409)["code"] == "job_not_done"
        assert edit.result().status_code == 200
        assert job_of(client, job_id)["status"] == "cancelled"


def test_a_running_job_is_withdrawn_from_the_engine(serving: Serving, hold: Hold) -> None:
    with serving() as client:
        with hold():
            job_id = submitted(client, steps=150)
            wait_for(client, job_id, "running")
            wait_until(lambda: worker().stats().waiting == 1)
            client.delete(f"/jobs/{job_id}")
        wait_until(lambda: worker().stats().cancelled == 1)
        assert job_of(client, job_id)["status"] == "cancelled"


def test_no_more_are_queued_than_the_operator_grants(serving: Serving, hold: Hold) -> None:
    with serving(MAX_RUNNING=1, JOBS_MAX_QUEUED=2) as client, ThreadPoolExecutor(1) as pool:
        with hold():
            edit = pool.submit(post, client)
            wait_until(lambda: worker().stats().waiting == 1)
            assert 'retouch_jobs{status="queued"} 0.0' in client.get("/metrics").text
            kept = [submitted(client) for _ in range(2)]
            refused = submit(client)
            assert error_of(refused, 429)["code"] == "overloaded"
            assert int(refused.headers["retry-after"]) >= 1
            shown = 'retouch_jobs{status="queued"} 2.0'
            wait_until(lambda: shown in client.get("/metrics").text)
        assert edit.result().status_code == 200
        for job_id in kept:
            wait_for(client, job_id)


def test_pictures_take_no_more_room_than_the_operator_grants(serving: Serving) -> None:
    with serving(JOBS_MAX_MB=0.05) as client:
        first = submitted(client)
        wait_for(client, first)
        error = error_of(submit(client, n=2), 507)
        assert error["code"] == "storage_full"
        assert client.delete(f"/jobs/{first}").status_code == 200
        assert submit(client).status_code == 202


@pytest.mark.skipif(not POSTGRES, reason="RETOUCH_TEST_POSTGRES names no server")
def test_jobs_in_postgresql(serving: Serving) -> None:
    with serving(JOBS_DATABASE=POSTGRES) as client:
        job_id = submitted(client, n=2, seed=3)
        wait_for(client, job_id)
        assert result_of(client, job_id, image=1).content == post(client, seed=4).content
        assert client.delete(f"/jobs/{job_id}").status_code == 200
        error_of(result_of(client, job_id), 410)


def test_jobs_outlive_the_server(serving: Serving, hold: Hold, tmp_path: Path) -> None:
    """Queued ones stay, running ones that a drain cuts off are begun again."""
    with serving(JOBS_DIR=tmp_path, MAX_RUNNING=2, JOBS_MAX_RUNNING=1) as client:
        with contextlib.suppress(Cancelled), hold():
            running, queued = submitted(client, seed=1), submitted(client, seed=2)
            wait_for(client, running, "running")
            assert job_of(client, queued)["status"] == "queued"
            worker().drain()
            assert error_of(submit(client), 503)["code"] == "shutting_down"
            closing = ThreadPoolExecutor(1).submit(worker().close, 0.0)
        closing.result()
    with serving(JOBS_DIR=tmp_path) as client:
        for seed, job_id in ((1, running), (2, queued)):
            assert wait_for(client, job_id)["attempts"] == 1
            assert result_of(client, job_id).content == post(client, seed=seed).content
