"""The face `/edit`: its vocabulary is that of `EditParams`, its answer what `Accept` chooses."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Final

from starlette.responses import JSONResponse, Response

from runtime.editor import EditResult
from runtime.params import EditParams
from service.answer import OFFERS, encode, entry, headers
from service.errors import NOT_ACCEPTABLE, HttpError
from service.face import Asked, Face, Fields, Vocabulary, variations
from service.media import JSON
from service.reading.accept import chosen, preferred


def ask(fields: Fields, accept: str) -> Asked:
    """See `Face`. Raises what `negotiated` does."""
    media_type = negotiated(accept, fields.n, "give n 1")
    return Asked(fields.values, media_type, variations(fields.n))


def negotiated(accept: str, n: int, remedy: str) -> str:
    """The media type for `n` pictures.

    Raises `HttpError` 406 when `accept` takes nothing that can be given; `remedy` is what makes
    several pictures one.
    """
    if n > 1 and preferred(accept, (JSON,)) is None:
        told = f"{accept!r:.100} cannot hold n {n} pictures; accept {JSON}, or {remedy}"
        raise HttpError(NOT_ACCEPTABLE, told)
    return JSON if n > 1 else chosen(accept, OFFERS)


def answer(asked: Asked, results: Sequence[EditResult]) -> Response:
    """See `Face`."""
    return rendered(asked.media_type, results)


def rendered(media_type: str, results: Sequence[EditResult]) -> Response:
    """The results as JSON, or the only one as a picture."""
    first = results[0]
    if media_type == JSON:
        return JSONResponse({"images": [entry(one) for one in results]}, headers=headers(first))
    picture = encode(first, media_type)
    return Response(picture, media_type=media_type, headers=headers(first))


EDIT: Final = Face(
    Vocabulary(typing.get_type_hints(EditParams) | {"n": int}, required=("instruction",)),
    ask,
    answer,
)
