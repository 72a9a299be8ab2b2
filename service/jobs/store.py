"""What callers do with jobs: submit, look, list, fetch, cancel."""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, RowMapping, Select, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from runtime.errors import InvalidRequest, Overloaded
from service.errors import HttpError
from service.jobs.database import Database
from service.jobs.errors import GONE, NO_JOB, NOT_DONE, OTHER_BODY, STORAGE_FULL
from service.jobs.job import Job, Order, job_of
from service.jobs.tables import JOBS, RESULTS, UNFINISHED, UPLOADS, Status

_RETRY_S: Final = 10.0
_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bounds:
    """`queued` jobs, and `bytes` of all pictures together: uploads, and results as they may be."""

    queued: int
    bytes: int


class Store:
    """Jobs as callers see them. For any thread; every method blocks.

    Every method raises `HttpError`: 404 for an id that no job has, 503 when the database cannot be
    reached.
    """

    def __init__(self, database: Database, bounds: Bounds) -> None:
        self._database, self._bounds = database, bounds

    def submit(self, order: Order, key: str | None = None) -> tuple[Job, bool]:
        """Keep a job; when this returns it is on the disk. The second value says if it is new.

        With the `key` of an earlier job that one is returned, or `HttpError` 409 is raised when it
        was another order. Raises `Overloaded` when too many jobs are queued, `HttpError` 507 when
        the pictures would take too much room.
        """
        try:
            with self._database.writing() as connection:
                if key and (job := _known(connection, key, order)):
                    return job, False
                self._check_room(connection, order)
                return self._insert(connection, order, key), True
        except IntegrityError:
            with self._database.reading() as connection:  # submitted elsewhere at the same moment
                if key and (job := _known(connection, key, order)):
                    return job, False
            raise

    def get(self, job_id: str) -> Job:
        with self._database.reading() as connection:
            return _get(connection, job_id)

    def newest(self, status: Status | None, limit: int, before: str | None) -> Sequence[Job]:
        """At most `limit` jobs, the newest first, submitted before the job `before`.

        Raises `InvalidRequest` when no job has the id `before`.
        """
        jobs = _jobs().order_by(JOBS.c.number.desc()).limit(limit)
        if status:
            jobs = jobs.where(JOBS.c.status == status)
        with self._database.reading() as connection:
            if before is not None:
                jobs = jobs.where(JOBS.c.number < _cursor(connection, before))
            return [job_of(row) for row in connection.execute(jobs).mappings()]

    def results(self, job_id: str, place: int | None = None) -> tuple[Job, Sequence[RowMapping]]:
        """A job with every result in the order of its edits, or the one at `place`, from 0.

        They are packed: `unpack` decodes a picture, which is no work for who waits for a database.

        Raises `HttpError` 409 while there is none, 410 when it is not kept any more, and
        `InvalidRequest` for a place that the job does not have.
        """
        with self._database.reading() as connection:
            job = _get(connection, job_id)
            if job.status is not Status.DONE:
                raise HttpError(NOT_DONE, _why_not(job))
            wanted = select(RESULTS).where(RESULTS.c.job == job.number).order_by(RESULTS.c.place)
            if place is not None:
                if place >= len(job.edits):
                    raise InvalidRequest(
                        f"image {place} is out of bounds; give int in [0, {len(job.edits) - 1}]"
                    )
                wanted = wanted.where(RESULTS.c.place == place)
            rows = connection.execute(wanted).mappings().all()
        if not rows:
            raise HttpError(
                GONE, f"the result of job {job_id} is not kept any more; submit it anew"
            )
        return job, rows

    def cancel(self, job_id: str) -> Job:
        """End a job that is not finished, and drop the pictures of any."""
        with self._database.writing() as connection:
            now = self._database.now(connection)
            job = _get(connection, job_id)
            ended = {"status": Status.CANCELLED, "finished": now}
            same = JOBS.c.number == job.number
            connection.execute(
                update(JOBS).where(same, JOBS.c.status.in_(UNFINISHED)).values(ended)
            )
            drop_pictures(connection, [job.number])
            return _get(connection, job_id)

    def _check_room(self, connection: Connection, order: Order) -> None:
        queued = JOBS.c.status == Status.QUEUED
        count = connection.execute(select(func.count()).where(queued)).scalar_one()
        if count >= self._bounds.queued:
            raise Overloaded(
                f"{count} jobs are queued, more are not taken; try again in {_RETRY_S:g} s",
                _RETRY_S,
            )
        taken = int(connection.execute(select(func.sum(JOBS.c.bytes))).scalar_one() or 0)
        if taken + order.room > self._bounds.bytes:
            raise HttpError(
                STORAGE_FULL,
                f"jobs hold {taken / 2**20:.1f} of {self._bounds.bytes / 2**20:g} MiB and this one "
                f"may take {order.room / 2**20:.1f}; delete finished jobs, or try again when "
                "their results have expired",
            )

    def _insert(self, connection: Connection, order: Order, key: str | None) -> Job:
        job_id = secrets.token_hex(16)
        job = {
            "id": job_id,
            "key": key,
            "fingerprint": order.fingerprint,
            "bundle": order.bundle,
            "edits": [dataclasses.asdict(params) for params in order.edits],
            "bytes": order.room,
            "status": Status.QUEUED,
            "created": self._database.now(connection),
        }
        number = connection.execute(insert(JOBS).values(job).returning(JOBS.c.number)).scalar_one()
        connection.execute(insert(UPLOADS).values(job=number, data=order.upload))
        return _get(connection, job_id)


