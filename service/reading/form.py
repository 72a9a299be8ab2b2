"""Fields from a multipart form."""

from __future__ import annotations

import contextlib
import json
from typing import Any, BinaryIO

from starlette.datastructures import FormData, UploadFile

from runtime.errors import InvalidRequest
from service.face import Fields, Vocabulary
from service.reading.fields import check_names, check_present, listed, typed


def from_form(form: FormData, vocabulary: Vocabulary) -> Fields:
    """Raises `InvalidRequest` for a wrong field."""
    # image[] is how some clients name the only element of a list
    parts = [(name.removesuffix("[]"), part) for name, part in form.multi_items()]
    names = [name for name, _ in parts]
    check_names(names, vocabulary, repeatable=vocabulary.several)
    check_present(names, vocabulary)
    given: dict[str, Any] = {}
    for name, part in parts:
        if name in vocabulary.files:
            given[name] = _file(name, part)
            continue
        if isinstance(part, UploadFile):
            raise InvalidRequest(f"{name} is a file; send it as text")
        text = _text(name, part)
        if name in vocabulary.several:
            given.setdefault(name, []).extend(listed(name, text, vocabulary))
        else:
            given[name] = typed(name, text, vocabulary)
    given = {name: value for name, value in given.items() if value not in (None, [])}
    return Fields(given.pop("image"), given.pop("n", 1), given)


def _file(name: str, part: UploadFile | str) -> BinaryIO:
    if not isinstance(part, UploadFile):
        raise InvalidRequest(f"{name} is text; upload the file itself (URLs are not fetched)")
    return part.file


def _text(name: str, raw: str) -> str:
    """BentoML's client sends strings as JSON, curl and browsers as they are: take both."""
    text = raw
    if len(raw) >= 2 and raw[0] == raw[-1] == '"':
        with contextlib.suppress(ValueError):
            text = json.loads(raw)
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidRequest(f"{name} holds half a surrogate pair; send whole characters")
    return text
