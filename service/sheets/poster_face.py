"""The face `/poster`: it edits the picture, or takes the edited one as a second file."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from functools import partial
from typing import BinaryIO, Final

from PIL import Image
from starlette.responses import Response

from runtime.editor import EditResult
from runtime.errors import InvalidRequest, UnsupportedImage
from runtime.manifest import Manifest
from runtime.params import EditParams
from runtime.provenance import Provenance, read_provenance
from service.answer import headers
from service.face import Asked, Face, Fields, Vocabulary, variations
from service.media import PNG
from service.reading.accept import chosen
from service.sheets.page import encoded
from service.sheets.poster import DPI, Poster, poster
from service.sheets.words import model_of, settings_of
from service.stages import decode

VOCABULARY: Final = Vocabulary(
    typing.get_type_hints(EditParams) | {"edited": BinaryIO},
    required=("instruction",),
    refused={"n": "is not taken: a poster shows one edit; leave it out"},
)


Check = Callable[[Image.Image], None]
"""Raises what forbids a picture to be shown."""


def poster_face(served: Manifest, check: Check) -> Face:
    """The face of a server of the model `served`."""
    return Face(VOCABULARY, partial(ask, served, check), partial(answer, served), may_answer=True)


def ask(served: Manifest, check: Check, fields: Fields, accept: str) -> Asked | Response:
    """See `Face`: with `edited` nothing is edited, and the poster is the answer."""
    media_type = chosen(accept, (PNG,))
    if "edited" not in fields.values:
        return Asked(fields.values, media_type, variations(1))
    values = dict(fields.values)
    data = values.pop("edited").read()
    instruction = values.pop("instruction")
    for name in values:
        raise InvalidRequest(
            f"{name} is of no use beside edited, which stays as it is; leave it out"
        )
    EditParams(instruction)  # for its bounds
    before, after = decode(fields.image.read()), _after(data)
    for image in (before, after):
        check(image)
    shown = Poster(before, after, instruction, _caption(data, served))
    return Response(_file(shown), media_type=media_type)


def answer(served: Manifest, asked: Asked, results: Sequence[EditResult]) -> Response:
    """See `Face`."""
    result = results[0]
    params = result.params
    caption = settings_of(params, model_of(result.bundle, served))
    drawn = _file(Poster(result.before, result.image, params.instruction, caption))
    return Response(drawn, media_type=asked.media_type, headers=headers(result))


def _after(data: bytes) -> Image.Image:
    try:
        return decode(data)
    except UnsupportedImage as exc:
        raise UnsupportedImage(f"edited cannot be taken: {exc}") from exc


def _caption(edited: bytes, served: Manifest) -> str:
    """From the record in the edited picture's file; empty when it holds none."""
    found = _record(edited)
    return settings_of(found.params, model_of(found.bundle, served)) if found else ""


def _record(edited: bytes) -> Provenance | None:
    try:
        return read_provenance(edited)
    except InvalidRequest:
        return None


def _file(shown: Poster) -> bytes:
    about = "; ".join(filter(None, (shown.instruction, shown.caption)))
    return encoded(poster(shown).drawn(), PNG, about, dpi=(DPI, DPI))
