"""The store and the queue of jobs, in SQLite and, where RETOUCH_TEST_POSTGRES names one, in
PostgreSQL, whose tables of jobs are dropped."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import NullPool, create_engine

from runtime.errors import InvalidRequest, Overloaded
from runtime.params import EditParams
from runtime.worker import EngineWorker
from service.errors import HttpError
from service.jobs.database import Database, open_database
from service.jobs.job import Job, Order
from service.jobs.presence import Presence
from service.jobs.queue import ATTEMPTS, Queue, Terms
from service.jobs.runner import Runner
from service.jobs.store import Bounds, Store
from service.jobs.tables import METADATA, Status
from tests.service.conftest import wait_until

POSTGRES = os.environ.get("RETOUCH_TEST_POSTGRES", "")
LEASE, KEEP = 30.0, 3600.0
ROOM = 100


class Clock:
    """A time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = 1e9

    def __call__(self, connection: object) -> float:
        return self.time


@dataclass(frozen=True)
class World:
    """A database with a clock, and replicas that share it."""

    url: str
    folder: Path
    clock: Clock
    database: Database

    def store(self, queued: int = 10_000, size: int = 10**9) -> Store:
        return Store(self.database, Bounds(queued, size))

    def replica(self, owner: str = "a", bundle: str = "b") -> Queue:
        return Queue(self.database, owner, lambda: bundle, Terms(LEASE, KEEP))

    def submit(self, seed: int = 0, **more: Any) -> Job:
        return self.store().submit(order(seed, **more))[0]

    def get(self, job: Job) -> Job:
        return self.store().get(job.id)


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgresql",
            marks=pytest.mark.skipif(not POSTGRES, reason="RETOUCH_TEST_POSTGRES names no server"),
        ),
    ]
)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    url = POSTGRES if request.param == "postgresql" else ""
    if url:
        METADATA.drop_all(create_engine(url, poolclass=NullPool))
    clock = Clock()
    database = open_database(url, tmp_path, clock)
    yield World(url, tmp_path, clock, database)
    database.close()


def order(seed: int = 0, bundle: str = "b", fingerprint: str = "f") -> Order:
    return Order(b"upload", [EditParams("make it night", seed=seed)], bundle, ROOM, fingerprint)


RESULT = {"data": b"picture", "facts": {"ticks": 1}}


def test_what_is_submitted_comes_back(world: World) -> None:
    job = world.submit(5)
    assert world.get(job) == job
    claimed = world.replica().claim(alone=True)
    assert claimed is not None
    assert (claimed.id, claimed.edits, claimed.attempts) == (job.id, job.edits, 1)
    assert world.replica().upload(claimed) == b"upload"


@pytest.mark.parametrize("text", ["a\0b", "夜にする 🌙", '"quoted" %s :name'])
def test_any_instruction_comes_back(world: World, text: str) -> None:
    odd = dataclasses.replace(order(), edits=[EditParams(text)])
    job, _ = world.store().submit(odd)
    assert [params.instruction for params in world.get(job).edits] == [text]


@pytest.mark.parametrize(
    "job_id", ["", "\0", "\ud800", "' or 1=1 --", "F" * 32, "0" * 32, "x" * 999]
)
def test_any_id_is_known_or_not(world: World, job_id: str) -> None:
    world.submit()
    with pytest.raises(HttpError, match="no job"):
        world.store().get(job_id)
    with pytest.raises(InvalidRequest, match="no job"):
        world.store().newest(None, 5, job_id)


def claim_all(queue: Queue) -> list[int]:
    found = []
    while job := queue.claim(alone=False):
        found.append(job.number)
    return found


def test_threads_never_claim_the_same_job(world: World) -> None:
    jobs = [world.submit(seed).number for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda i: claim_all(world.replica(str(i))), range(8)))
    assert Counter(number for one in claimed for number in one) == Counter(jobs)


def _claim_in_process(url: str, folder: Path, owner: str, start: Any, found: Any) -> None:
    database = open_database(url, folder)
    start.wait()
    found.put(claim_all(Queue(database, owner, lambda: "b", Terms(LEASE, KEEP))))


