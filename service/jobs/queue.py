"""What replicas do with jobs: claim, keep, finish, give back, clean up.

A claimed job belongs to its owner for as long as the lease lasts, which the owner renews. Whoever
lost a job cannot change it any more, so that a job has one result even if it was run twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from service.jobs.database import Database
from service.jobs.errors import BUNDLE_GONE, CRASHED
from service.jobs.job import Job, job_of
from service.jobs.store import drop_pictures
from service.jobs.tables import JOBS, RESULTS, UNFINISHED, UPLOADS, Status

ATTEMPTS: Final = 5
"""How often a job may be begun: one that takes the process down must not do so for ever."""

_FORGET: Final = 2  # times as long as its results the record of a job is kept


@dataclass(frozen=True, slots=True)
class Terms:
    """`lease` and `keep`, in seconds: of a claim that is not renewed, and of results."""

    lease: float
    keep: float


class Queue:
    """Jobs as one replica sees them, which is `owner` and serves what `bundle` says at the time.

    For any thread; every method blocks, and raises `HttpError` 503 when the database cannot be
    reached.
    """

    def __init__(
        self, database: Database, owner: str, bundle: Callable[[], str], terms: Terms
    ) -> None:
        self._database, self._owner, self._bundle = database, owner, bundle
        self._terms = terms

    def claim(self, alone: bool) -> Job | None:
        """Take the oldest job that nobody runs; None if there is none.

        One that was begun before may have taken its process down: it is taken only when it will
        run `alone`, and nothing is taken past it.
        """
        with self._database.writing() as connection:
            now = self._database.now(connection)
            free = and_(_free(now), JOBS.c.bundle == self._bundle(), JOBS.c.attempts < ATTEMPTS)
            # A scalar subquery is evaluated once, so that one line is locked. SQLite has no such
            # locks and needs none: `writing` lets one in at a time.
            oldest = select(JOBS.c.number).where(free).order_by(JOBS.c.number).limit(1)
            number = oldest.with_for_update(skip_locked=True).scalar_subquery()
            claimed = (
                update(JOBS)
                .where(JOBS.c.number == number, or_(literal(alone), JOBS.c.attempts == 0))
                .values(self._claim(now))
                .returning(JOBS)
            )
            row = connection.execute(claimed).mappings().one_or_none()
        return job_of(row) if row else None

    def upload(self, job: Job) -> bytes | None:
        """The picture of a job; None when the job was ended meanwhile."""
        with self._database.reading() as connection:
            wanted = select(UPLOADS.c.data).where(UPLOADS.c.job == job.number)
            return connection.execute(wanted).scalar_one_or_none()

    def renew(self, steps: Mapping[int, int]) -> set[int]:
        """Prolong the leases of jobs, by number with their step; returns those that were lost.

        Lost are jobs that were cancelled, or that another replica took over.
        """
        with self._database.writing() as connection:
            lease = self._database.now(connection) + self._terms.lease
            return {
                number
                for number, step in steps.items()
                if not self._set(connection, number, {"lease": lease, "step": step})
            }

    def finish(self, job: Job, results: Sequence[Mapping[str, Any]]) -> bool:
        """Store the packed results; false when the job was lost, and nothing is stored then."""
        with self._database.writing() as connection:
            done = self._ended(connection, Status.DONE) | {"step": job.steps}
            if not self._set(connection, job.number, done):
                return False
            drop_pictures(connection, [job.number])
            lines = [
                {"job": job.number, "place": place, **result}
                for place, result in enumerate(results)
            ]
            connection.execute(insert(RESULTS), lines)
            size = sum(len(result["data"]) for result in results)
            connection.execute(update(JOBS).where(JOBS.c.number == job.number).values(bytes=size))
            return True

    def fail(self, job: Job, error: Mapping[str, Any]) -> bool:
        """Record why a job failed; false when it was lost."""
        with self._database.writing() as connection:
            failed = self._ended(connection, Status.FAILED) | {"error": error}
            if not self._set(connection, job.number, failed):
                return False
            drop_pictures(connection, [job.number])
            return True

    def give_back(self, job: Job, counted: bool) -> bool:
        """Queue a job again; `counted` says whether that was one of its attempts."""
        attempts = JOBS.c.attempts if counted else JOBS.c.attempts - 1
        with self._database.writing() as connection:
            return self._set(connection, job.number, _QUEUED_AGAIN | {"attempts": attempts})

    def give_back_all(self) -> int:
        """Queue every running job again, whoever owns it: to be called when no owner lives."""
        with self._database.writing() as connection:
            running = JOBS.c.status == Status.RUNNING
            return connection.execute(update(JOBS).where(running).values(_QUEUED_AGAIN)).rowcount

    def clean(self) -> dict[str, str]:
        """Drop results and records that have been kept for long enough, and end dead jobs.

        Returns the ids of jobs that it ended, with the codes of their errors.
        """
        with self._database.writing() as connection:
            now = self._database.now(connection)
            old = now - self._terms.keep
            crashed = and_(_free(now), JOBS.c.attempts >= ATTEMPTS)
            ended = _end(connection, crashed, now, CRASHED, _CRASHED_MESSAGE)
            stale = and_(_free(now), JOBS.c.bundle != self._bundle(), JOBS.c.created < old)
            ended |= _end(connection, stale, now, BUNDLE_GONE, _STALE_MESSAGE)
            finished = JOBS.c.status.not_in(UNFINISHED)
            forgotten = and_(finished, JOBS.c.finished < now - _FORGET * self._terms.keep)
            expired = and_(finished, JOBS.c.finished < old, JOBS.c.bytes > 0)
            drop_pictures(connection, _numbers(connection, or_(expired, forgotten)))
            connection.execute(delete(JOBS).where(forgotten, JOBS.c.bytes == 0))
        return ended

    def count(self) -> dict[str, int]:
        """How many jobs are queued, and how many run."""
        unfinished = JOBS.c.status.in_(UNFINISHED)
        grouped = select(JOBS.c.status, func.count()).where(unfinished).group_by(JOBS.c.status)
        with self._database.reading() as connection:
            found = {status: number for status, number in connection.execute(grouped)}
        return {str(status): found.get(status, 0) for status in UNFINISHED}

    def _claim(self, now: float) -> dict[str, Any]:
        return {
            "status": Status.RUNNING,
            "owner": self._owner,
            "lease": now + self._terms.lease,
            "attempts": JOBS.c.attempts + 1,
            "started": now,
            "step": 0,
        }

    def _ended(self, connection: Connection, status: Status) -> dict[str, Any]:
        return {"status": status, "finished": self._database.now(connection), "owner": None}

    def _set(self, connection: Connection, number: int, values: Mapping[str, Any]) -> bool:
        """Change a job that is still this replica's; false when it is not."""
        mine = and_(
            JOBS.c.number == number,
            JOBS.c.status == Status.RUNNING,
            JOBS.c.owner == self._owner,
        )
        return connection.execute(update(JOBS).where(mine).values(values)).rowcount > 0


