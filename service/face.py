"""What the faces of the service have in common: a body becomes `Asked`, results a response."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from PIL import Image
from starlette.responses import Response

from runtime.editor import EditResult
from runtime.params import EditParams


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The fields beside `image` that a route takes, each with its type, and those that it needs.

    A field of type `BinaryIO` is a file. `refused` are fields known from elsewhere, each with why
    it is refused and what helps; `several` are fields that may hold more than one value, and are
    read as lists.
    """

    types: Mapping[str, Any]
    required: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)
    several: Collection[str] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The fields that are files."""
        return ("image", *(name for name, kind in self.types.items() if kind is BinaryIO))


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
    """What a face makes of fields: the `EditParams` fields among them, and how to answer.

    `edits` makes of these, with the bundle's defaults, every edit of the picture that is to be
    made. `box` is the width and height that results have to fit into, instead of a `max_size`.
    `preview_every` is after how many steps a preview is wanted, 0 for none.
    """

    params: Mapping[str, Any]
    media_type: str
    edits: Callable[[EditParams], Sequence[EditParams]]
    box: tuple[int, int] | None = None
    preview_every: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request that was read and checked: the picture, as bytes and decoded, and its edits."""

    asked: Asked
    upload: bytes
    image: Image.Image
    edits: Sequence[EditParams]


def variations(count: int) -> Callable[[EditParams], Sequence[EditParams]]:
    """`count` edits with consecutive seeds."""
    return lambda params: [params.variation(offset) for offset in range(count)]


@dataclass(frozen=True, slots=True)
class Face:
    """A route's way with edits. Both functions are called in a thread.

    `ask` takes the fields, with `n` in its bounds, and the `Accept` header; it gives the answer
    itself where nothing is to be edited, and raises `InvalidRequest` or `HttpError`. Of a face that
    `may_answer` so, a body is read even when no edit would be taken.
    """

    vocabulary: Vocabulary
    ask: Callable[[Fields, str], Asked | Response]
    answer: Callable[[Asked, Sequence[EditResult]], Response]
    may_answer: bool = False
