"""What the faces of the service have in common: a body becomes `Asked`, results a response."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from starlette.responses import Response

from runtime.editor import EditResult


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The fields beside `image` that a route takes, each with its type, and those that it needs."""

    types: Mapping[str, Any]
    required: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """A body that was read: the encoded picture, how many variations of the edit are asked for,
    and the other fields that were given.

    These have the types of the vocabulary (from JSON whatever was sent), and no bounds yet.
    """

    image: BinaryIO
    n: Any
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a face makes of fields: the `EditParams` fields among them, and how to answer."""

    params: Mapping[str, Any]
    media_type: str


@dataclass(frozen=True, slots=True)
class Face:
    """A route's way with edits. Both functions are called in a thread.

    `ask` takes the fields, with `n` in its bounds, and the `Accept` header; it raises
    `InvalidRequest` or `HttpError`.
    """

    vocabulary: Vocabulary
    ask: Callable[[Fields, str], Asked]
    answer: Callable[[Asked, Sequence[EditResult]], Response]
