"""Fields from a JSON object, with the picture in base64."""

from __future__ import annotations

import base64
import io
import json
from typing import Any, BinaryIO, NoReturn

from runtime.errors import InvalidRequest
from service.errors import MALFORMED, HttpError
from service.face import Fields, Vocabulary
from service.reading.fields import check_names, check_present


def from_json(body: BinaryIO, vocabulary: Vocabulary) -> Fields:
    """Raises `HttpError` for what is no JSON object, `InvalidRequest` for a wrong field.

    A field that is null is absent.
    """
    given_pairs = pairs(body.read())
    names = [name for name, _ in given_pairs]
    check_names(names, vocabulary)
    given = {name: value for name, value in given_pairs if value is not None}
    check_present(list(given), vocabulary)
    for name in given.keys() & vocabulary.files:
        given[name] = io.BytesIO(_decoded(name, given[name]))
    for name in given.keys() & vocabulary.several:
        given[name] = _list(name, given[name])
    return Fields(given.pop("image"), given.pop("n", 1), given)


def pairs(body: bytes) -> list[tuple[str, Any]]:
    """Names and values of a JSON object. Raises `HttpError` for what is none."""
    try:
        found = json.loads(body.decode(), object_pairs_hook=_Object, parse_constant=_refuse)
    except (ValueError, RecursionError) as exc:
        raise HttpError(MALFORMED, f"the body is no JSON in UTF-8: {exc}"[:200]) from exc
    if not isinstance(found, _Object):
        raise HttpError(MALFORMED, f"the body holds {type(found).__name__}; send a JSON object")
    return found


class _Object(list[tuple[str, Any]]):
    """A JSON object with every name as often as it was sent."""


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _list(name: str, value: object) -> list[Any]:
    values = value if isinstance(value, list) and not isinstance(value, _Object) else [value]
    if not values:
        raise InvalidRequest(f"{name} is an empty list; give values, or leave it out")
    return values


def _decoded(name: str, image: object) -> bytes:
    if not isinstance(image, str):
        raise InvalidRequest(f"{name} is {type(image).__name__}; give the file's bytes in base64")
    try:
        return base64.b64decode(image, validate=True)
    except ValueError as exc:
        raise InvalidRequest(
            f"{name} is no base64 ({exc}); give the file's bytes alone, "
            "without line breaks or data:"
        ) from exc
