"""From changes to what somebody would type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final, Literal

import numpy as np

from train.changes import KEEP, Change
from train.instructions.chinese import CHINESE
from train.instructions.english import ENGLISH
from train.instructions.grammar import Grammar, Slots, fill, fill_all, pick

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
    Raises ValueError for more than two changes, and for a change that lacks a field of its kind.
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
    wording = grammar.wording(change)
    templates = wording.held_out if held_out else [t for group in wording.groups for t in group]
    found: dict[str, None] = {}
    for forms in product(*grammar.vocabularies(change)):
        slots = {name: words for form in forms for name, words in form.items()}
        for template in templates:
            try:
                found.update(dict.fromkeys(fill_all(template, slots)))
            except KeyError as exc:
                raise _incomplete(change, exc) from exc
    return tuple(found)


def _plain(
    change: Change, grammar: Grammar, rng: np.random.Generator, held_out: bool, context: Slots
) -> str:
    """One plain sentence; `context` overrides slots."""
    wording = grammar.wording(change)
    template = pick(wording.held_out if held_out else pick(wording.groups, rng), rng)
    slots: dict[str, tuple[str, ...]] = {}
    for forms in grammar.vocabularies(change):
        slots.update(pick(forms, rng))
    slots.update(context)
    try:
        return fill(template, slots, rng)
    except KeyError as exc:
        raise _incomplete(change, exc) from exc


def _incomplete(change: Change, missing: KeyError) -> ValueError:
    return ValueError(
        f"change {change.name!r} leaves slot {missing} of its wording empty: "
        "give it the fields that train.changes.Change lists for its kind"
    )
