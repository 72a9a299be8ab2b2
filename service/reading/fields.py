"""Names and values of the fields that a body holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from runtime.errors import InvalidRequest
from service.face import Vocabulary

_MAX_VALUE: Final = 40  # characters of a number or a name


def check_names(
    names: Sequence[str], vocabulary: Vocabulary, repeatable: Collection[str] = ()
) -> None:
    """Raises `InvalidRequest` for a field that is unknown, refused or given twice."""
    known = ("image", *vocabulary.types)
    for name in names:
        if name in vocabulary.refused:
            raise InvalidRequest(f"{name} {vocabulary.refused[name]}")
        if name not in known:
            raise InvalidRequest(f"field {name!r:.60} is unknown; known: {', '.join(known)}")
        if names.count(name) > 1 and name not in repeatable:
            raise InvalidRequest(f"{name} is given {names.count(name)} times; give it once")


def check_present(names: Sequence[str], vocabulary: Vocabulary) -> None:
    """Raises `InvalidRequest` for a field that is missing."""
    for name in ("image", *vocabulary.required):
        if name not in names:
            raise InvalidRequest(f"{name} is missing; give it")


def listed(name: str, text: str, vocabulary: Vocabulary) -> list[Any]:
    """The values of a field that may hold several: numbers between commas, text as a whole."""
    if vocabulary.types[name] is str or "," not in text:
        value = typed(name, text, vocabulary)
        return [] if value is None else [value]
    values = [typed(name, part.strip(), vocabulary) for part in text.split(",")]
    if None in values:
        raise InvalidRequest(f"{name} {text!r:.60} has a value too few; give one at every comma")
    return values


def typed(name: str, text: str, vocabulary: Vocabulary) -> Any:
    """The text as the field's type; None when it is absent: JSON null, or an empty input."""
    kind = vocabulary.types[name]
    if name in vocabulary.required:
        return text
    if text in ("", "null"):
        return None
    if kind is str:
        return text
    what = {int: "whole number", float: "number"}.get(kind, "name")
    if len(text) > _MAX_VALUE:
        raise InvalidRequest(f"{name} has {len(text)} characters, which is no {what}; give one")
    if what == "name":
        return text
    try:
        return kind(text)
    except ValueError as exc:
        raise InvalidRequest(f"{name} {text!r} is no {what}; give one") from exc
