"""The sentences that a tokenizer's vocabulary is learned from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Final

import numpy as np

from train.changes import COLOURS, KINDS, NOUNS, OBJECT_KINDS, PLACES, Change
from train.instructions.grammar import pick
from train.instructions.write import GRAMMARS, write

_COLOURED: Final = ("tint", "recolour", "background_colour")
_WITHOUT_NOUN: Final = ("background_colour", "background_blur")
_NOTHING: Final = (None,)


def corpus(rng: np.random.Generator) -> Iterator[str]:
    """All kinds with all the nouns, colours and places they take, in both languages, some of them
    two at once. Held-out templates are not among them."""
    changes = tuple(_every_change(rng))
    for change in changes:
        for language in GRAMMARS:
            for _ in range(4 if change.noun else 60):
                yield write((change,), rng, language)
            yield write((change, pick(changes, rng)), rng, language)


def _every_change(rng: np.random.Generator) -> Iterator[Change]:
    """Every kind with every field it takes, but one `other` a noun, drawn."""
    for kind in KINDS:
        for noun, colour, place in product(*_fields(kind)):
            other = pick([n for n in NOUNS if n != noun], rng) if kind == "replace" else None
            yield Change(kind, noun, other, colour, place)


def _fields(kind: str) -> Sequence[Iterable[str | None]]:
    """The nouns, colours and places of a kind, None where it takes none."""
    has_noun = kind in OBJECT_KINDS and kind not in _WITHOUT_NOUN
    return (
        NOUNS if has_noun else _NOTHING,
        COLOURS if kind in _COLOURED else _NOTHING,
        (None, *PLACES) if kind == "add" else _NOTHING,
    )