def test_processes_never_claim_the_same_job(world: World) -> None:
    jobs = [world.submit(seed).number for seed in range(40)]
    context = multiprocessing.get_context("spawn")
    start, found = context.Barrier(2), context.Queue()
    claimers = [
        context.Process(
            target=_claim_in_process, args=(world.url, world.folder, str(i), start, found)
        )
        for i in range(2)
    ]
    for claimer in claimers:
        claimer.start()
    claimed = [found.get(timeout=60) for _ in claimers]
    for claimer in claimers:
        claimer.join()
    assert Counter(number for one in claimed for number in one) == Counter(jobs)


def test_the_oldest_goes_first_and_is_counted_in_the_positions(world: World) -> None:
    jobs = [world.submit(seed) for seed in range(3)]
    assert [world.get(job).position for job in jobs] == [1, 2, 3]
    assert claim_all(world.replica()) == [job.number for job in jobs]
    assert [world.get(job).position for job in jobs] == [None] * 3


def test_one_key_is_one_job_however_many_submit_at_once(world: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: world.store().submit(order(i), "key"), range(16)))
    assert len({job.id for job, _ in found}) == 1
    assert sum(new for _, new in found) == 1
    with pytest.raises(HttpError, match="something else"):
        world.store().submit(order(fingerprint="g"), "key")


def test_a_renewed_lease_holds_and_a_silent_owner_loses_its_job(world: World) -> None:
    dead, other = world.replica("dead"), world.replica("other")
    job = world.submit()
    mine = dead.claim(alone=True)
    assert mine is not None
    world.clock.time += LEASE - 1
    assert dead.renew({mine.number: 3}) == set()
    assert world.get(job).step == 3
    world.clock.time += LEASE - 1
    assert other.claim(alone=True) is None
    world.clock.time += 2
    taken = other.claim(alone=True)
    assert taken is not None
    assert (taken.number, taken.attempts) == (mine.number, 2)
    assert dead.renew({mine.number: 9}) == {mine.number}
    assert not dead.finish(mine, [{**RESULT, "data": b"another"}])
    assert not dead.fail(mine, {})
    assert not dead.give_back(mine, counted=True)
    assert other.finish(taken, [RESULT])
    assert world.get(job).status is Status.DONE


@pytest.mark.parametrize("ended", ["finish", "fail", "cancel"])
def test_an_end_is_final(world: World, ended: str) -> None:
    queue, job = world.replica(), world.submit()
    mine = queue.claim(alone=True)
    assert mine is not None
    ends: dict[str, Callable[[], object]] = {
        "finish": lambda: queue.finish(mine, [RESULT]),
        "fail": lambda: queue.fail(mine, {"message": "it broke"}),
        "cancel": lambda: world.store().cancel(job.id),
    }
    ends[ended]()
    last = world.get(job)
    for other in ends.values():
        other()
    assert world.get(job) == last
    assert queue.upload(mine) is None
    world.clock.time += 2 * LEASE
    assert queue.claim(alone=True) is None


def test_a_job_that_was_begun_before_runs_alone_and_is_not_passed(world: World) -> None:
    queue, first, second = world.replica(), world.submit(), world.submit()
    assert queue.claim(alone=True)
    assert queue.give_back_all() == 1
    assert queue.claim(alone=False) is None
    again = queue.claim(alone=True)
    assert again is not None
    assert (again.id, again.attempts) == (first.id, 2)
    assert claim_all(queue) == [second.number]


def test_a_job_that_takes_the_process_down_is_given_up(world: World) -> None:
    queue, job = world.replica(), world.submit()
    for _ in range(ATTEMPTS):
        queue.clean()
        assert queue.claim(alone=True)
        assert queue.give_back_all() == 1
    assert queue.claim(alone=True) is None
    assert queue.clean() == {job.id: "crashed"}
    assert queue.clean() == {}
    failed = world.get(job)
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error["code"] == "crashed"


