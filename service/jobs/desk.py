"""Everything about jobs in one place: what the routes call, and what is opened and closed."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread

from runtime.worker import EngineWorker
from service.face import Wanted
from service.jobs.database import Clock, open_database
from service.jobs.job import Job, Order, fingerprint
from service.jobs.presence import Presence
from service.jobs.queue import Queue, Terms
from service.jobs.runner import Runner
from service.jobs.store import Bounds, Store
from service.reading.intake import Intake
from service.settings import Settings

_LEASE: Final = 30.0  # seconds after which a replica that is silent has lost its jobs
_THREADS: Final = 8  # that wait for the database at one time
_PNG_OVERHEAD: Final = 32 * 1024  # bytes of a result beside its pixels: chunks and provenance

T = TypeVar("T")


class Desk:
    """Takes jobs in and runs them."""

    def __init__(
        self, worker: EngineWorker, settings: Settings, clock: Clock | None = None
    ) -> None:
        """Raises `ValueError` with the reason when the database cannot be opened."""
        jobs = settings.jobs
        self._worker = worker
        self._database = open_database(jobs.database, jobs.folder, clock)
        self.store = Store(self._database, Bounds(jobs.most_queued, jobs.most_bytes))
        self.keep = jobs.keep
        self.intake = Intake(settings.max_uploads)
        terms = Terms(_LEASE, jobs.keep)
        queue = Queue(self._database, uuid.uuid4().hex, lambda: worker.digest, terms)
        # In PostgreSQL nobody knows who else is there: leases run out there.
        self._presence = None if jobs.database else Presence(jobs.folder, queue.give_back_all)
        self.runner = Runner(worker, queue, jobs.most_edits)
        self._threads = CapacityLimiter(_THREADS)

    async def ask(self, question: Callable[[], T]) -> T:
        """Call what blocks, in a thread."""
        return await to_thread.run_sync(question, limiter=self._threads)

    def order(self, wanted: Wanted) -> Order:
        """What is to be kept. Raises `InvalidRequest` for edits that the engine does not take."""
        pixels = self._worker.measure(wanted.image, wanted.edits)
        results = pixels * 3 * 1.01 + len(wanted.edits) * _PNG_OVERHEAD  # as if nothing shrank
        return Order(
            wanted.upload,
            wanted.edits,
            self._worker.digest,
            len(wanted.upload) + int(results),
            fingerprint(wanted.upload, wanted.asked.params, wanted.edits),
        )

    def submit(self, order: Order, key: str | None) -> tuple[Job, bool]:
        """See `Store.submit`; the job is begun when there is room for it."""
        job, new = self.store.submit(order, key)
        self.runner.notice()
        return job, new

    def cancel(self, job_id: str) -> Job:
        """See `Store.cancel`."""
        job = self.store.cancel(job_id)
        self.runner.withdraw(job.number)
        return job

    def close(self) -> None:
        """To be called after the engine has been closed."""
        self.runner.close()
        self._database.close()
        if self._presence:
            self._presence.close()
