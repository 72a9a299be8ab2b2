"""Looks words up: those of `words.py` first, then the nouns of CC-CEDICT."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from runtime.chinese.words import ADJECTIVES, COLOURS, GRAMMAR, MATERIALS, NOUNS

CEDICT: Final = Path(__file__).with_name("data") / "cedict.tsv.gz"
_LATIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9'.&+-]*(?: +[A-Za-z0-9][A-Za-z0-9'.&+-]*)*")
_LONGEST: Final = 8  # characters of a word


@dataclass(frozen=True, slots=True)
class Word:
    """The English of a Chinese word. `kind` is "noun", "adjective" or "name" (Latin letters);
    `ours` tells the words of `words.py` from those of CC-CEDICT."""

    english: str
    kind: str
    ours: bool = True


class Unknown(Exception):
    """A part of a sentence, its only argument, cannot be translated."""

    @property
    def part(self) -> str:
        return str(self.args[0])


@cache
def _cedict() -> tuple[dict[int, str], dict[str, str]]:
    """Simplified forms by the code of the traditional character, and nouns."""
    text = gzip.decompress(CEDICT.read_bytes()).decode()
    traditional, simplified, *lines = text.splitlines()
    entries = (line.partition("\t") for line in lines)
    return (
        dict(zip(map(ord, traditional), simplified, strict=True)),
        {word: english for word, _, english in entries},
    )


def simplify(text: str) -> str:
    """Traditional characters as simplified ones."""
    return text.translate(_cedict()[0])


def look_up(text: str) -> Word | None:
    """A whole word. A single character is never looked up in CC-CEDICT: it means too much."""
    if text in NOUNS:
        return Word(NOUNS[text], "noun")
    for words in (COLOURS, ADJECTIVES, MATERIALS):
        if text in words:
            return Word(words[text], "adjective")
    if _LATIN.fullmatch(text):
        return Word(text, "name")
    english = _cedict()[1].get(text) if text not in GRAMMAR else None
    return Word(english, "noun", ours=False) if english else None


def words(text: str) -> list[Word]:
    """Cut `text` into the fewest words. Raises `Unknown` with what is no word.

    Two words of CC-CEDICT side by side are refused too: what they mean together is a guess.
    """
    best: list[tuple[int, list[Word]] | None] = [(0, [])] + [None] * len(text)
    for end in range(1, len(text) + 1):
        for start in range(end - 1, max(-1, end - _limit(text, end)) - 1, -1):
            before = best[start]
            word = look_up(text[start:end].strip()) if before else None
            if before and word and (best[end] is None or before[0] + 1 < best[end][0]):
                best[end] = (before[0] + 1, [*before[1], word])
    if found := best[-1]:
        foreign = [word for word in found[1] if not word.ours]
        if len(foreign) > 1 or any(
            word.english.count(" ") > 1
            for word in foreign[: len(found[1]) - 1]
            if word is not found[1][-1]
        ):
            raise Unknown(text)
        return found[1]
    known = max(index for index, entry in enumerate(best) if entry)
    raise Unknown(text[known:] or text)


def _limit(text: str, end: int) -> int:
    return _LONGEST if ord(text[end - 1]) > 127 else 40
