"""A body on its way in: bounded in time, and on disk when it is large."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, TypeVar, cast

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from service.errors import MALFORMED, NOT_TAKEN, SLOW_UPLOAD, TOO_LARGE, HttpError
from service.face import Fields, Vocabulary
from service.media import FORM, JSON
from service.reading.form import from_form
from service.reading.json_body import from_json

MOST_TEXT: Final = 64 * 1024  # bytes; the longest instruction, escaped as JSON, needs 12 KB
_MOST_VALUES: Final = 64  # parts of a form for a field that may hold several values
_IN_MEMORY: Final = 2**20  # bytes of a body, as Starlette has it for a file of a form

T = TypeVar("T")


@asynccontextmanager
async def received(
    request: Request, seconds: float, vocabulary: Vocabulary
) -> AsyncIterator[Callable[[], Fields]]:
    """Takes the body in and gives the function that reads its fields, to be called in a thread.

    The picture is open for as long as the context is. Raises `HttpError` when the body is of
    another kind, is no form or is not here after `seconds`; the function raises what `from_form`
    and `from_json` do.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == FORM:
        form = await _in_time(_parse(request, vocabulary), seconds)
        try:
            yield partial(from_form, form, vocabulary)
        finally:
            await form.close()
    elif media_type == JSON:
        with SpooledTemporaryFile(_IN_MEMORY) as file:
            body = cast(BinaryIO, file)
            await _in_time(_store(request, body), seconds)
            yield partial(from_json, body, vocabulary)
    else:
        raise HttpError(
            NOT_TAKEN, f"the body is {media_type or 'of no type'}; send {FORM} or {JSON}"
        )


async def whole(request: Request, most: int, seconds: float) -> bytes:
    """A body of at most `most` bytes. Raises `HttpError` for a larger or a late one."""

    async def read() -> bytes:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise HttpError(TOO_LARGE, f"the body is larger than {most} bytes; send less")
        return body

    return await _in_time(read(), seconds)


async def _in_time(arrival: Awaitable[T], seconds: float) -> T:
    try:
        return await asyncio.wait_for(arrival, seconds)
    except TimeoutError as exc:
        raise HttpError(
            SLOW_UPLOAD, f"the body did not arrive in {seconds:g} s; send a smaller file"
        ) from exc


async def _parse(request: Request, vocabulary: Vocabulary) -> FormData:
    files = 1 + len(vocabulary.files)  # one more than wanted, so that it can be named
    most = 4 * len(vocabulary.types) + _MOST_VALUES * len(vocabulary.several)
    try:
        return await request.form(max_files=files, max_fields=most, max_part_size=MOST_TEXT)
    except HTTPException as exc:
        raise HttpError(MALFORMED, f"the multipart body cannot be read: {exc.detail}") from exc
    except (ValueError, LookupError) as exc:  # a character set that nothing can be decoded with
        raise HttpError(MALFORMED, "the multipart body cannot be decoded; send UTF-8") from exc


async def _store(request: Request, body: BinaryIO) -> None:
    async for chunk in request.stream():
        body.write(chunk)
    body.seek(0)
