"""The face `/v1/images/edits`: OpenAI's names for an edit, so that its clients work here.

What OpenAI's models take and this one cannot honour is refused, never ignored.
"""

from __future__ import annotations

import re
import time
import typing
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from runtime.editor import EditResult
from runtime.errors import InvalidRequest
from runtime.params import EditParams
from service.answer import PICTURES, headers, in_base64, verdict
from service.errors import MODEL_NOT_FOUND, HttpError
from service.face import Asked, Face, Fields, Vocabulary, variations

NAMES: Final = {"instruction": "prompt", "max_size": "size"}
"""Fields of `EditParams` that are called otherwise here."""

# By `extra_body`.
_OWN: Final = {
    name: kind for name, kind in typing.get_type_hints(EditParams).items() if name not in NAMES
}
_SIZE: Final = re.compile(r"(\d{1,5})x(\d{1,5})", re.ASCII)
_FORMATS: Final = {media_type.removeprefix("image/"): media_type for media_type in PICTURES}

# Fields of which only these values can be honoured, the default first, and what helps.
CHOICES: Final = {
    "response_format": (("b64_json",), "nothing is stored that a URL could lead to"),
    "output_format": (tuple(_FORMATS), "other formats are not written"),
    "quality": (("auto",), "give steps"),
    "background": (("auto", "opaque"), "results have no transparency"),
    "stream": (("false",), "answers come whole"),
}
VOCABULARY: Final = Vocabulary(
    types=dict.fromkeys(("prompt", "size", "model", "user", *CHOICES), str) | _OWN | {"n": int},
    required=("prompt",),
    refused={
        "mask": "is not taken: the words alone decide what changes; leave it out",
        "input_fidelity": "is not known; give image_guidance, higher keeps the picture more",
    },
)


def openai_face(model: str) -> Face:
    """The face of a server of `model`, a bundle's name."""
    return Face(VOCABULARY, partial(ask, model), answer)


def check_model(asked: str, served: str) -> None:
    """Raises `HttpError` 404 for a model that is not served."""
    if asked != served:
        raise HttpError(MODEL_NOT_FOUND, f"model {asked!r:.100} is not served; ask for {served!r}")


def ask(model: str, fields: Fields, accept: str) -> Asked:
    """See `Face`. The answer is JSON, whatever is accepted."""
    values = dict(fields.values)
    check_model(values.pop("model", model), model)
    chosen = {name: _choice(name, values) for name in CHOICES}
    params = {name: value for name, value in values.items() if name in _OWN}
    return Asked(
        params | {"instruction": values["prompt"]},
        _FORMATS[chosen["output_format"]],
        variations(fields.n),
        _box(values.get("size", "auto")),
    )


def answer(asked: Asked, results: Sequence[EditResult]) -> Response:
    """See `Face`. Beside OpenAI's keys each picture has its `seed` and its `verdict`."""
    first = results[0].image
    body = {
        "created": int(time.time()),
        "background": "opaque",
        "output_format": asked.media_type.removeprefix("image/"),
        "size": f"{first.width}x{first.height}",
        "data": [_entry(one, asked.media_type) for one in results],
    }
    return JSONResponse(body, headers=headers(results[0]))


def _entry(result: EditResult, media_type: str) -> dict[str, Any]:
    """OpenAI's word for what a model read in the place of the prompt is `revised_prompt`."""
    picture = in_base64(result, media_type)
    entry = {"b64_json": picture, "seed": result.params.seed, **verdict(result)}
    if result.translation:
        entry["revised_prompt"] = result.translation.instruction
    return entry


def _choice(name: str, values: dict[str, Any]) -> str:
    known, remedy = CHOICES[name]
    value: str = values.get(name, known[0])
    if value not in known:
        raise InvalidRequest(f"{name} {value!r:.60} cannot be given: {remedy}; {_one_of(known)}")
    return value


def _one_of(choices: Sequence[str]) -> str:
    return f"ask for {' or '.join(choices)}"


def _box(size: str) -> tuple[int, int] | None:
    """Width and height that the result is to fit into; None leaves them to the bundle."""
    if size == "auto":
        return None
    bounds = EditParams.__dataclass_fields__["max_size"].metadata["bounds"]
    found = _SIZE.fullmatch(str(size))  # JSON may hold anything
    sides = [int(side) for side in found.groups()] if found else []
    if not sides or not all(bounds.low <= side <= bounds.high for side in sides):
        raise InvalidRequest(
            f"size {size!r:.60} is no size; give auto, or WIDTHxHEIGHT with both in "
            f"[{bounds.low}, {bounds.high}]"
        )
    return sides[0], sides[1]
