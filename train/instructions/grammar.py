"""What a language's table holds, and how a template becomes a sentence.

A *template* is a sentence with slots, such as ``"remove {the}"``. Every slot has options, and a
template with its slots filled is a *plain sentence*: lower case, without politeness or mistakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from string import Formatter
from typing import TypeVar

import numpy as np

from train.changes import Change

Slots = Mapping[str, tuple[str, ...]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wording:
    """The templates of one kind: `groups` are as likely as each other, as are the templates within
    a group. `held_out` is kept for evaluation."""

    groups: tuple[tuple[str, ...], ...]
    held_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grammar:
    """A language. Nouns and colours have one `Slots` a synonym, so that a template which names its
    object twice says the same word twice. `others` are the nouns as what replaces another."""

    wordings: Mapping[str, Wording]
    words: Slots
    nouns: Mapping[str, tuple[Slots, ...]]
    others: Mapping[str, tuple[Slots, ...]]
    colours: Mapping[str, tuple[Slots, ...]]
    places: Mapping[str, Slots]
    # The picture by name: "it" would be misread after a sentence about an object.
    named_picture: tuple[str, ...]
    join: Callable[[str, str, np.random.Generator], str]
    dress: Callable[[str, np.random.Generator], str]

    def wording(self, change: Change) -> Wording:
        """The templates for `change`; "add" has its own where the place is given."""
        return self.wordings["add_at" if change.place else change.kind]

    def vocabularies(self, change: Change) -> tuple[Sequence[Slots], ...]:
        """What fills the slots: one `Slots` out of each sequence."""
        found: list[Sequence[Slots]] = [(self.words,)]
        if change.noun:
            found.append(self.nouns[change.noun])
        if change.other:
            found.append(self.others[change.other])
        if change.colour:
            found.append(self.colours[change.colour])
        if change.place:
            found.append((self.places[change.place],))
        return tuple(found)


def pick(options: Sequence[T], rng: np.random.Generator) -> T:
    """One of the options; several times faster than `rng.integers` or `rng.choice`."""
    return options[int(rng.random() * len(options))]


def formed(forms: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    """Templates: every form with every word in place of its ``{x}``."""
    return tuple(form.replace("{x}", word) for form in forms for word in words)


def as_others(nouns: Mapping[str, tuple[Slots, ...]]) -> dict[str, tuple[Slots, ...]]:
    """The same nouns with slots named ``other_…``."""
    return {
        noun: tuple({f"other_{slot}": words for slot, words in form.items()} for form in forms)
        for noun, forms in nouns.items()
    }


def merged(vocabularies: Sequence[Slots]) -> Slots:
    """All their slots; a later vocabulary overrides an earlier one."""
    slots: dict[str, tuple[str, ...]] = {}
    for vocabulary in vocabularies:
        slots.update(vocabulary)
    return slots


@cache
def slots_of(template: str) -> tuple[str, ...]:
    """The names of a template's slots."""
    return tuple(dict.fromkeys(name for _, name, _, _ in Formatter().parse(template) if name))


def fill(template: str, slots: Slots, rng: np.random.Generator) -> str:
    """A plain sentence, each slot with one of its options."""
    return template.format_map({name: pick(slots[name], rng) for name in slots_of(template)})


def fill_all(template: str, slots: Slots) -> Iterator[str]:
    """Every plain sentence of a template."""
    names = slots_of(template)
    for words in product(*(slots[name] for name in names)):
        yield template.format_map(dict(zip(names, words, strict=True)))
