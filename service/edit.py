"""The stages of `POST /edit` around the engine: decode, wait for the result, encode."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import Future

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


def decode(data: bytes) -> Image.Image:
    """Raises `UnsupportedImage`, or `HttpError` 413 for a picture of too many pixels."""
    try:
        return read_image(data)
    except UnsupportedImage:
        raise
    except InvalidRequest as exc:
        raise HttpError(TOO_LARGE, str(exc)) from exc


async def finish(future: Future[EditResult], request: Request, deadline: float) -> EditResult:
    """The result of the edit; withdraws it when the client leaves or `deadline` (loop time) passes.

    Raises the edit's `EditError`, or `HttpError`.
    """
    edit = asyncio.wrap_future(future)
    gone = asyncio.ensure_future(_disconnect(request))
    left = deadline - asyncio.get_running_loop().time()
    try:
        await asyncio.wait((edit, gone), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if edit.done():
            return edit.result()
        if gone.done():
            raise HttpError(CLIENT_GONE, "the client left")
        raise HttpError(TIMEOUT, "the edit took too long; give fewer steps or a smaller max_size")
    finally:
        edit.cancel()
        gone.cancel()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def encode(image: Image.Image) -> bytes:
    """PNG, compressed lightly: time counts for more than bytes here."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def facts(result: EditResult) -> dict[str, str]:
    """Response headers: what repeats the edit, and what it cost."""
    params, timings = result.params, result.timings
    stages = {
        "queue": timings.queue_s,
        "encode": timings.encode_s,
        "denoise": timings.denoise_s,
        "decode": timings.decode_s,
    }
    return {
        "X-Retouch-Seed": str(params.seed),
        "X-Retouch-Size": f"{result.image.width}x{result.image.height}",
        "X-Retouch-Steps": str(params.steps),
        "X-Retouch-Sampler": params.sampler,
        "X-Retouch-Rows": str(result.rows),
        "X-Retouch-Seconds": f"{timings.total_s:.3f}",
        "Server-Timing": ", ".join(f"{name};dur={s * 1000:.1f}" for name, s in stages.items()),
    }
