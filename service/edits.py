"""Every route's way from a request to its answer: read, check, queue, wait, encode."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from anyio import CapacityLimiter, from_thread, to_thread
from starlette.requests import Request
from starlette.responses import Response

from runtime.editor import EditResult
from runtime.image import fitting
from runtime.worker import EngineWorker
from service.face import Asked, Face, Fields
from service.metrics import Metrics
from service.reading.body import received
from service.reading.intake import Intake
from service.settings import Settings
from service.stages import all_of, check_variations, decode, withdrawing

_MOST_CODECS: Final = 4  # pictures that are decoded or encoded at a time; each may take 500 MB


class Edits:
    """Takes edits in and answers them.

    `codecs` bounds the threads in which pictures are decoded and encoded.
    """

    def __init__(self, worker: EngineWorker, settings: Settings, metrics: Metrics) -> None:
        self._worker, self._settings, self._metrics = worker, settings, metrics
        self._intake = Intake(settings.max_uploads)
        self.codecs = CapacityLimiter(min(os.cpu_count() or 1, _MOST_CODECS))

    async def answer(self, request: Request, face: Face) -> Response:
        """Edit as `request` asks. Raises `EditError` or `HttpError`."""
        deadline = asyncio.get_running_loop().time() + self._settings.timeout
        asked, futures = await self._accept(request, face, deadline)
        if isinstance(asked, Response):
            return asked
        async with withdrawing(request, deadline):
            results = await all_of(futures)
            for result in results:
                self._metrics.observe_edit(result.timings.total_s)
            return await to_thread.run_sync(face.answer, asked, results, limiter=self.codecs)

    async def _accept(
        self, request: Request, face: Face, deadline: float
    ) -> tuple[Asked | Response, list[Future[EditResult]]]:
        """Read, check and queue edits; cancelling a future withdraws its edit."""
        self._worker.check_free()  # before time and memory go into an upload
        with self._intake.place():
            async with (
                received(request, self._settings.upload, face.vocabulary) as read,
                withdrawing(request, deadline),
            ):
                self._worker.check_free()
                accept = ",".join(request.headers.getlist("accept"))
                return await to_thread.run_sync(
                    self._queue, face, read, accept, limiter=self.codecs
                )

    def _queue(
        self, face: Face, read: Callable[[], Fields], accept: str
    ) -> tuple[Asked | Response, list[Future[EditResult]]]:
        fields = read()
        check_variations(fields.n, self._settings.max_variations)
        asked = face.ask(fields, accept)
        if isinstance(asked, Response):
            return asked, []
        params = self._worker.params(**asked.params)
        image = decode(fields.image)
        if asked.box:
            params = dataclasses.replace(params, max_size=fitting(image.size, asked.box))
        edits = asked.edits(params)
        from_thread.check_cancelled()
        return asked, self._worker.submit_all(image, edits)
