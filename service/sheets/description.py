"""The operations `/sweep` and `/poster`, as OpenAPI describes them."""

from __future__ import annotations

from runtime.manifest import Manifest
from service.media import JSON, PNG
from service.openapi.answers import OF_AN_EDIT, content, errors, pictures, ref
from service.openapi.schemas import Json, bodies, edit_fields
from service.sheets import poster_face, sweep_face


def sheets(manifest: Manifest) -> Json:
    """Both take the fields of an edit."""
    fields = edit_fields(manifest, 1)
    return {
        "/sweep": {
            "post": {
                "operationId": "sweep",
                "tags": ["editing"],
                "summary": "Edit one picture in several ways, on a contact sheet",
                "requestBody": bodies(
                    sweep_face.VOCABULARY,
                    fields,
                    {"instruction": ["make it night"], "text_guidance": [1, 3], "seed": [7]},
                ),
                "responses": {
                    "200": pictures((JSON, ref("Sweep"))),
                    **errors(OF_AN_EDIT),
                },
            }
        },
        "/poster": {
            "post": {
                "operationId": "poster",
                "tags": ["editing"],
                "summary": "Before, after and the instruction on one A4 page",
                "requestBody": bodies(
                    poster_face.VOCABULARY, fields, {"instruction": "make it night", "seed": 7}
                ),
                "responses": {
                    "200": {
                        "description": "the page, 150 pixels an inch",
                        "content": content(PNG, {"type": "string", "format": "binary"}),
                    },
                    **errors(OF_AN_EDIT),
                },
            }
        },
    }
