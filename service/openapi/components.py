"""Schemas that several operations answer with."""

from __future__ import annotations

from typing import Final

from service.jobs.tables import Status
from service.media import PNG
from service.openapi.schemas import Json


def _closed(**properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties}


def _or_null(kind: str) -> Json:
    return {"type": [kind, "null"]}


_TEXT: Final[Json] = {"type": "string"}
_WHOLE: Final[Json] = {"type": "integer"}
_NUMBER: Final[Json] = {"type": "number"}
_BASE64: Final[Json] = {"type": "string", "contentEncoding": "base64"}
_STAGES: Final = ("queue", "encode", "denoise", "decode")

_ERROR: Final = _closed(code=_TEXT, message=_TEXT, request_id=_TEXT)
_SCORES: Final = _closed(input=_NUMBER, output=_NUMBER)
_SCORES["description"] = "scores of the content check from 0 to 1, where there is one"
_ERROR["properties"]["field"] = _TEXT | {"description": "the field to blame, where there is one"}

_IMAGE: Final = _closed(
    image=_BASE64 | {"contentMediaType": PNG},
    media_type=_TEXT,
    instruction=_TEXT,
    translation=_closed(instruction=_TEXT, negative_instruction=_TEXT, engine=_TEXT)
    | {"type": ["object", "null"], "description": "what was read in the place of Chinese"},
    seed=_WHOLE,
    size=_TEXT,
    steps=_WHOLE,
    sampler=_TEXT,
    rows=_WHOLE,
    seconds=_NUMBER,
    timings_ms=_closed(**dict.fromkeys(_STAGES, _NUMBER)),
)
_IMAGE["properties"]["content"] = _SCORES
_OPENAI_IMAGE: Final = _closed(b64_json=_BASE64, seed=_WHOLE)
_OPENAI_IMAGE["properties"]["content"] = _SCORES
_OPENAI_IMAGE["properties"]["revised_prompt"] = _TEXT | {
    "description": "what was read in the place of Chinese"
}
_AXIS: Final = _closed(field=_TEXT, values={"type": "array"})
_CELL: Final = _closed(
    row=_WHOLE, column=_WHOLE, instruction=_TEXT, text_guidance=_NUMBER, image_guidance=_NUMBER
)
_SWEEP: Final = _closed(
    sheet=_BASE64,
    media_type=_TEXT,
    axes=_closed(rows={"anyOf": [_AXIS, {"type": "null"}]}, columns=_AXIS),
    images={"type": "array", "items": {"allOf": [_IMAGE, _CELL]}},
)
_OPENAI_ERROR: Final = _closed(message=_TEXT, type=_TEXT, param=_or_null("string"), code=_TEXT)
_OPENAI_IMAGES: Final = _closed(
    created=_WHOLE,
    background=_TEXT,
    output_format=_TEXT,
    size=_TEXT,
    data={"type": "array", "items": _OPENAI_IMAGE},
)
_TRANSLATION: Final = _closed(
    instruction=_TEXT,
    language=_or_null("string"),
    translation=_or_null("string"),
    engine=_or_null("string"),
)
_MODEL: Final = _closed(id=_TEXT, object=_TEXT, created=_WHOLE, owned_by=_TEXT)
_MOMENT: Final[Json] = {"type": "string", "format": "date-time"}
STATUS: Final[Json] = _TEXT | {"enum": [str(status) for status in Status]}
"""Of a job."""

_JOB: Final = _closed(
    id=_TEXT,
    status=STATUS,
    seeds={"type": "array", "items": _WHOLE},
    params={"type": "object", "description": "every other parameter of its edits"},
    bundle=_TEXT | {"description": "digest of the manifest that it was resolved with"},
    created=_MOMENT,
    **dict.fromkeys(("started", "finished", "expires"), _or_null("string")),
    position=_or_null("integer") | {"description": "among the queued ones, from 1"},
    progress=_closed(step=_WHOLE, steps=_WHOLE),
    attempts=_WHOLE,
    error={"anyOf": [_ERROR, {"type": "null"}]},
    url=_TEXT,
    result_url=_TEXT,
)
SECURITY: Final[Json] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
"""Ways to send an API key, one of which is enough."""

_ABOUT: Final = _closed(
    name=_TEXT,
    bundle=_TEXT | {"description": "digest of the manifest of what is served"},
    weights=_or_null("string") | {"description": "package of the weights; null: the bundle's own"},
    version=_TEXT,
    licence=_TEXT,
    languages={"type": "array", "items": _TEXT | {"description": "ISO 639-1"}},
    fields={"type": "object", "additionalProperties": {"type": "object"}},
    previews={"type": "boolean"},
    max_upload_bytes=_WHOLE,
)

_WEIGHTS: Final = _closed(
    serving=_closed(name=_or_null("string"), bundle=_TEXT),
    packages={
        "type": "array",
        "items": _closed(name=_TEXT, bundle=_TEXT, fits={"type": "boolean"}),
    },
)

SCHEMAS: Final[Json] = {
    "Weights": _WEIGHTS,
    "Job": _JOB,
    "Jobs": _closed(jobs={"type": "array", "items": _JOB}, next=_or_null("string")),
    "About": _ABOUT,
    "Error": _closed(error=_ERROR),
    "Edits": _closed(images={"type": "array", "items": _IMAGE}),
    "Translation": _TRANSLATION,
    "Sweep": _SWEEP,
    "OpenAIError": _closed(error=_OPENAI_ERROR),
    "OpenAIImages": _OPENAI_IMAGES,
    "OpenAIModel": _MODEL,
    "OpenAIModels": _closed(object=_TEXT, data={"type": "array", "items": _MODEL}),
}