def test_what_a_leaving_replica_gives_back_is_no_attempt(world: World) -> None:
    queue, job = world.replica(), world.submit()
    for _ in range(2 * ATTEMPTS):
        mine = queue.claim(alone=False)
        assert mine is not None
        assert queue.give_back(mine, counted=False)
    assert world.get(job).attempts == 0


def test_another_bundles_jobs_are_left_alone_until_nobody_wants_them(world: World) -> None:
    job = world.submit(bundle="old")
    new = world.replica("a", "new")
    assert new.claim(alone=True) is None
    new.clean()
    assert world.get(job).status is Status.QUEUED
    world.clock.time += KEEP + 1
    assert new.clean() == {job.id: "bundle_gone"}
    error = world.get(job).error
    assert error is not None
    assert error["code"] == "bundle_gone"


class Idle:
    """A worker that has nothing to do."""

    draining, waiting = False, 0


def test_a_job_that_nobody_will_run_is_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    job = world.submit(bundle="old")
    world.clock.time += KEEP + 1
    runner = Runner(cast("EngineWorker", Idle()), world.replica("a", "new"), 1)
    wait_until(lambda: f"job {job.id} failed: bundle_gone" in caplog.text)
    runner.close()


def test_results_expire_then_records_are_forgotten(world: World) -> None:
    queue, job, waiting = world.replica(), world.submit(), world.submit()
    mine = queue.claim(alone=True)
    assert mine is not None
    queue.finish(mine, [RESULT])
    world.clock.time += KEEP + 1
    queue.clean()
    with pytest.raises(HttpError, match="not kept any more"):
        world.store().results(job.id)
    world.clock.time += KEEP
    queue.clean()
    with pytest.raises(HttpError, match="no job"):
        world.store().get(job.id)
    assert world.get(waiting).status is Status.QUEUED


def test_room_is_what_pictures_may_take_then_what_they_take(world: World) -> None:
    store, queue = world.store(size=2 * ROOM + 10), world.replica()
    for _ in range(2):
        store.submit(order())
    with pytest.raises(HttpError, match="delete finished jobs"):
        store.submit(order())
    mine = queue.claim(alone=True)
    assert mine is not None
    queue.finish(mine, [RESULT])
    store.submit(order())


def test_the_number_of_queued_jobs_is_bounded(world: World) -> None:
    store = world.store(queued=1)
    store.submit(order())
    with pytest.raises(Overloaded, match="1 jobs are queued"):
        store.submit(order())
    assert claim_all(world.replica())
    store.submit(order())


def test_the_newest_come_first(world: World) -> None:
    jobs = [world.submit(seed) for seed in range(5)]
    world.replica().claim(alone=True)
    store = world.store()
    queued = store.newest(Status.QUEUED, 10, None)
    assert [job.id for job in queued] == [job.id for job in jobs[:0:-1]]
    older = store.newest(None, 2, jobs[3].id)
    assert [job.id for job in older] == [jobs[2].id, jobs[1].id]


def test_only_the_first_server_of_a_folder_takes_the_jobs_of_the_dead(tmp_path: Path) -> None:
    calls: list[str] = []
    first = Presence(tmp_path, lambda: calls.append("first"))
    second = Presence(tmp_path, lambda: calls.append("second"))
    first.close()
    third = Presence(tmp_path, lambda: calls.append("third"))
    second.close()
    third.close()
    Presence(tmp_path, lambda: calls.append("fourth")).close()
    assert calls == ["first", "fourth"]


def test_a_database_that_cannot_be_opened_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql+psycopg://me:secret@127.0.0.1:1/none"
    with pytest.raises(ValueError, match="RETOUCH_JOBS_DATABASE") as refusal:
        open_database(url, tmp_path)
    assert "secret" not in str(refusal.value)
    with pytest.raises(ValueError, match="RETOUCH_JOBS_DATABASE"):
        open_database("no url", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="RETOUCH_JOBS_DIR"):
        open_database("", tmp_path / "file" / "below")
    (tmp_path / "jobs.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(ValueError, match="RETOUCH_JOBS_DIR"):
        open_database("", tmp_path)
