"""Responses of the document: pictures, JSON, and errors by status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from runtime.errors import (
    InvalidRequest,
    NonFinite,
    OutOfMemory,
    Overloaded,
    ShuttingDown,
    UnsupportedImage,
)
from service.answer import PICTURES
from service.errors import (
    CONTENT_REFUSED,
    FOREIGN_PAGE,
    KINDS,
    MALFORMED,
    NOT_ACCEPTABLE,
    NOT_TAKEN,
    RATE_LIMITED,
    SLOW_UPLOAD,
    TIMEOUT,
    TOO_LARGE,
    UNAUTHORIZED,
    Kind,
)
from service.media import JSON
from service.openapi.schemas import Json

_RAISED: Final = (
    *(InvalidRequest, UnsupportedImage, Overloaded, OutOfMemory, ShuttingDown, NonFinite),
    Exception,
)
OF_AN_EDIT: Final[tuple[Kind, ...]] = (
    *(MALFORMED, NOT_ACCEPTABLE, SLOW_UPLOAD, TOO_LARGE, NOT_TAKEN, TIMEOUT),
    *(UNAUTHORIZED, FOREIGN_PAGE, RATE_LIMITED, CONTENT_REFUSED),
    *(KINDS[error] for error in _RAISED),
)
"""Ways in which a route that edits can fail."""


def errors(kinds: Iterable[Kind], schema: str = "Error") -> Json:
    """One response a status, which names its codes. `schema` is that of the body."""
    codes: dict[int, list[str]] = {}
    for kind in kinds:
        codes.setdefault(kind.status, []).append(kind.code)
    return {str(status): _error(status, codes[status], schema) for status in sorted(codes)}


def _error(status: int, codes: Sequence[str], schema: str) -> Json:
    response: Json = {
        "description": "code: " + ", ".join(f"`{code}`" for code in codes),
        "content": content(JSON, ref(schema)),
    }
    if status in (429, 503):
        response["headers"] = {"Retry-After": _header("seconds to wait", "integer")}
    if status == 401:
        response["headers"] = {"WWW-Authenticate": _header("how to send the key", "string")}
    return response


def pictures(*further: tuple[str, Json]) -> Json:
    """The answer with a picture, of any type that `Accept` may choose; `further` types beside."""
    media: Json = {name: {"schema": {"type": "string", "format": "binary"}} for name in PICTURES}
    for name, schema in further:
        media |= content(name, schema)
    told = {name: _header(about, kind) for name, (about, kind) in _HEADERS.items()}
    return {"description": "the edited picture", "headers": told, "content": media}


_HEADERS: Final = {
    "X-Retouch-Seed": ("with the same fields, it repeats the edit", "integer"),
    "X-Retouch-Size": ("width and height of the result", "string"),
    "X-Retouch-Steps": ("sampler steps", "integer"),
    "X-Retouch-Sampler": ("update rule", "string"),
    "X-Retouch-Rows": ("lines of the UNet batch that this edit took", "integer"),
    "X-Retouch-Seconds": ("time in the engine, waiting included", "number"),
    "X-Retouch-Translation": ("what was read in the place of Chinese", "string"),
    "X-Retouch-Content": ("scores of the content check, where there is one", "string"),
    "Server-Timing": ("its parts, in milliseconds", "string"),
}


def _header(about: str, kind: str) -> Json:
    return {"description": about, "schema": {"type": kind}}


def content(media_type: str, schema: Json) -> Json:
    return {media_type: {"schema": schema}}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
