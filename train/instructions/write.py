"""From changes to what somebody would type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, product
from typing import Final, Literal

import numpy as np

from train.changes import KEEP, Change
from train.instructions.chinese import CHINESE
from train.instructions.english import ENGLISH
from train.instructions.grammar import Grammar, Slots, fill, fill_all, merged, pick

Language = Literal["en", "zh"]
GRAMMARS: Final[Mapping[Language, Grammar]] = {"en": ENGLISH, "zh": CHINESE}


def write(
    changes: Sequence[Change],
    rng: np.random.Generator,
    language: Language,
    held_out: bool = False,
) -> str:
    """One way to ask for `changes`, at most two; without any, one to keep the picture.

    With `held_out` from the templates kept for evaluation alone, else never from those.
    Raises ValueError for more than two changes, and for a change that is not in `train.changes` or
    lacks a field of its kind.
    """
    if len(changes) > 2:
        raise ValueError(f"{len(changes)} changes: one sentence asks for at most 2, so split them")
    grammar = GRAMMARS[language]
    first, *rest = changes or (Change(KEEP),)
    text = _plain(first, grammar, rng, held_out, {})
    for change in rest:
        second = _plain(change, grammar, rng, held_out, {"s": grammar.named_picture})
        text = grammar.join(text, second, rng)
    return grammar.dress(text, rng)


def plain_sentences(change: Change, language: Language, held_out: bool = False) -> tuple[str, ...]:
    """Every plain sentence for `change`, each once. Raises ValueError as `write` does."""
    grammar = GRAMMARS[language]
    found: dict[str, None] = {}
    try:
        wording = grammar.wording(change)
        templates = wording.held_out if held_out else chain(*wording.groups)
        vocabularies = [merged(forms) for forms in product(*grammar.vocabularies(change))]
        for template, slots in product(templates, vocabularies):
            found.update(dict.fromkeys(fill_all(template, slots)))
    except KeyError as exc:
        raise _unknown(change, exc) from exc
    return tuple(found)


def _plain(
    change: Change, grammar: Grammar, rng: np.random.Generator, held_out: bool, context: Slots
) -> str:
    """One plain sentence; `context` overrides slots."""
    try:
        wording = grammar.wording(change)
        template = pick(wording.held_out if held_out else pick(wording.groups, rng), rng)
        forms = [pick(forms, rng) for forms in grammar.vocabularies(change)]
        return fill(template, merged([*forms, context]), rng)
    except KeyError as exc:
        raise _unknown(change, exc) from exc


def _unknown(change: Change, missing: KeyError) -> ValueError:
    return ValueError(
        f"change {change.name!r}: the grammar finds no {missing}. Take kinds, nouns, colours and "
        "places from train.changes, and give every field that Change lists for the kind"
    )
