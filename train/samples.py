"""Edit pairs: a scene, what is asked for, and the exact result.

Sample ``i`` is a pure function of (seed, i), so that a resumed run, a run on more processes and a
test all see the same pair. The wording is drawn apart (`train.instructions`), so that one pair can
be asked for in many ways.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from train import objects, whole
from train.changes import COLOURS, NOUNS, OBJECT_KINDS, PLACES, WHOLE_KINDS, Change
from train.objects import Impossible
from train.picture import Picture
from train.scenes import Scene, noun_map, render
from train.staging import Studio, backdrop, draw_scene
from train.styles import STYLES

# How often each kind is drawn, relative to a whole-picture kind.
_OBJECT_SHARES: Final[Mapping[str, float]] = {
    "add": 6.0,
    "remove": 5.0,
    "replace": 5.0,
    "recolour": 4.0,
    "bigger": 1.5,
    "smaller": 1.5,
    "move_left": 0.8,
    "move_right": 0.8,
    "move_up": 0.8,
    "move_down": 0.8,
    "duplicate": 1.5,
    "triple": 1.0,
    "hat": 1.2,
    "sunglasses": 1.2,
    "background_colour": 1.5,
    "background_blur": 1.5,
}
_ABOUT_ABSENT: Final = ("remove", "recolour", "replace", "bigger", "smaller", "move_left")
_CERTAIN: Final = tuple(kind for kind in WHOLE_KINDS if kind in whole.DETERMINISTIC)
_WITHOUT_NOUN: Final = ("background_colour", "background_blur")
_SPREADS: Final[Mapping[str, tuple[float, float]]] = {
    "bigger": (0.2, 0.34),
    "smaller": (0.3, 0.5),
    "duplicate": (0.2, 0.34),
    "triple": (0.18, 0.27),
}
_TRIES: Final = 1000  # with some kinds only 2 of the 37 nouns are unseen, and they have to fit

_PLAIN: Final = (*WHOLE_KINDS, "keep")

Combination = Literal["seen", "unseen"]
Kind = str  # of changes.KINDS, or "absent" and "two"

ODDS: Final[Mapping[Kind, float]] = {
    **{kind: 2.4 if kind == "tint" else 1.0 for kind in WHOLE_KINDS},
    **_OBJECT_SHARES,
    "keep": 1.5,
    "absent": 3.0,
    "two": 4.0,
}


class NoRoom(Exception):
    """No pair of a kind could be drawn. The message names the kind."""


@dataclass(frozen=True, slots=True)
class Pair:
    """``before`` and ``after`` ``[S, S, 3]`` in 0..1; ``changes`` is empty for "keep". ``nouns``
    ``[S, S]`` is 1 + the number of the noun that a pixel of ``before`` shows, else 0."""

    kind: Kind
    before: Picture
    after: Picture
    changes: tuple[Change, ...]
    nouns: NDArray[np.uint8]
    scenes: tuple[Scene, Scene]


def is_held_out(change: Change) -> bool:
    """Whether this (edit, noun) is never trained: one in eight, by a hash of its name."""
    if change.kind not in OBJECT_KINDS or change.noun is None:
        return False
    digest = hashlib.sha256(f"{change.kind} {change.noun}".encode()).digest()
    return digest[0] % 8 == 0


def region(pair: Pair) -> NDArray[np.bool_]:
    """``[S, S]``: where the edit changes the picture visibly."""
    changed: NDArray[np.bool_] = np.abs(pair.after - pair.before).max(axis=2) > 0.03
    return changed


def kinds_of(studio: Studio) -> tuple[Kind, ...]:
    """The kinds that a studio can make."""
    return tuple(kind for kind in ODDS if studio.styles is not None or kind not in STYLES)


def draw_kind(studio: Studio, rng: np.random.Generator, objects: float = 1.0) -> Kind:
    """A kind of pair, with the frequencies of ``ODDS``; ``objects`` times as often one that is
    about objects."""
    kinds = kinds_of(studio)
    shares = np.array([ODDS[kind] * (1.0 if kind in _PLAIN else objects) for kind in kinds])
    return kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]


def draw_pair(
    studio: Studio,
    size: int,
    rng: np.random.Generator,
    kind: Kind | None = None,
    combination: Combination = "seen",
) -> Pair:
    """A pair of that kind, or of any. ``combination`` "unseen" draws an object edit of a noun that
    training never makes. Raises ``NoRoom`` where chance finds none."""
    kind = kind or draw_kind(studio, rng)
    make = _MAKERS.get(kind, _whole if kind in WHOLE_KINDS else _object)
    for _ in range(_TRIES):
        try:
            return make(_Draw(studio, size, rng, kind, combination))
        except Impossible:
            continue
    raise NoRoom(f"no scene had room for {kind!r} in {_TRIES} tries")


@dataclass(frozen=True, slots=True)
class _Draw:
    """One attempt at a pair."""

    studio: Studio
    size: int
    rng: np.random.Generator
    kind: Kind
    combination: Combination

    def pick(self, choice: Sequence[str]) -> str:
        return choice[int(self.rng.integers(len(choice)))]

    def nouns(self, low: int, high: int) -> list[str]:
        count = int(self.rng.integers(low, high + 1))
        return [NOUNS[int(i)] for i in self.rng.choice(len(NOUNS), count, replace=False)]

    def scene(self, nouns: list[str], kind: Kind | None = None) -> Scene:
        spread = _SPREADS.get(kind or self.kind, (0.22, 0.46))
        return draw_scene(self.studio, self.size, self.rng, nouns, spread)

    def pair(self, before: Scene, after: Scene, *changes: Change) -> Pair:
        """Whole-picture changes are painted last, whatever their place in the sentence."""
        first = render(before)
        last = first if after is before else render(after)
        for change in changes:
            if change.kind in WHOLE_KINDS:
                last = whole.apply(change, last, self.studio.styles)
        nouns = noun_map(before, NOUNS)
        return Pair(self.kind, first, last, changes, nouns, (before, after))


def _whole_change(draw: _Draw, kind: Kind) -> Change:
    return Change(kind, colour=draw.pick(list(COLOURS)) if kind == "tint" else None)


def _whole(draw: _Draw) -> Pair:
    scene = draw.scene(draw.nouns(0, 2))
    return draw.pair(scene, scene, _whole_change(draw, draw.kind))


def _keep(draw: _Draw) -> Pair:
    scene = draw.scene(draw.nouns(0, 3))
    return draw.pair(scene, scene)


def _object_change(draw: _Draw, kind: Kind, noun: str) -> Change:
    change = Change(kind, noun=None if kind in _WITHOUT_NOUN else noun)
    if kind == "add" and draw.rng.random() < 0.8:
        change = replace(change, place=draw.pick(list(PLACES)))
    if kind == "replace":
        change = replace(change, other=draw.pick([other for other in NOUNS if other != noun]))
    if kind in ("recolour", "background_colour"):
        change = replace(change, colour=draw.pick(list(COLOURS)))
    if kind not in _WITHOUT_NOUN and is_held_out(change) != (draw.combination == "unseen"):
        raise Impossible("the combination is of the other split")
    return change


def _object(draw: _Draw) -> Pair:
    nouns = draw.nouns(1, 3)
    change = _object_change(draw, draw.kind, nouns[0])
    before = draw.scene(nouns[1:] if draw.kind == "add" else nouns)
    after = objects.apply(before, change, draw.studio.props)
    return draw.pair(before, after, change)


def _absent(draw: _Draw) -> Pair:
    """An edit of an object that is not there: nothing changes."""
    nouns = draw.nouns(2, 4)
    change = _object_change(draw, draw.pick(_ABOUT_ABSENT), nouns[0])
    scene = draw.scene(nouns[1:])
    return draw.pair(scene, scene, change)


def _two(draw: _Draw) -> Pair:
    """Two edits at once: of an object and of the whole picture, or of two objects."""
    nouns = draw.nouns(2, 3)
    first = _object_change(draw, draw.pick(("add", "remove", "replace", "recolour")), nouns[0])
    before = draw.scene(nouns[1:] if first.kind == "add" else nouns)
    after = objects.apply(before, first, draw.studio.props)
    if draw.rng.random() < 0.6:
        choice = [kind for kind in _CERTAIN if kind in kinds_of(draw.studio)]
        second = _whole_change(draw, draw.pick(choice))
    else:
        second = _object_change(draw, draw.pick(("remove", "recolour", "replace")), nouns[1])
        if second.other == first.noun or second.other == first.other:
            raise Impossible("the same noun twice")
        after = objects.apply(after, second, draw.studio.props)
    pair = (first, second) if draw.rng.random() < 0.5 else (second, first)
    return draw.pair(before, after, *pair)


_MAKERS: Final[Mapping[Kind, Callable[[_Draw], Pair]]] = {
    "keep": _keep,
    "absent": _absent,
    "two": _two,
}


def autoencoder_picture(studio: Studio, size: int, rng: np.random.Generator) -> Picture:
    """A picture for the autoencoder: plain photographs, and both sides of edit pairs."""
    if rng.random() < 0.4:
        return backdrop(studio.photos, size, rng)
    pair = draw_pair(studio, size, rng)
    return pair.after if rng.random() < 0.7 else pair.before
