"""The operations of the OpenAI images API, as OpenAPI describes them."""

from __future__ import annotations

from typing import Final

from runtime.manifest import Manifest
from service.errors import MODEL_NOT_FOUND, UNAUTHORIZED
from service.media import JSON
from service.openai.errors import seen
from service.openai.face import CHOICES, NAMES, VOCABULARY
from service.openapi.answers import OF_AN_EDIT, content, errors, ref
from service.openapi.schemas import Json, bodies, edit_fields

_ERROR: Final = "OpenAIError"


def openai(manifest: Manifest, most: int) -> Json:
    """`most` is the bound of `n`."""
    return {
        "/v1/images/edits": {
            "post": {
                "operationId": "openai_edit",
                "tags": ["OpenAI"],
                "summary": "Edit one picture, in OpenAI's words",
                "requestBody": bodies(
                    VOCABULARY, _fields(manifest, most), {"prompt": "make it night", "seed": 7}
                ),
                "responses": {
                    "200": _json("pictures in base64", "OpenAIImages"),
                    **errors(map(seen, (*OF_AN_EDIT, MODEL_NOT_FOUND)), _ERROR),
                },
            }
        },
        "/v1/models": {
            "get": {
                "operationId": "openai_models",
                "tags": ["OpenAI"],
                "summary": "The model that is served",
                "responses": {
                    "200": _json("a list of one", "OpenAIModels"),
                    **errors([UNAUTHORIZED], _ERROR),
                },
            }
        },
        "/v1/models/{model}": {
            "get": {
                "operationId": "openai_model",
                "tags": ["OpenAI"],
                "summary": "What is known of a model",
                "parameters": [
                    {
                        "name": "model",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string"},
                        "example": manifest.name,
                    }
                ],
                "responses": {
                    "200": _json("the model", "OpenAIModel"),
                    **errors([MODEL_NOT_FOUND, UNAUTHORIZED], _ERROR),
                },
            }
        },
    }


def _fields(manifest: Manifest, most: int) -> dict[str, Json]:
    fields = edit_fields(manifest, most)
    for own, theirs in NAMES.items():
        fields[theirs] = fields.pop(own)
    fields["size"] = {"type": "string", "pattern": r"^(auto|\d{1,5}x\d{1,5})$", "default": "auto"}
    fields["model"] = {"type": "string", "enum": [manifest.name], "default": manifest.name}
    fields["user"] = {"type": "string", "description": "not looked at"}
    for name, (known, _) in CHOICES.items():
        fields[name] = {"type": "string", "enum": list(known), "default": known[0]}
    return fields


def _json(about: str, schema: str) -> Json:
    return {"description": about, "content": content(JSON, ref(schema))}
