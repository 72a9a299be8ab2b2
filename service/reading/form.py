"""Fields from a multipart form."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from starlette.datastructures import FormData, UploadFile

from runtime.errors import InvalidRequest
from service.face import Fields, Vocabulary
from service.reading.fields import check_names, check_present, typed


def from_form(form: FormData, vocabulary: Vocabulary) -> Fields:
    """Raises `InvalidRequest` for a wrong field."""
    # image[] is how some clients name the only element of a list
    parts = [(name.removesuffix("[]"), part) for name, part in form.multi_items()]
    names = [name for name, _ in parts]
    check_names(names, vocabulary)
    check_present(names, vocabulary)
    image = dict(parts)["image"]
    if not isinstance(image, UploadFile):
        raise InvalidRequest("image is text; upload the file itself (URLs are not fetched)")
    given: dict[str, Any] = {}
    for name, part in parts:
        if name == "image":
            continue
        if isinstance(part, UploadFile):
            raise InvalidRequest(f"{name} is a file; send it as text")
        value = typed(name, _text(name, part), vocabulary)
        if value is not None:
            given[name] = value
    return Fields(image.file, given.pop("n", 1), given)


def _text(name: str, raw: str) -> str:
    """BentoML's client sends strings as JSON, curl and browsers as they are: take both."""
    text = raw
    if len(raw) >= 2 and raw[0] == raw[-1] == '"':
        with contextlib.suppress(ValueError):
            text = json.loads(raw)
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidRequest(f"{name} holds half a surrogate pair; send whole characters")
    return text