def drop_pictures(connection: Connection, jobs: Sequence[int]) -> None:
    """Forget what was uploaded for `jobs` and what came out; they take no room then.

    The line of a job is always locked before its pictures are, so that nobody waits crosswise.
    """
    connection.execute(update(JOBS).where(JOBS.c.number.in_(jobs)).values(bytes=0))
    for table in (UPLOADS, RESULTS):
        connection.execute(delete(table).where(table.c.job.in_(jobs)))


def _jobs() -> Select[tuple[object, ...]]:
    ahead = JOBS.alias()
    before = select(func.count()).where(
        ahead.c.status == Status.QUEUED, ahead.c.number <= JOBS.c.number
    )
    queued = JOBS.c.status == Status.QUEUED
    position = case((queued, before.scalar_subquery()), else_=None)
    return select(JOBS, position.label("position"))


def _get(connection: Connection, job_id: str) -> Job:
    found = None
    if _ID.fullmatch(job_id):  # a database may choke on anything else
        found = connection.execute(_jobs().where(JOBS.c.id == job_id)).mappings().one_or_none()
    if found is None:
        raise HttpError(NO_JOB, f"there is no job {job_id!r:.80}; it may have been forgotten")
    return job_of(found)


def _known(connection: Connection, key: str, order: Order) -> Job | None:
    """The job of an idempotency key."""
    found = connection.execute(_jobs().where(JOBS.c.key == key)).mappings().one_or_none()
    if found is None:
        return None
    if found["fingerprint"] != order.fingerprint:
        raise HttpError(
            OTHER_BODY,
            f"the Idempotency-Key belongs to job {found['id']}, which asked for something else; "
            "give another key, or the same body",
        )
    return job_of(found)


def _cursor(connection: Connection, job_id: str) -> int:
    try:
        return _get(connection, job_id).number
    except HttpError as exc:
        told = f"before {job_id!r:.80} is no job; give the `next` of an answer"
        raise InvalidRequest(told) from exc


def _why_not(job: Job) -> str:
    if job.error:
        return f"job {job.id} failed: {job.error['message']}"
    remedy = "; ask again later" if job.status in UNFINISHED else "; submit it anew"
    return f"job {job.id} is {job.status}{remedy}"
