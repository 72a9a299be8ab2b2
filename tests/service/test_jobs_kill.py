"""A server that is killed keeps what it has accepted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import NullPool, create_engine

from service.jobs.tables import METADATA
from tests.service.conftest import wait_until
from tests.service.pictures import encoded, picture
from tests.service.server import RETOUCH, started

SEEDS = range(6)
POSTGRES = os.environ.get("RETOUCH_TEST_POSTGRES", "")


def send(url: str, path: str, seed: int) -> httpx2.Response:
    fields = {"instruction": "make it night", "max_size": 1024, "steps": 150, "seed": seed}
    upload = encoded(picture(1024, 1024))
    return httpx2.post(f"{url}{path}", files={"image": upload}, data=fields, timeout=60)


def jobs(url: str, status: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx2.get(f"{url}/jobs?status={status}").json()["jobs"]
    return found


def test_accepted_jobs_survive_kill_9_and_give_the_same_pictures(
    bundle: Path, tmp_path: Path
) -> None:
    with started(bundle, tmp_path, RETOUCH, RETOUCH_JOBS_MAX_RUNNING="1") as server:
        for seed in SEEDS:
            assert send(server.url, "/jobs", seed).status_code == 202
        wait_until(lambda: bool(jobs(server.url, "running")))
        assert jobs(server.url, "queued")
        server.kill()
    with started(bundle, tmp_path, RETOUCH) as server:
        wait_until(lambda: len(jobs(server.url, "done")) == len(SEEDS))
        check_pictures(server.url)


@pytest.mark.skipif(not POSTGRES, reason="RETOUCH_TEST_POSTGRES names no server")
def test_a_replica_takes_over_from_one_that_was_killed(bundle: Path, tmp_path: Path) -> None:
    METADATA.drop_all(create_engine(POSTGRES, poolclass=NullPool))
    shared = {"RETOUCH_JOBS_DATABASE": POSTGRES, "RETOUCH_JOBS_MAX_RUNNING": "1"}
    homes = [tmp_path / name for name in ("first", "second")]
    for home in homes:
        home.mkdir()
    with (
        started(bundle, homes[0], RETOUCH, **shared) as first,
        started(bundle, homes[1], RETOUCH, **shared) as second,
    ):
        for seed in SEEDS:
            assert send(first.url, "/jobs", seed).status_code == 202
        wait_until(lambda: len(jobs(second.url, "running")) == 2)
        first.kill()
        wait_until(lambda: len(jobs(second.url, "done")) == len(SEEDS))
        check_pictures(second.url)


def check_pictures(url: str) -> None:
    """Of a job that was begun again, if there is one, and of the newest."""
    done = jobs(url, "done")
    assert [job["seeds"] for job in done] == [[seed] for seed in reversed(SEEDS)]
    assert {job["attempts"] for job in done} <= {1, 2}
    again = max(done, key=lambda job: job["attempts"])
    for job in (again, done[0]):
        result = httpx2.get(f"{url}{job['result_url']}")
        assert result.content == send(url, "/edit", job["seeds"][0]).content
