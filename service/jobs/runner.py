"""The thread that gives jobs to the engine, beside the edits that somebody waits for."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Final

from runtime.errors import Cancelled, OutOfMemory, Overloaded
from runtime.worker import EngineWorker
from service.errors import HttpError, error_object, kind_of
from service.jobs.job import pack
from service.jobs.queue import ATTEMPTS, Queue
from service.jobs.run import Run
from service.jobs.tables import UNFINISHED

log = logging.getLogger("bentoml.retouch")

_BEAT: Final = 1.0  # seconds between renewals of leases, and looks at what others have submitted
_CLEAN: Final = 60.0  # seconds between cleanings
_POLL: Final = 0.05  # while callers wait for the engine


class Runner:
    """Claims jobs while the engine has room for them, and sees to their ends.

    An edit that somebody waits for goes first: no job is begun while one is queued, and jobs have
    at most `most_edits` in the engine, so that new edits find a place beside them.
    """

    def __init__(self, worker: EngineWorker, queue: Queue, most_edits: int) -> None:
        self._worker, self._queue, self._most_edits = worker, queue, most_edits
        self.counts = {str(status): 0 for status in UNFINISHED}
        """Jobs that are queued and that run, anywhere, as of the last beat."""
        self._runs: dict[int, Run] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._next_beat = self._next_clean = 0.0
        self._pool = ThreadPoolExecutor(most_edits, thread_name_prefix="job")
        self._thread = threading.Thread(target=self._loop, name="jobs", daemon=True)
        self._thread.start()

    def notice(self) -> None:
        """Look at the queue now: a job was submitted."""
        self._wake.set()

    def withdraw(self, number: int) -> None:
        """Stop a job that was cancelled, if it runs here, without waiting for the next beat."""
        with self._lock:
            run = self._runs.get(number)
        if run:
            run.withdraw()

    def close(self) -> None:
        """Begin no more jobs, and wait for those that run: end the engine first, or wait long."""
        self._stopped = True
        self._wake.set()
        self._thread.join()
        self._pool.shutdown()

    def _loop(self) -> None:
        while not self._stopped:
            try:
                self._beat()
                while not self._stopped and self._begin_one():
                    pass
            except HttpError:
                pass  # the database is away, and has been logged
            except Exception:
                log.exception("the queue of jobs stumbled; going on")
            self._wake.wait(_POLL if self._worker.waiting else _BEAT)
            self._wake.clear()

    def _beat(self) -> None:
        now = time.monotonic()
        if now < self._next_beat:
            return
        self._next_beat = now + _BEAT
        with self._lock:
            steps = {number: run.step for number, run in self._runs.items()}
        if steps:
            for number in self._queue.renew(steps):
                self.withdraw(number)
        self.counts = self._queue.count()
        if now >= self._next_clean:
            for job_id, code in self._queue.clean().items():
                log.warning("job %s failed: %s", job_id, code)
            self._next_clean = now + _CLEAN

    def _begin_one(self) -> bool:
        room = self._room()
        if room < 1:
            return False
        job = self._queue.claim(alone=not self._runs)
        if job is None:
            return False
        run = Run(job, min(len(job.edits), room))
        with self._lock:
            self._runs[job.number] = run
        self._pool.submit(self._carry, run)
        return True

    def _room(self) -> int:
        """How many edits of jobs the engine may be given now."""
        if self._worker.draining or self._worker.waiting:
            return 0
        with self._lock:
            runs = list(self._runs.values())
        if any(run.job.attempts > 1 for run in runs):
            return 0  # it may have taken a process down: it runs alone
        return self._most_edits - sum(run.width for run in runs)

    def _carry(self, run: Run) -> None:
        """Bring a job to its end, whatever that is."""
        at_once = True
        try:
            at_once = self._finish(run)
        except Exception:
            log.exception("job %s was not recorded; it is run again, after its lease", run.job.id)
        with self._lock:
            if self._runs[run.job.number] is run:  # else it was claimed anew
                del self._runs[run.job.number]
        if at_once:
            self._wake.set()

    def _finish(self, run: Run) -> bool:
        """Run a job and record the outcome; says whether the next may be begun at once."""
        upload = self._queue.upload(run.job)
        if upload is None:
            return True  # cancelled before it began
        try:
            results = run.edit(self._worker, upload)
        except CancelledError:
            return True  # it is not this replica's any more
        except Exception as exc:
            if self._tried_again(run, exc):
                return False
            self._fail(run, exc)
            return True
        if any(result.bundle != run.job.bundle for result in results):
            log.info("job %s is queued again, for when its weights are served again", run.job.id)
            self._queue.give_back(run.job, counted=False)
            return False
        if self._queue.finish(run.job, [pack(result) for result in results]):
            seconds = sum(result.timings.total_s for result in results)
            log.info("job %s done edits=%d engine=%.3fs", run.job.id, len(results), seconds)
        return True

    def _fail(self, run: Run, exc: Exception) -> None:
        broken = kind_of(exc).status == 500
        level = logging.ERROR if broken else logging.INFO
        log.log(level, "job %s failed: %s", run.job.id, exc, exc_info=exc if broken else None)
        self._queue.fail(run.job, error_object(exc, run.job.id))

    def _tried_again(self, run: Run, exc: Exception) -> bool:
        """Queue the job again if the engine is full, leaving or broken, or memory was short."""
        innocent = isinstance(exc, Cancelled | Overloaded) and not isinstance(exc, OutOfMemory)
        passing = innocent or isinstance(exc, OutOfMemory) or self._worker.draining
        if not passing or (not innocent and run.job.attempts >= ATTEMPTS):
            return False
        log.info("job %s is queued again: %s", run.job.id, exc)
        return self._queue.give_back(run.job, counted=not innocent)
