"""Errors in the shape that OpenAI's clients read."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from starlette.responses import JSONResponse

from service.errors import Kind, headers_of, kind_of, message_of
from service.openai.face import NAMES, VOCABULARY

PREFIX: Final = "/v1/"
# What its clients take for the caller's fault without a second try.
_BAD_REQUEST: Final = (406, 415, 422)
_KNOWN: Final = {"image", *VOCABULARY.types, *VOCABULARY.refused}


def seen(kind: Kind) -> Kind:
    """The kind with the status that it has here."""
    return dataclasses.replace(kind, status=400) if kind.status in _BAD_REQUEST else kind


def to_openai(exc: Exception, request_id: str) -> JSONResponse:
    """As `to_response`; the request id is in the header alone, where the clients look for it."""
    kind = seen(kind_of(exc))
    status = kind.status
    param, message = _param(message_of(exc))
    error: dict[str, Any] = {"message": message, "type": _type(status), "param": param}
    return JSONResponse({"error": error | {"code": kind.code}}, status, headers_of(exc))


def _type(status: int) -> str:
    if status >= 500:
        return "server_error"
    return "rate_limit_error" if status == 429 else "invalid_request_error"


def _param(message: str) -> tuple[str | None, str]:
    """The field to blame, and the message with its name here; a message starts with its field."""
    word, space, rest = message.partition(" ")
    word = NAMES.get(word, word)
    return (word if word in _KNOWN else None), word + space + rest
