"""Requests a minute and at one time: exact by an injected clock, and through the service."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from service.errors import HttpError
from service.guard.rates import Rates
from service.settings import Settings
from tests.service.calls import error_of
from tests.service.conftest import Held, wait_until, worker
from tests.service.pictures import PNG

Serving = Callable[..., AbstractContextManager[TestClient]]
Hold = Callable[[], Held]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def admits(rates: Rates, name: str = "alice", rate: int = 0, concurrency: int = 0) -> bool:
    with contextlib.suppress(HttpError), rates.admitted(name, rate, concurrency):
        return True
    return False


def test_a_minutes_requests_may_come_at_once_and_then_one_by_one() -> None:
    clock = Clock()
    rates = Rates(clock)
    assert [admits(rates, rate=6) for _ in range(7)] == [True] * 6 + [False]
    clock.now += 9.9
    assert not admits(rates, rate=6)
    clock.now += 0.2
    assert admits(rates, rate=6)
    assert not admits(rates, rate=6)
    clock.now += 3600
    assert [admits(rates, rate=6) for _ in range(7)] == [True] * 6 + [False]


@pytest.mark.parametrize("seed", range(5))
def test_no_window_has_more_than_its_minutes_and_one_burst(seed: int) -> None:
    draw, clock, rate = random.Random(seed), Clock(), 7
    rates, admitted = Rates(clock), list[float]()
    for _ in range(3000):
        clock.now += draw.expovariate(2)
        if admits(rates, rate=rate):
            admitted.append(clock.now)
    for first in range(0, len(admitted), 10):
        for last in range(first, len(admitted), 10):
            minutes = (admitted[last] - admitted[first]) / 60
            assert last - first + 1 <= rate * (1 + minutes) + 1e-6
    assert len(admitted) >= rate * (clock.now / 60 - 1)  # and what is left is not withheld


def test_waiting_as_long_as_told_is_enough() -> None:
    clock = Clock()
    rates = Rates(clock)
    for rate in (1, 3, 7, 60, 100_000):
        while admits(rates, str(rate), rate):
            pass
        with pytest.raises(HttpError) as refused, rates.admitted(str(rate), rate, 0):
            pass
        clock.now += int(refused.value.headers["Retry-After"])
        assert admits(rates, str(rate), rate)


def test_a_refused_request_costs_nothing() -> None:
    clock = Clock()
    rates = Rates(clock)
    with rates.admitted("alice", 2, 1):
        assert not any(admits(rates, rate=2, concurrency=1) for _ in range(5))
    assert admits(rates, rate=2, concurrency=1)
    assert not admits(rates, rate=2, concurrency=1)


def test_a_place_is_free_again_however_the_request_ends() -> None:
    rates = Rates(Clock())
    with contextlib.suppress(KeyError), rates.admitted("alice", 0, 1):
        assert not admits(rates, concurrency=1)
        raise KeyError
    assert admits(rates, concurrency=1)


def test_names_do_not_share_and_nothing_is_bounded_by_zero() -> None:
    rates = Rates(Clock())
    assert admits(rates, "alice", rate=1)
    assert not admits(rates, "alice", rate=1)
    assert admits(rates, "bob", rate=1)
    assert all(admits(rates, "carol") for _ in range(1000))


def test_what_is_left_is_told() -> None:
    rates = Rates(Clock())
    with rates.admitted("alice", 60, 0) as told:
        assert told == {
            "RateLimit-Limit": "60",
            "RateLimit-Remaining": "59",
            "RateLimit-Reset": "1",
        }
    with rates.admitted("bob", 0, 0) as told:
        assert told == {}


@pytest.mark.parametrize("name", ["RETOUCH_RATE_PER_MINUTE", "RETOUCH_CONCURRENCY"])
def test_bounds_without_keys_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is '5'.*RETOUCH_API_KEYS"):
        Settings.from_env({name: "5"})


# The service


def keys(**bounds: str) -> str:
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in bounds}
    return ";".join(f"{name} {digests[name]} {bound}" for name, bound in bounds.items())


def post(client: TestClient, token: str, path: str = "/edit") -> Response:
    data = {"instruction": "make it night", "steps": 1}
    headers = {"X-API-Key": token}
    return client.post(path, files={"image": ("a.png", PNG)}, data=data, headers=headers)


def test_one_too_many_is_told_when_to_return(serving: Serving) -> None:
    with serving(API_KEYS=keys(alice="2", bob=""), RATE_PER_MINUTE=1) as client:
        first, second, third = (post(client, "alice") for _ in range(3))
        assert first.status_code == second.status_code == 200
        assert first.headers["ratelimit-limit"] == "2"
        assert first.headers["ratelimit-remaining"] == "1"
        assert error_of(third, 429)["code"] == "rate_limited"
        assert 1 <= int(third.headers["retry-after"]) <= 30
        assert third.headers["ratelimit-remaining"] == "0"
        assert post(client, "bob").status_code == 200
        assert post(client, "bob").status_code == 429
        openai = post(client, "bob", "/v1/images/edits")
        assert openai.status_code == 429
        assert openai.json()["error"]["type"] == "rate_limit_error"
        assert int(openai.headers["retry-after"]) >= 1
        reading = [client.get("/v1/models", headers={"X-API-Key": "bob"}) for _ in range(3)]
        assert {answer.status_code for answer in reading} == {200}


def test_requests_at_one_time_are_bounded_for_each_key(serving: Serving, hold: Hold) -> None:
    with serving(API_KEYS=keys(alice="0 2", bob=""), CONCURRENCY=1) as client:
        with ThreadPoolExecutor(8) as pool:
            with hold():
                running = [pool.submit(post, client, name) for name in ("alice", "alice", "bob")]
                wait_until(lambda: worker().stats().waiting == 3)
                refused = list(pool.map(lambda name: post(client, name), ("alice", "bob") * 3))
            assert [answer.status_code for answer in refused] == [429] * 6
            assert all(answer.headers["retry-after"] == "1" for answer in refused)
            assert [answer.result().status_code for answer in running] == [200] * 3
        assert post(client, "alice").status_code == 200
        assert post(client, "bob").status_code == 200


def test_the_result_of_a_job_counts_and_looking_after_it_does_not(serving: Serving) -> None:
    with serving(API_KEYS=keys(alice="2")) as client:
        headers = {"X-API-Key": "alice"}
        job = post(client, "alice", "/jobs").json()["url"]
        wait_until(lambda: client.get(job, headers=headers).json()["status"] == "done")
        fetched = client.get(f"{job}/result", headers=headers)
        assert (fetched.status_code, fetched.headers["ratelimit-remaining"]) == (200, "0")
        assert error_of(client.get(f"{job}/result", headers=headers), 429)["code"] == "rate_limited"
        assert client.get(job, headers=headers).status_code == 200


def test_names_of_keys_are_no_labels(serving: Serving) -> None:
    with serving(API_KEYS=keys(alice="1")) as client:
        post(client, "alice")
        post(client, "alice")
        shown = client.get("/metrics").text
    assert 'code="rate_limited"' in shown
    assert "alice" not in shown
