"""What an evaluation asks about: rows of edits, splits of pictures and words, sizes.

Every split changes one thing about the base, in which all is held out but the combinations of edit
and noun. Splits that differ in their words alone share their pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from train import whole
from train.changes import OBJECT_KINDS, WHOLE_KINDS
from train.instructions import Language
from train.photos import Split as Side
from train.samples import Combination

ADD_AT: Final = "add_at_place"
NO_OPS: Final = ("keep", "absent")
SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "whole picture": tuple(kind for kind in WHOLE_KINDS if kind in whole.DETERMINISTIC),
    "random target": tuple(sorted(whole.RANDOM_TARGET)),
    "objects": (
        *("add", "remove", "replace", "recolour", "bigger", "smaller"),
        *("hat", "sunglasses", "background_colour", "background_blur", "two"),
    ),
    "counting": ("duplicate", "triple"),
    "places": (ADD_AT, "move_left", "move_right", "move_up", "move_down"),
    "nothing to change": NO_OPS,
}
"""What is reported together. A row is a kind of pair, but that adding at a named place is apart."""
ROWS: Final = tuple(row for rows in SECTIONS.values() for row in rows)

# Their places and shades are fractions of a square: elsewhere no target is the one right answer.
SQUARE_ONLY: Final = frozenset(
    {"add", ADD_AT, "move_left", "move_right", "move_up", "move_down", "two", "background_colour"}
)

SIDE_MULTIPLE: Final = 16
_SMALLEST: Final = 64


@dataclass(frozen=True, slots=True)
class Source:
    """Where the pictures of a split come from."""

    photos: Side = "held_out"
    cutouts: Side = "held_out"
    combination: Combination = "seen"


@dataclass(frozen=True, slots=True)
class Split:
    """One way to ask, and of which pictures."""

    name: str
    source: Source = Source()
    language: Language = "en"
    held_out_words: bool = True


BASE: Final = Split("base")
SPLITS: Final = (
    BASE,
    Split("training wordings", held_out_words=False),
    Split("Chinese", language="zh"),
    Split("unseen combinations", Source(combination="unseen")),
    Split("training cut-outs", Source(cutouts="train")),
    Split("training photos", Source(photos="train")),
)
SUITES: Final[Mapping[str, tuple[Split, ...]]] = {"mini": SPLITS, "base": (BASE,)}


@dataclass(frozen=True, slots=True)
class Size:
    """Of the pictures, in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def parse_size(text: str, largest: int | None = None) -> Size:
    """Of "128", or "160x112": width by height. Raises ``ValueError`` for any other text, and sides
    that are too small, above ``largest`` or no multiple of 16."""
    try:
        sides = [int(side) for side in text.split("x")]
        width, height = sides * 2 if len(sides) == 1 else sides
    except ValueError as exc:
        raise ValueError(f"size {text!r} is none: give 128 or 160x112") from exc
    if min(width, height) < _SMALLEST or width % SIDE_MULTIPLE or height % SIDE_MULTIPLE:
        raise ValueError(
            f"size {text!r} is not possible: give multiples of {SIDE_MULTIPLE} from {_SMALLEST} on"
        )
    if largest is not None and max(width, height) > largest:
        raise ValueError(
            f"size {text!r} is above the checkpoint's max_size: give {largest} at most"
        )
    return Size(width, height)


def rows_of(source: Source, size: Size) -> tuple[str, ...]:
    """The rows that make sense: unseen combinations are of edits of named objects alone."""
    rows = ROWS
    if source.combination == "unseen":
        rows = tuple(row for row in rows if kind_of(row) in OBJECT_KINDS or row == "two")
        rows = tuple(row for row in rows if not row.startswith("background"))
    if size.width != size.height:
        rows = tuple(row for row in rows if row not in SQUARE_ONLY)
    return rows


def kind_of(row: str) -> str:
    """The kind of pair that a row is drawn from."""
    return "add" if row == ADD_AT else row
