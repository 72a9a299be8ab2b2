"""The operations of weights, as OpenAPI describes them."""

from __future__ import annotations

from typing import Final

from runtime.errors import InvalidRequest, OutOfMemory, ShuttingDown, WeightsChanging
from service.errors import (
    FOREIGN_PAGE,
    KINDS,
    MALFORMED,
    NOT_ALLOWED,
    SLOW_UPLOAD,
    TOO_LARGE,
    UNAUTHORIZED,
)
from service.media import JSON
from service.openapi.answers import content, errors, ref
from service.openapi.schemas import Json
from service.weights.errors import OFF, REFUSED
from service.weights.routes import PATH

_RAISED: Final = (InvalidRequest, OutOfMemory, ShuttingDown, WeightsChanging, Exception)
_OF_A_CHANGE: Final = (
    *(MALFORMED, SLOW_UPLOAD, TOO_LARGE, UNAUTHORIZED, FOREIGN_PAGE),
    *(OFF, REFUSED, NOT_ALLOWED),
    *(KINDS[error] for error in _RAISED),
)
EXAMPLE: Final = {"name": "night.weights"}


def weights() -> Json:
    """`/weights`, on a server that lets weights be replaced."""
    told = {"description": "what is served now", "content": content(JSON, _WEIGHTS)}
    name = {"type": ["string", "null"], "description": "of a package; null: the bundle's own"}
    body = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": name},
        "additionalProperties": False,
    }
    change = {
        **_named("replace_weights", "Serve other weights; answers when they are served"),
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": body, "example": EXAMPLE}},
        },
        "responses": {"200": told, **errors(_OF_A_CHANGE)},
    }
    look = {
        **_named("weights", "Which weights are served, and which could be"),
        "responses": {"200": told, **errors((UNAUTHORIZED, OFF, KINDS[Exception]))},
    }
    return {PATH: {"get": look, "put": change}}


def _named(name: str, about: str) -> Json:
    return {"operationId": name, "tags": ["operation"], "summary": about}


_WEIGHTS: Final = ref("Weights")
