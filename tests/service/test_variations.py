"""`n` variations in one call: consecutive seeds, one encoding, all or none."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.service.calls import error_of, post
from tests.service.conftest import Held, wait_until, worker
from tests.service.pictures import PNG, encoded, picture

Serving = Callable[..., AbstractContextManager[TestClient]]
Hold = Callable[[], Held]


def post_json(client: TestClient, accept: str = "*/*", **fields: Any) -> Response:
    image = base64.b64encode(PNG).decode()
    body = {"image": image, "instruction": "make it night", **fields}
    return client.post("/edit", json=body, headers={"accept": accept})


def test_variations_are_the_edits_of_consecutive_seeds(client: TestClient) -> None:
    answer = post(client, n=3, seed=2**32 - 2)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-retouch-seed"] == str(2**32 - 2)
    entries = answer.json()["images"]
    assert [entry["seed"] for entry in entries] == [2**32 - 2, 2**32 - 1, 0]
    for entry in entries:
        assert base64.b64decode(entry["image"]) == post(client, seed=entry["seed"]).content
    assert len({entry["image"] for entry in entries}) == 3


def test_a_drawn_seed_begins_the_row(client: TestClient) -> None:
    first, second = (entry["seed"] for entry in post(client, n=2).json()["images"])
    assert second == (first + 1) % 2**32


def test_one_variation_is_the_plain_edit(client: TestClient) -> None:
    assert post(client, n=1, seed=4).content == post(client, seed=4).content
    assert len(post_json(client, "application/json", n=1).json()["images"]) == 1


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/*", "image/png, application/json;q=0.1"]
)
def test_several_are_answered_as_json(client: TestClient, accept: str) -> None:
    assert len(post_json(client, accept, n=2).json()["images"]) == 2


@pytest.mark.parametrize("accept", ["image/png", "image/*", "application/json;q=0, */*"])
def test_several_fit_in_no_picture(client: TestClient, accept: str) -> None:
    error = error_of(post_json(client, accept, n=2), 406)
    assert error["code"] == "not_acceptable"
    assert "application/json" in error["message"]
    assert "n 1" in error["message"]


@pytest.mark.parametrize("n", [0, -1, 9, 2**40, 2.0, "2", True, [2], {}])
def test_a_number_out_of_bounds_is_named(client: TestClient, n: Any) -> None:
    error = error_of(post_json(client, "image/png", n=n), 422)
    assert error["field"] == "n"
    assert "[1, 8]" in error["message"]


def test_a_form_takes_digits(client: TestClient) -> None:
    assert len(post(client, n="2").json()["images"]) == 2
    assert error_of(post(client, n="two"), 422)["field"] == "n"


def test_the_bound_is_an_operators(serving: Serving) -> None:
    with serving(MAX_VARIATIONS=2) as client:
        assert post(client, n=2).status_code == 200
        assert "[1, 2]" in error_of(post(client, n=3), 422)["message"]
    with serving(MAX_RUNNING=1, MAX_QUEUE=2) as client:  # no more than the engine can hold
        assert post(client, n=3).status_code == 200
        assert "[1, 3]" in error_of(post(client, n=4), 422)["message"]


def test_they_join_the_queue_all_or_none(serving: Serving, hold: Hold) -> None:
    with serving(MAX_RUNNING=1, MAX_QUEUE=3) as client, ThreadPoolExecutor(1) as pool:
        with hold():
            waiting = pool.submit(post, client, n=2)
            wait_until(lambda: worker().stats().waiting == 2)
            assert error_of(post(client, n=2), 429)["code"] == "overloaded"
            assert worker().stats().waiting == 2
        assert len(waiting.result().json()["images"]) == 2


def test_a_deadline_withdraws_all_of_them(serving: Serving, hold: Hold) -> None:
    with serving(TIMEOUT_SECONDS=0.3) as client:
        with hold():
            error_of(post(client, n=3), 504)
        wait_until(lambda: worker().stats().cancelled == 3)


def test_their_picture_and_texts_are_encoded_once_as_the_metrics_show(serving: Serving) -> None:
    def value(name: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return float(next(x.split()[1] for x in lines if x.startswith(f"retouch_engine_{name} ")))

    with serving() as client:
        assert value("cache_hits_total") == value("cache_misses_total") == value("cache_bytes") == 0
        post(client, n=4)
        assert (value("cache_misses_total"), value("cache_hits_total")) == (3, 9)
        held = value("cache_bytes")
        post(client, encoded(picture(32, 32)))
        assert (value("cache_misses_total"), value("cache_hits_total")) == (4, 11)
        assert value("cache_bytes") > held > 0
