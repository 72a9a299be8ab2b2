"""Every route's way from a request to its answer: read, check, queue, wait, encode."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from anyio import CapacityLimiter, from_thread, to_thread
from starlette.requests import Request
from starlette.responses import Response

from runtime.editor import EditResult
from runtime.image import fitting
from runtime.progress import OnStep
from runtime.worker import EngineWorker, Pending
from service.face import Asked, Face, Fields, Wanted
from service.reading.body import received
from service.reading.intake import Intake
from service.settings import Settings
from service.stages import all_of, check_whole, decode, withdrawing
from service.traces import Edited

_MOST_CODECS: Final = 4  # pictures that are decoded or encoded at a time; each may take 500 MB

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Accepted:
    """Edits that are queued; cancelling one withdraws it. `deadline` is in the loop's time."""

    face: Face
    asked: Asked
    pending: Sequence[Pending]
    deadline: float


class Edits:
    """Takes edits in and answers them.

    `codecs` bounds the threads in which pictures are decoded and encoded.
    """

    def __init__(self, worker: EngineWorker, settings: Settings) -> None:
        self._worker, self._settings = worker, settings
        self._intake = Intake(settings.max_uploads)
        self.codecs = CapacityLimiter(min(os.cpu_count() or 1, _MOST_CODECS))

    async def answer(self, request: Request, face: Face) -> Response:
        """Edit as `request` asks. Raises `EditError` or `HttpError`."""
        accepted = await self.accept(request, face)
        if isinstance(accepted, Response):
            return accepted
        async with withdrawing(request, accepted.deadline):
            return await self.encoded(request, accepted, await all_of(accepted.pending))

    async def accept(
        self, request: Request, face: Face, on_step: OnStep | None = None
    ) -> Accepted | Response:
        """Read, check and queue edits; or the answer, of a face that has it at once.

        Raises `EditError` or `HttpError`.
        """
        deadline = self.deadline()

        def queue(wanted: Wanted) -> Accepted:
            pending = self._worker.submit_all(wanted.image, wanted.edits, on_step)
            return Accepted(face, wanted.asked, pending, deadline)

        return await self.take(request, face, deadline, self._worker.check_free, queue)

    async def encoded(
        self, request: Request, accepted: Accepted, results: Sequence[EditResult]
    ) -> Response:
        """What is answered when all edits are done."""
        request.state.edits = [Edited.of(result) for result in results]
        answer = partial(accepted.face.answer, accepted.asked, results)
        return await to_thread.run_sync(answer, limiter=self.codecs)

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

        Gives the answer of a face that has it at once. `free` raises when nothing could be used; it
        is called from several threads.
        """

        def used(read: Callable[[], Fields], accept: str) -> T | Response:
            wanted = self._wanted(face, read, accept, free)
            return wanted if isinstance(wanted, Response) else use(wanted)

        if not face.may_answer:
            free()  # before time and memory go into an upload
        with self._intake.place():
            async with (
                received(request, self._settings.upload, face.vocabulary) as read,
                withdrawing(request, deadline),
            ):
                accept = ",".join(request.headers.getlist("accept"))
                return await to_thread.run_sync(used, read, accept, limiter=self.codecs)

    def _wanted(
        self, face: Face, read: Callable[[], Fields], accept: str, free: Callable[[], None]
    ) -> Wanted | Response:
        fields = read()
        check_whole("n", fields.n, 1, self._settings.max_variations)
        asked = face.ask(fields, accept)
        if isinstance(asked, Response):
            return asked
        free()  # still, or for the first time
        params = self._worker.params(**asked.params)
        upload = fields.image.read()
        image = decode(upload)
        if asked.box:
            params = dataclasses.replace(params, max_size=fitting(image.size, asked.box))
        from_thread.check_cancelled()
        return Wanted(asked, upload, image, asked.edits(params))
