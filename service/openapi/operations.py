"""The operation `/edit`, and those that watch over the service."""

from __future__ import annotations

from typing import Final

from runtime.errors import InvalidRequest
from runtime.manifest import Manifest
from service.edit import EDIT
from service.errors import (
    FOREIGN_PAGE,
    KINDS,
    MALFORMED,
    RATE_LIMITED,
    SLOW_UPLOAD,
    TOO_LARGE,
    UNAUTHORIZED,
)
from service.media import JSON
from service.openapi.answers import OF_AN_EDIT, content, errors, pictures, ref
from service.openapi.schemas import Json, bodies, edit_fields, field_of
from service.stream.face import MEDIA_TYPE, MOST_STEPS
from service.stream.face import VOCABULARY as STREAM

_EXAMPLE: Final = {"instruction": "make it night", "seed": 7}


_RAISED: Final = (KINDS[InvalidRequest], KINDS[Exception])


def editing(manifest: Manifest, most: int) -> Json:
    """`most` is the bound of `n`."""
    fields = edit_fields(manifest, most)
    operation = {
        "operationId": "edit",
        "tags": ["editing"],
        "summary": "Edit one picture",
        "requestBody": bodies(EDIT.vocabulary, fields, _EXAMPLE),
        "responses": {
            "200": pictures((JSON, ref("Edits"))),
            **errors(OF_AN_EDIT),
        },
    }
    return {"/edit": {"post": operation}, "/edit/stream": {"post": _streaming(fields)}}


def _streaming(fields: Json) -> Json:
    every = {
        "type": "integer",
        "minimum": 0,
        "maximum": MOST_STEPS,
        "default": 0,
        "description": "steps from one preview to the next; 0 for none",
    }
    told = (
        "events `queued`, `progress` and, last, one of `result` (the schema `Edits`) and `error` "
        "(what is in the envelope of errors), each with one line of JSON"
    )
    return {
        "operationId": "edit_stream",
        "tags": ["editing"],
        "summary": "Edit one picture and tell how far it is",
        "requestBody": bodies(STREAM, fields | {"preview_every": every}, _EXAMPLE),
        "responses": {
            "200": {"description": told, "content": content(MEDIA_TYPE, _EVENT)},
            **errors(OF_AN_EDIT),
        },
    }


_EVENT: Final[Json] = {  # each one of the stream
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["queued", "progress", "result", "error"]},
        "data": {"type": "string", "contentMediaType": JSON},
    },
}
_ABOUT: Final = content(JSON, ref("About"))


def translating() -> Json:
    """`/translate`."""
    operation = {
        "operationId": "translate",
        "tags": ["editing"],
        "summary": "What the model would read in the place of a Chinese instruction",
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": {
                        "type": "object",
                        "required": ["instruction"],
                        "properties": {"instruction": field_of("instruction")},
                        "additionalProperties": False,
                    },
                    "example": {"instruction": "把猫换成狗"},
                }
            },
        },
        "responses": {
            "200": {
                "description": "the translation; null where the words are read as they are",
                "content": content(JSON, ref("Translation")),
            },
            **errors(
                (
                    MALFORMED,
                    UNAUTHORIZED,
                    FOREIGN_PAGE,
                    RATE_LIMITED,
                    SLOW_UPLOAD,
                    TOO_LARGE,
                    *_RAISED,
                )
            ),
        },
    }
    return {"/translate": {"post": operation}}


def watching() -> Json:
    """What the server is, probes and metrics."""
    return {
        "/about": {
            "get": {
                "operationId": "about",
                "tags": ["operation"],
                "security": [],
                "summary": "The model, its languages, and every field with its bounds and default",
                "responses": {"200": {"description": "facts", "content": _ABOUT}},
            }
        },
        "/livez": _probe("live", "503 when the engine's thread has died: restart the process"),
        "/readyz": _probe("ready", "200 once the model is loaded and warm; 503 while draining"),
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "tags": ["operation"],
                "security": [],
                "summary": "Prometheus metrics",
                "responses": {
                    "200": {
                        "description": "text format 0.0.4",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    }
                },
            }
        },
    }


def _probe(name: str, about: str) -> Json:
    return {
        "get": {
            "operationId": name,
            "tags": ["operation"],
            "security": [],
            "summary": about,
            "responses": {"200": {"description": "yes"}, "503": {"description": "no"}},
        }
    }
