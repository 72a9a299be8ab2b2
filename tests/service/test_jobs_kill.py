"""A server that is killed keeps what it has accepted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2

from tests.service.conftest import wait_until
from tests.service.pictures import encoded, picture
from tests.service.server import RETOUCH, started

SEEDS = range(6)


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
        done = jobs(server.url, "done")
        assert [job["seeds"] for job in done] == [[seed] for seed in reversed(SEEDS)]
        assert {job["attempts"] for job in done} <= {1, 2}
        again = max(done, key=lambda job: job["attempts"])
        for job in (again, done[0]):
            result = httpx2.get(f"{server.url}{job['result_url']}")
            edited = send(server.url, "/edit", job["seeds"][0])
            assert result.content == edited.content
