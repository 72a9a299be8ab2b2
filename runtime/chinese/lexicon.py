"""Looks words up: those of `words.py` first, then the nouns of CC-CEDICT."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from runtime.chinese.effects import ACTIONS, COMPARATIVES, STATES
from runtime.chinese.words import ADJECTIVES, COLOURS, GRAMMAR, MATERIALS, NOUNS

CEDICT: Final = Path(__file__).with_name("data") / "cedict.tsv.gz"
_NO_NOUNS: Final = GRAMMAR | COMPARATIVES.keys() | STATES.keys() | ACTIONS.keys()
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
    english = "" if text in _NO_NOUNS else _cedict()[1].get(text, "")
    kind = "adjective" if english.startswith("*") else "noun"
    return Word(english.removeprefix("*"), kind, ours=False) if english else None


def words(text: str) -> list[Word]:
    """Cut `text` into the fewest words. Raises `Unknown` with what is no word.

    Two words of CC-CEDICT side by side are refused too: what they mean together is a guess.
    """
    if not text:
        raise Unknown(text)
    best: list[tuple[float, list[Word]] | None] = [(0, [])] + [None] * len(text)
    for end in range(1, len(text) + 1):
        for start in range(end - 1, max(-1, end - _limit(text, end)) - 1, -1):
            before = best[start]
            word = look_up(text[start:end].strip()) if before else None
            if before and word:
                cost, so_far = before[0] + _cost(word), best[end]
                if so_far is None or cost < so_far[0]:
                    best[end] = (cost, [*before[1], word])
    if found := best[-1]:
        if _guessed(found[1]):
            raise Unknown(text)
        return found[1]
    known = max(index for index, entry in enumerate(best) if entry)
    raise Unknown(text[known:] or text)


def _guessed(found: list[Word]) -> bool:
    """Whether words of CC-CEDICT stand together, or a long one before another word."""
    foreign = [word for word in found if not word.ours]
    if found[-1] in foreign and len(foreign) == 2 and foreign[0].english[0].isupper():
        return foreign[0].english.count(" ") > 0  # 东京街道: a name may stand before a noun
    return len(foreign) > 1 or any(
        word.english.count(" ") > 1 for word in foreign[:1] if word != found[-1]
    )


def _cost(word: Word) -> float:
    """小桥 is a small bridge rather than somebody of that name."""
    if word.ours:
        return 1
    return 2.5 if word.english[0].isupper() else 1.2


def _limit(text: str, end: int) -> int:
    return _LONGEST if ord(text[end - 1]) > 127 else 40
