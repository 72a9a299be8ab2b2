"""The stages of an edit around the engine: decode, wait while the client does, fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import BinaryIO

from anyio import CancelScope
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runtime.editor import EditResult
from runtime.errors import InvalidRequest, UnsupportedImage
from runtime.image import read_image
from service.errors import CLIENT_GONE, TIMEOUT, TOO_LARGE, HttpError


class Failure(Response):
    """Raises instead of being sent.

    BentoML answers in its own shape for what an API raises; from here an exception reaches `Gate`.
    """

    def __init__(self, exc: Exception) -> None:
        super().__init__()
        self._exc = exc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise self._exc


def decode(upload: BinaryIO) -> Image.Image:
    """Raises `UnsupportedImage`, `OutOfMemory`, or `HttpError` 413 for too many pixels."""
    try:
        return read_image(upload.read())
    except UnsupportedImage:
        raise
    except InvalidRequest as exc:
        raise HttpError(TOO_LARGE, str(exc)) from exc


def check_whole(name: str, value: object, low: int, high: int) -> None:
    """Raises `InvalidRequest` when the field's value is no whole number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidRequest(f"{name} {value!r:.60} is out of bounds; give int in [{low}, {high}]")


async def all_of(futures: Sequence[Future[EditResult]]) -> list[EditResult]:
    """The results in order. The first error is raised and withdraws the other edits."""
    waiting = [asyncio.wrap_future(future) for future in futures]
    try:
        return await asyncio.gather(*waiting)
    finally:
        for one in waiting:
            one.cancel()


@asynccontextmanager
async def withdrawing(request: Request, deadline: float) -> AsyncIterator[None]:
    """Cancels its block when the client leaves or `deadline` (loop time) passes.

    What runs in a thread is waited for, and nothing is begun after it. Raises `HttpError` then. The
    body of the request must have been read.
    """
    with CancelScope(deadline=deadline) as scope:
        gone = asyncio.ensure_future(_disconnect(request))
        gone.add_done_callback(lambda _: scope.cancel())
        try:
            yield
        finally:
            left = gone.done()
            gone.cancel()
    if scope.cancelled_caught and left:
        raise HttpError(CLIENT_GONE, "the client left")
    if scope.cancelled_caught:
        raise HttpError(TIMEOUT, "the edit took too long; give fewer steps or a smaller max_size")


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
