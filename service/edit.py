"""The face `/edit`: its vocabulary is that of `EditParams`, its answer what `Accept` chooses."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Final

from starlette.responses import JSONResponse, Response

from runtime.editor import EditResult
from runtime.params import EditParams
from service.answer import PICTURES, PNG, encode, facts, headers, in_base64, stages, words
from service.errors import NOT_ACCEPTABLE, HttpError
from service.face import Asked, Face, Fields, Vocabulary, variations
from service.reading.accept import preferred

_JSON: Final = "application/json"
_OFFERS: Final = (*PICTURES, _JSON)


def ask(fields: Fields, accept: str) -> Asked:
    """See `Face`. Raises `HttpError` 406 when `accept` takes nothing that can be given."""
    offers = _OFFERS if fields.n == 1 else (_JSON,)
    media_type = preferred(accept, offers)
    if media_type is None:
        told = f"{accept!r:.100} cannot be given; accept {' or '.join(offers)}"
        if fields.n > 1:
            told = f"{accept!r:.100} cannot hold n {fields.n} pictures; accept {_JSON}, or give n 1"
        raise HttpError(NOT_ACCEPTABLE, told)
    return Asked(fields.values, media_type, variations(fields.n))


def answer(asked: Asked, results: Sequence[EditResult]) -> Response:
    """See `Face`."""
    first = results[0]
    if asked.media_type == _JSON:
        return JSONResponse({"images": [_entry(one) for one in results]}, headers=headers(first))
    picture = encode(first, asked.media_type)
    return Response(picture, media_type=asked.media_type, headers=headers(first))


def _entry(result: EditResult) -> dict[str, typing.Any]:
    picture = in_base64(result, PNG)
    told = {**words(result), **facts(result), "timings_ms": stages(result)}
    return {"image": picture, "media_type": PNG, **told}


EDIT: Final = Face(
    Vocabulary(typing.get_type_hints(EditParams) | {"n": int}, required=("instruction",)),
    ask,
    answer,
)
