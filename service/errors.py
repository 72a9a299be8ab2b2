"""The one table that says which answer an exception becomes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from runtime.errors import (
    BackendError,
    BundleError,
    Cancelled,
    InvalidRequest,
    NonFinite,
    OutOfMemory,
    Overloaded,
    ShuttingDown,
    UnsupportedImage,
    WeightsChanging,
)
from runtime.params import EditParams


@dataclass(frozen=True, slots=True)
class Kind:
    """HTTP status and the `code` by which a program tells one failure from another.

    `told` says whether the exception's own message is written for callers.
    """

    status: int
    code: str
    told: bool = True


MALFORMED: Final = Kind(400, "malformed_body")
TOO_LARGE: Final = Kind(413, "too_large")
NOT_TAKEN: Final = Kind(415, "unsupported_media_type")
NOT_ACCEPTABLE: Final = Kind(406, "not_acceptable")
MODEL_NOT_FOUND: Final = Kind(404, "model_not_found")
SLOW_UPLOAD: Final = Kind(408, "slow_upload")
UNAUTHORIZED: Final = Kind(401, "unauthorized")
FOREIGN_PAGE: Final = Kind(403, "foreign_page")
NOT_ALLOWED: Final = Kind(403, "not_allowed")
RATE_LIMITED: Final = Kind(429, "rate_limited")
CONTENT_REFUSED: Final = Kind(422, "content_refused")
TIMEOUT: Final = Kind(504, "timeout")
_INTERNAL: Final = Kind(500, "internal", told=False)
CLIENT_GONE: Final = Kind(499, "client_gone")  # for the log: nobody is there to read it

KINDS: Final[Mapping[type[Exception], Kind]] = {
    InvalidRequest: Kind(422, "invalid_request"),
    UnsupportedImage: Kind(415, "unsupported_image"),
    Overloaded: Kind(429, "overloaded"),
    OutOfMemory: Kind(503, "out_of_memory"),
    WeightsChanging: Kind(409, "weights_changing"),
    ShuttingDown: Kind(503, "shutting_down"),
    Cancelled: Kind(503, "cancelled"),  # by a drain that took too long: a client who left is gone
    ClientDisconnect: CLIENT_GONE,
    NonFinite: Kind(500, "non_finite"),
    BackendError: _INTERNAL,
    BundleError: _INTERNAL,
    Exception: _INTERNAL,
}

_PARAMS: Final = (spec.name for spec in dataclasses.fields(EditParams))
_FIELDS: Final = {"image", "edited", "n", "name", "preview_every", *_PARAMS}


class HttpError(Exception):
    """A failure that exists only at the HTTP face. `headers` go with its answer."""

    def __init__(
        self, kind: Kind, message: str, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.headers = headers


def foreign(status: int, allow: str | None = None) -> HttpError:
    """The failure behind an error response that a library made: unknown path, wrong method, ..."""
    name, phrase = HTTPStatus(status).name.lower(), HTTPStatus(status).phrase
    return HttpError(Kind(status, name), phrase, {"Allow": allow} if allow else {})


def kind_of(exc: Exception) -> Kind:
    """Look an exception up by its class, then its bases."""
    if isinstance(exc, HttpError):
        return exc.kind
    return next(KINDS[base] for base in type(exc).__mro__ if base in KINDS)


def message_of(exc: Exception) -> str:
    """What callers are told."""
    return str(exc) if kind_of(exc).told else "internal error; the log has it under the request id"


def error_object(exc: Exception, request_id: str) -> dict[str, Any]:
    """The inner object of the error envelope."""
    message = message_of(exc)
    error = {"code": kind_of(exc).code, "message": message, "request_id": request_id}
    if isinstance(exc, InvalidRequest) and (field := _field(message)):
        error["field"] = field
    return error


def to_response(exc: Exception, request_id: str) -> JSONResponse:
    """The error envelope."""
    error = {"error": error_object(exc, request_id)}
    return JSONResponse(error, kind_of(exc).status, headers_of(exc))


def _field(message: str) -> str | None:
    """Messages about a field start with its name."""
    word = message.partition(" ")[0]
    return word if word in _FIELDS else None


def headers_of(exc: Exception) -> dict[str, str]:
    """Those of the failure itself, and `Retry-After` where it belongs."""
    told = dict(exc.headers) if isinstance(exc, HttpError) else {}
    if kind_of(exc).status in (429, 503):
        seconds = exc.retry_after if isinstance(exc, Overloaded) else 1.0
        told.setdefault("Retry-After", str(max(1, math.ceil(seconds))))
    return told
