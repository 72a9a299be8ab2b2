"""One claimed job on its way through the engine."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import Final

from PIL import Image

from runtime.editor import EditResult
from runtime.image import read_image
from runtime.params import EditParams
from runtime.progress import Progress
from runtime.worker import EngineWorker, Pending
from service.jobs.job import Job

_READING: Final = threading.Lock()
"""One picture of a job is decoded at a time: each may take 500 MB."""


class Run:
    """Hands the edits of `job` to the engine, at most `width` at one time."""

    def __init__(self, job: Job, width: int) -> None:
        self.job, self.width = job, width
        self.step = 0
        self._futures: list[Pending] = []
        self._withdrawn = False
        self._lock = threading.Lock()

    def edit(self, worker: EngineWorker, upload: bytes) -> list[EditResult]:
        """Blocks until all is done. Raises `EditError`, or `CancelledError` when withdrawn."""
        with _READING:
            image = read_image(upload)
        results: list[EditResult] = []
        for first in range(0, len(self.job.edits), self.width):
            futures = self._submit(worker, image, self.job.edits[first : first + self.width])
            try:
                results += [future.result() for future in futures]
            finally:
                _cancel(futures)
        return results

    def withdraw(self) -> None:
        """Take what is left of it out of the engine; for any thread."""
        with self._lock:
            self._withdrawn = True
            _cancel(self._futures)

    def _submit(
        self, worker: EngineWorker, image: Image.Image, edits: Sequence[EditParams]
    ) -> list[Pending]:
        with self._lock:
            if self._withdrawn:
                raise CancelledError
            self._futures = worker.submit_all(image, edits, self._on_step)
            return self._futures

    def _on_step(self, progress: Progress) -> None:
        self.step += 1


def _cancel(futures: Sequence[Pending]) -> None:
    for future in futures:
        future.cancel()
