"""Text on a sheet: one font for Western European letters, pinyin, Greek, Cyrillic, kana and Han.

Pillow's basic layout gives the same letters whether or not a shaping library is installed. What the
font lacks (emoji, Arabic, Hebrew, ...) is drawn as its box for missing letters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from PIL import ImageFont
from uniseg.graphemecluster import grapheme_clusters
from uniseg.linebreak import line_break_units

_FONT: Final = Path(__file__).parent.parent / "fonts" / "NotoSansSC-Regular.ttf"
_PITCH: Final = 1.45  # of a line, in ems: the font's own
ELLIPSIS: Final = "…"


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font at `size` pixels an em."""
    return ImageFont.truetype(_FONT, size, layout_engine=ImageFont.Layout.BASIC)


def pitch(size: int) -> int:
    """Pixels from one line to the next."""
    return round(_PITCH * size)


def wrapped(text: str, size: int, width: int, most: int) -> tuple[str, ...]:
    """`text` in at most `most` lines of at most `width` pixels.

    Lines are broken as Unicode says (UAX 14), inside a word only when it is longer than a line.
    What is left over is cut, and an ellipsis says so.
    """
    lines, taken = [""], 0.0
    for piece in _pieces(text, size, width):
        if lines[-1] and taken + piece.ink > width:
            if len(lines) > most:
                break
            lines.append("")
            taken = 0.0
        lines[-1] += piece.text
        taken += piece.advance
    kept = [line.rstrip() for line in lines[:most]]
    if len(lines) > most:
        kept[-1] = _cut(kept[-1], size, width)
    return tuple(kept)


def balanced(text: str, size: int, width: int, most: int) -> tuple[str, ...]:
    """As `wrapped`, with lines of about one length: for text that is not set from the left."""
    lines = wrapped(text, size, width, most)
    low, high = 0, width
    while high - low > size // 2:
        middle = (low + high) // 2
        if len(wrapped(text, size, middle, len(lines) + 1)) > len(lines):
            low = middle
        else:
            high = middle
    return wrapped(text, size, high, most)


def width_of(lines: Sequence[str], size: int) -> int:
    """Pixels of the longest line."""
    return max((round(_length(line, size) + 0.5) for line in lines), default=0)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text that stays together, the pixels it takes, and those without the space at its end."""

    text: str
    advance: float
    ink: float


def _pieces(text: str, size: int, width: int) -> Iterator[_Piece]:
    for unit in _units(text):
        piece = _piece(unit, size)
        if piece.ink <= width:
            yield piece
        else:
            yield from (_piece(cluster, size) for cluster in _clusters(unit))


@lru_cache(maxsize=16)  # one text is tried at several sizes and widths
def _units(text: str) -> tuple[str, ...]:
    return tuple(line_break_units(_visible(text)))


@lru_cache(maxsize=16)
def _clusters(unit: str) -> tuple[str, ...]:
    return tuple(grapheme_clusters(unit))


@lru_cache(maxsize=4096)
def _piece(text: str, size: int) -> _Piece:
    return _Piece(text, _length(text, size), _length(text.rstrip(), size))


def _length(text: str, size: int) -> float:
    """The font has no kerning: a text is as long as its letters are."""
    return sum(_advance(char, size) for char in text)


@lru_cache(maxsize=4096)
def _advance(char: str, size: int) -> float:
    return font(size).getlength(char)


def _visible(text: str) -> str:
    """Composed, white space as single spaces, without what has no shape: joiners, controls."""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(char for char in spaced if not _shapeless(char))


def _shapeless(char: str) -> bool:
    """Format and control characters, surrogates, and variation selectors."""
    return unicodedata.category(char) in ("Cc", "Cf", "Cs") or "\ufe00" <= char <= "\ufe0f"


def _cut(line: str, size: int, width: int) -> str:
    clusters = list(_clusters(line))
    while clusters and _length("".join(clusters).rstrip() + ELLIPSIS, size) > width:
        clusters.pop()
    return "".join(clusters).rstrip() + ELLIPSIS
