"""JSON schemas of fields and bodies, derived from `EditParams` and from a route's vocabulary."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, Final

from runtime.manifest import Manifest
from runtime.params import EditParams
from service.face import Vocabulary
from service.media import FORM, JSON

Json = dict[str, Any]
"""An object of a JSON document."""

_TYPES: Final = {int: "integer", float: "number"}
_KINDS: Final = typing.get_type_hints(EditParams)


def edit_fields(manifest: Manifest, most: int) -> dict[str, Json]:
    """Schemas of `EditParams`, with the bundle's defaults, and of `n`, which is at most `most`."""
    fields = {spec.name: field_of(spec.name) for spec in dataclasses.fields(EditParams)}
    for name, value in manifest.defaults.items():
        fields[name]["default"] = value
    about = "variations: the same edit with consecutive seeds"
    counted = {"type": "integer", "minimum": 1, "maximum": most, "default": 1, "description": about}
    return {**fields, "n": counted}


def field_of(name: str) -> Json:
    """The schema of a field of `EditParams`."""
    spec = EditParams.__dataclass_fields__[name]
    schema: Json = {"description": spec.metadata["doc"]}
    kind: Any = _KINDS[spec.name]
    bounds = spec.metadata.get("bounds")
    if bounds is None:
        return schema | {"type": "string", "enum": [str(member) for member in kind]}
    low, high = int(bounds.low), int(bounds.high)
    if kind is str:
        return schema | {"type": "string", "minLength": low, "maxLength": high}
    return schema | {"type": _TYPES[kind], "minimum": low, "maximum": high}


def bodies(vocabulary: Vocabulary, fields: Mapping[str, Json], example: Json) -> Json:
    """The request body of a route, as a form and as JSON.

    `fields` are the schemas of the vocabulary's names, `example` a body without its picture.
    """
    files = vocabulary.files
    named = {name: fields[name] for name in vocabulary.types if name not in files}
    lists = {name: {"type": "array", "items": named[name]} for name in vocabulary.several}
    either = {name: {"anyOf": [named[name], several]} for name, several in lists.items()}
    types = {"contentType": "image/*"}
    return {
        "required": True,
        "content": {
            FORM: {
                "schema": _object(vocabulary, dict.fromkeys(files, _FILE) | named | lists),
                "encoding": dict.fromkeys(files, types),
            },
            JSON: {
                "schema": _object(vocabulary, dict.fromkeys(files, _BASE64) | named | either),
                "example": {"image": DOT, **example},
            },
        },
    }


_FILE: Final[Json] = {
    "type": "string",
    "format": "binary",
    "description": "the picture: JPEG, PNG, WebP, GIF, BMP or TIFF",
}
_BASE64: Final[Json] = {
    "type": "string",
    "format": "base64",
    "contentEncoding": "base64",
    "description": "the file's bytes in base64",
}
DOT: Final = (  # a grey PNG of 64 x 64 pixels
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAK0lEQVR42u3MMREAAAgEoNfkRjeEmwcBqMlNRyAQCAQC"
    "gUAgEAgEAsHzYAFAdAEArKmlZAAAAABJRU5ErkJggg=="
)


def _object(vocabulary: Vocabulary, properties: Mapping[str, Json]) -> Json:
    return {
        "type": "object",
        "required": ["image", *vocabulary.required],
        "properties": dict(properties),
        "additionalProperties": False,
    }
