"""The face `/edit`: its vocabulary is that of `EditParams`, its answer what `Accept` chooses."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Final

from starlette.responses import JSONResponse, Response

from runtime.editor import EditResult
from runtime.params import EditParams
from service.accept import preferred
from service.answer import PICTURES, PNG, encode, facts, headers, in_base64, stages
from service.errors import NOT_ACCEPTABLE, HttpError
from service.face import Asked, Face, Fields, Vocabulary

_JSON: Final = "application/json"
_OFFERS: Final = (*PICTURES, _JSON)


def ask(fields: Fields, accept: str) -> Asked:
    """See `Face`. Raises `HttpError` 406 when `accept` takes nothing that can be given."""
    media_type = preferred(accept, _OFFERS)
    if media_type is None:
        raise HttpError(
            NOT_ACCEPTABLE, f"{accept!r:.100} cannot be given; accept one of {', '.join(_OFFERS)}"
        )
    return Asked(fields.image, fields.values, media_type)


def answer(asked: Asked, results: Sequence[EditResult]) -> Response:
    """See `Face`."""
    first = results[0]
    if asked.media_type == _JSON:
        return JSONResponse({"images": [_entry(one) for one in results]}, headers=headers(first))
    picture = encode(first.image, asked.media_type)
    return Response(picture, media_type=asked.media_type, headers=headers(first))


def _entry(result: EditResult) -> dict[str, typing.Any]:
    picture = in_base64(result.image, PNG)
    return {"image": picture, "media_type": PNG, **facts(result), "timings_ms": stages(result)}


EDIT: Final = Face(
    Vocabulary(typing.get_type_hints(EditParams), required=("instruction",)), ask, answer
)
