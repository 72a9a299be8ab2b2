"""Every route's way from a request to its answer: read, check, queue, wait, encode."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from anyio import CapacityLimiter, from_thread, to_thread
from starlette.requests import Request
from starlette.responses import Response

from runtime.editor import EditResult
from runtime.image import fitting
from runtime.worker import EngineWorker
from service.face import Asked, Face, Fields, Wanted
from service.metrics import Metrics
from service.reading.body import received
from service.reading.intake import Intake
from service.settings import Settings
from service.stages import all_of, check_variations, decode, withdrawing

_MOST_CODECS: Final = 4  # pictures that are decoded or encoded at a time; each may take 500 MB


T = TypeVar("T")


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
        deadline = self.deadline()
        free = self._worker.check_free
        taken = await self.take(request, face, deadline, free, self._queue)
        if isinstance(taken, Response):
            return taken
        asked, futures = taken
        async with withdrawing(request, deadline):
            results = await all_of(futures)
            for result in results:
                self._metrics.observe_edit(result.timings.total_s)
            return await to_thread.run_sync(face.answer, asked, results, limiter=self.codecs)

    def deadline(self) -> float:
        """That of a request which begins now, in the loop's time."""
        return asyncio.get_running_loop().time() + self._settings.timeout

    async def take(
        self,
        request: Request,
        face: Face,
        deadline: float,
        free: Callable[[], None],
        use: Callable[[Wanted], T],
    ) -> T | Response:
        """Read and check what `request` asks for, and `use` it, in a thread of `codecs`.

        Gives the answer of a face that has it at once. `free` raises when nothing could be used.
        """

        def used(read: Callable[[], Fields], accept: str) -> T | Response:
            wanted = self._wanted(face, read, accept)
            return wanted if isinstance(wanted, Response) else use(wanted)

        free()  # before time and memory go into an upload
        with self._intake.place():
            async with (
                received(request, self._settings.upload, face.vocabulary) as read,
                withdrawing(request, deadline),
            ):
                free()
                accept = ",".join(request.headers.getlist("accept"))
                return await to_thread.run_sync(used, read, accept, limiter=self.codecs)

    def _wanted(self, face: Face, read: Callable[[], Fields], accept: str) -> Wanted | Response:
        fields = read()
        check_variations(fields.n, self._settings.max_variations)
        asked = face.ask(fields, accept)
        if isinstance(asked, Response):
            return asked
        params = self._worker.params(**asked.params)
        upload = fields.image.read()
        image = decode(upload)
        if asked.box:
            params = dataclasses.replace(params, max_size=fitting(image.size, asked.box))
        from_thread.check_cancelled()
        return Wanted(asked, upload, image, asked.edits(params))

    def _queue(self, wanted: Wanted) -> tuple[Asked, list[Future[EditResult]]]:
        """Cancelling a future withdraws its edit."""
        return wanted.asked, self._worker.submit_all(wanted.image, wanted.edits)
