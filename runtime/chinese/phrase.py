"""English noun phrases: number, articles and what stands around a noun."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Final

_IRREGULAR: Final = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "sheep": "sheep",
    "fish": "fish", "goldfish": "goldfish", "deer": "deer", "mouse": "mice", "goose": "geese",
    "leaf": "leaves", "wolf": "wolves", "knife": "knives", "passer-by": "passers-by",
    "snowman": "snowmen", "mooncake": "mooncakes", "bookshelf": "bookshelves", "elf": "elves",
}  # fmt: skip
_VOWEL: Final = re.compile("(?i:[aeio]|u(?!ni|s|t|FO))(?!ne-|uro)")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A thing. `head` is singular unless `plural`; `mass` things are not counted.

    `count` is a number in words ("three", "some", "all"), `whose` a possessor with its article or
    "his", `after` what follows the head.
    """

    head: str
    plural: bool = False
    mass: bool = False
    name: bool = False
    count: str = ""
    adjectives: tuple[str, ...] = ()
    whose: str = ""
    after: tuple[str, ...] = ()
    pronoun: str = ""

    @property
    def many(self) -> bool:
        return self.plural or self.count not in ("", "one")

    def definite(self) -> str:
        """As something that is there: "the three cats"."""
        if self.pronoun:
            return self.pronoun
        article = self.whose or ("" if self.name else "the")
        count = "" if self.count in ("one", "some") else self.count
        before = ["all the" if count == "all" and article == "the" else f"{article} {count}"]
        return self._joined(before)

    def indefinite(self) -> str:
        """As something new: "a cat"."""
        if self.whose.startswith("the ") and not self.name:  # an angel's wings
            new = dataclasses.replace(self, adjectives=(self.whose[4:], *self.adjectives), whose="")
            return new.indefinite()
        if self.pronoun or self.whose:
            return self.definite()
        if self.count not in ("", "one") or self.mass or self.name:
            return self._joined([self.count if self.count != "all" else ""])
        if self.plural and self.count != "one":
            return self._joined([])
        text = self._joined([])
        return f"{'an' if _VOWEL.match(text) else 'a'} {text}"

    def _joined(self, before: list[str]) -> str:
        parts = [*before, *self.adjectives, plural(self).head, *self.after]
        return " ".join(" ".join(parts).split())


def plural(phrase: Phrase) -> Phrase:
    """The head in the form that the count asks for."""
    plural, _, singular = phrase.head.partition("/")
    if singular:
        one = phrase.count == "one"
        return dataclasses.replace(phrase, head=singular if one else plural, plural=not one)
    if phrase.mass or phrase.name or phrase.plural or not phrase.many or phrase.pronoun:
        return phrase
    return dataclasses.replace(phrase, head=plural_of(phrase.head), plural=True)


def plural_of(noun: str) -> str:
    start, space, last = noun.rpartition(" ")
    if last in _IRREGULAR:
        changed = _IRREGULAR[last]
    elif last.endswith(("s", "x", "ch", "sh")):
        changed = f"{last}es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        changed = f"{last[:-1]}ies"
    else:
        changed = f"{last}s"
    return start + space + changed
