"""The face `/edit`: its vocabulary is that of `EditParams`, its answer what `Accept` chooses."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Final

from starlette.responses import JSONResponse, Response

from runtime.editor import EditResult
from runtime.params import EditParams
from service.answer import JSON, PICTURES, encode, entry, headers
from service.errors import NOT_ACCEPTABLE, HttpError
from service.face import Asked, Face, Fields, Vocabulary, variations
from service.reading.accept import chosen, preferred

_OFFERS: Final = (*PICTURES, JSON)


def ask(fields: Fields, accept: str) -> Asked:
    """See `Face`. Raises `HttpError` 406 when `accept` takes nothing that can be given."""
    if fields.n > 1 and preferred(accept, (JSON,)) is None:
        told = f"{accept!r:.100} cannot hold n {fields.n} pictures; accept {JSON}, or give n 1"
        raise HttpError(NOT_ACCEPTABLE, told)
    media_type = JSON if fields.n > 1 else chosen(accept, _OFFERS)
    return Asked(fields.values, media_type, variations(fields.n))


def answer(asked: Asked, results: Sequence[EditResult]) -> Response:
    """See `Face`."""
    first = results[0]
    if asked.media_type == JSON:
        return JSONResponse({"images": [entry(one) for one in results]}, headers=headers(first))
    picture = encode(first, asked.media_type)
    return Response(picture, media_type=asked.media_type, headers=headers(first))


EDIT: Final = Face(
    Vocabulary(typing.get_type_hints(EditParams) | {"n": int}, required=("instruction",)),
    ask,
    answer,
)