_QUEUED_AGAIN: Final = {"status": Status.QUEUED, "owner": None, "lease": None, "started": None}
_CRASHED_MESSAGE: Final = (
    f"the process ended {ATTEMPTS} times while the job ran; try a smaller max_size, or tell the "
    "operator, whose log may say why"
)
_STALE_MESSAGE: Final = "the model that it was submitted to is not served any more; submit it anew"


def _free(now: float) -> ColumnElement[bool]:
    """Jobs that nobody runs."""
    lost = and_(JOBS.c.status == Status.RUNNING, JOBS.c.lease < now)
    return or_(JOBS.c.status == Status.QUEUED, lost)


def _numbers(connection: Connection, which: ColumnElement[bool]) -> list[int]:
    lines = select(JOBS.c.number).where(which).with_for_update(skip_locked=True)
    return list(connection.execute(lines).scalars())


def _end(
    connection: Connection, which: ColumnElement[bool], now: float, code: str, message: str
) -> dict[str, str]:
    """Fail jobs that nobody will run; returns their ids with the code."""
    lines = select(JOBS.c.number, JOBS.c.id).where(which).with_for_update(skip_locked=True)
    found = connection.execute(lines).all()
    for number, job_id in found:
        error = {"code": code, "message": message, "request_id": job_id}
        ended = {"status": Status.FAILED, "finished": now, "owner": None, "error": error}
        connection.execute(update(JOBS).where(JOBS.c.number == number).values(ended))
        drop_pictures(connection, [number])
    return {job_id: code for _, job_id in found}
