"""Edits of objects: what a change makes of a scene.

What appears is always the same: a noun's canonical cut-out, at a fixed size, upright. So "add a car
on the left" has one exact target, which a number can judge and a small model can learn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from train.changes import OBJECT_KINDS, PLACES, Change
from train.cutouts import Cutout
from train.scenes import Placed, Scene, overlap

ADDED_SIZE: Final = 0.36
_GROW: Final = 1.5
_SHRINK: Final = 0.6
_STRIDE: Final = 0.28  # how far "move" moves
_GAP: Final = 0.02
_CLEAR: Final = 0.05  # overlap of boxes that still counts as a free place


class Impossible(Exception):
    """The scene has no room for the change, or not the object that it is about."""


@dataclass(frozen=True, slots=True)
class Props:
    """What edits may bring in: a cut-out for every noun, and accessories by name."""

    canonical: Mapping[str, Cutout]
    accessories: Mapping[str, Cutout]


def apply(scene: Scene, change: Change, props: Props) -> Scene:
    """The scene after the change. Raises `Impossible`, or `ValueError` for a kind that is none."""
    if change.kind not in OBJECT_KINDS:
        raise ValueError(f"{change.kind!r} is no object edit; known are {OBJECT_KINDS}")
    return _EDITS[change.kind](scene, change, props)


def _only(scene: Scene, noun: str | None) -> Placed:
    found = scene.named(noun or "")
    if len(found) != 1:
        raise Impossible(f"{len(found)} of {noun}")
    return found[0]


def _swap(scene: Scene, old: Placed, new: Iterable[Placed]) -> Scene:
    """``new`` in the place of ``old``; everything new has to fit into the picture."""
    changed = tuple(new)
    if not all(item.fits(0.0) for item in changed):
        raise Impossible("no room")
    objects: list[Placed] = []
    for item in scene.objects:
        objects.extend(changed if item is old else (item,))
    return replace(scene, objects=tuple(objects))


def _free(scene: Scene, item: Placed, but: Placed | None = None) -> bool:
    others = (other for other in scene.objects if other is not but)
    return item.fits(0.0) and all(overlap(item, other) <= _CLEAR for other in others)


def _add(scene: Scene, change: Change, props: Props) -> Scene:
    if scene.named(change.noun or ""):
        raise Impossible("there is one already")
    places = [PLACES[change.place]] if change.place else list(reversed(PLACES.values()))
    for x, y in places:
        item = Placed(props.canonical[change.noun or ""], x, y, ADDED_SIZE)
        if _free(scene, item):
            return replace(scene, objects=(*scene.objects, item))
    raise Impossible("no free place")


def _remove(scene: Scene, change: Change, props: Props) -> Scene:
    return _swap(scene, _only(scene, change.noun), ())


def _replace(scene: Scene, change: Change, props: Props) -> Scene:
    old = _only(scene, change.noun)
    if scene.named(change.other or ""):
        raise Impossible("there is one already")
    return _swap(scene, old, [Placed(props.canonical[change.other or ""], old.x, old.y, old.size)])


def _recolour(scene: Scene, change: Change, props: Props) -> Scene:
    old = _only(scene, change.noun)
    return _swap(scene, old, [replace(old, colour=change.colour)])


def _scaled(factor: float) -> Callable[[Scene, Change, Props], Scene]:
    def edit(scene: Scene, change: Change, props: Props) -> Scene:
        old = _only(scene, change.noun)
        return _swap(scene, old, [replace(old, size=old.size * factor)])

    return edit


def _moved(right: float, down: float) -> Callable[[Scene, Change, Props], Scene]:
    def edit(scene: Scene, change: Change, props: Props) -> Scene:
        old = _only(scene, change.noun)
        new = replace(old, x=old.x + right * _STRIDE, y=old.y + down * _STRIDE)
        if not _free(scene, new, but=old):
            raise Impossible("no room")
        return _swap(scene, old, [new])

    return edit


def _copies(scene: Scene, old: Placed, sides: Iterable[int]) -> list[Placed]:
    made = [replace(old, x=old.x + side * (old.width + _GAP)) for side in sides]
    if not all(_free(scene, item, but=old) for item in made):
        raise Impossible("no room")
    return made


def _duplicate(scene: Scene, change: Change, props: Props) -> Scene:
    old = _only(scene, change.noun)
    side = 1 if old.x <= 0.5 else -1  # towards the middle
    return _swap(scene, old, [old, *_copies(scene, old, [side])])


def _triple(scene: Scene, change: Change, props: Props) -> Scene:
    old = _only(scene, change.noun)
    return _swap(scene, old, [old, *_copies(scene, old, [-1, 1])])


def _wearing(name: str) -> Callable[[Scene, Change, Props], Scene]:
    def edit(scene: Scene, change: Change, props: Props) -> Scene:
        old = _only(scene, change.noun)
        if name == "hat" and old.box[1] < 0.12:
            raise Impossible("no room above")
        return _swap(scene, old, [replace(old, worn=(*old.worn, props.accessories[name]))])

    return edit


def _background_colour(scene: Scene, change: Change, props: Props) -> Scene:
    return replace(scene, background_colour=change.colour)


def _background_blur(scene: Scene, change: Change, props: Props) -> Scene:
    return replace(scene, background_blur=True)


_EDITS: Final[Mapping[str, Callable[[Scene, Change, Props], Scene]]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "recolour": _recolour,
    "bigger": _scaled(_GROW),
    "smaller": _scaled(_SHRINK),
    "move_left": _moved(-1, 0),
    "move_right": _moved(1, 0),
    "move_up": _moved(0, -1),
    "move_down": _moved(0, 1),
    "duplicate": _duplicate,
    "triple": _triple,
    "hat": _wearing("hat"),
    "sunglasses": _wearing("sunglasses"),
    "background_colour": _background_colour,
    "background_blur": _background_blur,
}
