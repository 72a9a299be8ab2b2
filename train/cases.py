"""The cases of an evaluation: edits to ask for, and their exact targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from train import whole
from train.captions import caption
from train.changes import WHOLE_KINDS, Change
from train.instructions import write
from train.picture import Picture
from train.samples import Combination, Pair, draw_pair, region
from train.scenes import Placed, render
from train.staging import Studio, generator
from train.suites import ADD_AT, ROWS, Size, Split, kind_of

_TRIES: Final = 200
# Uses of a case's random numbers, and room for a row's number above them.
_PICTURES, _WORDS, _CAPTION, _PURPOSES = range(4)


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether ``noun`` is to be seen in ``box`` (left, top, right, bottom; fractions) after it."""

    noun: str
    box: tuple[float, float, float, float]
    wanted: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One edit to make. ``before`` and ``after`` ``[H, W, 3]`` in 0..1; ``region`` ``[H, W]`` is
    where it changes the picture: everywhere if it is about all of it, nowhere if nothing changes.
    ``captions`` tell what the two pictures show, ``seed`` is that of the noise."""

    row: str
    number: int
    before: Picture
    after: Picture
    region: NDArray[np.bool_]
    changes: tuple[Change, ...]
    captions: tuple[str, str]
    presence: Presence | None
    seed: int

    def words(self, split: Split) -> str:
        """The instruction, as ``split`` words it."""
        rng = _generator(self.seed, self.row, self.number, _WORDS)
        return write(self.changes, rng, split.language, split.held_out_words)


def draw_case(
    studio: Studio, row: str, number: int, size: Size, combination: Combination, seed: int
) -> Case:
    """Case ``number`` of a row: a pure function of its arguments. ``studio`` has photographs and
    cut-outs of the source. Raises ``RuntimeError`` where no scene has room for it."""
    rng = _generator(seed, row, number, _PICTURES)
    side = max(size.width, size.height)
    for _ in range(_TRIES):
        try:
            pair = draw_pair(studio, side, rng, kind_of(row), combination)
        except RuntimeError:  # bad luck with a rare combination
            continue
        window = _window(pair, size, rng)
        if _belongs(pair, row) and window is not None:
            return _case(studio, row, number, pair, window, seed)
    raise RuntimeError(f"no scene had room for {row!r} in {_TRIES} tries")


def _generator(seed: int, row: str, number: int, use: int) -> np.random.Generator:
    return generator(seed, number, purpose=_PURPOSES * ROWS.index(row) + use)


def _belongs(pair: Pair, row: str) -> bool:
    placed = any(change.place for change in pair.changes)
    return row not in ("add", ADD_AT) or placed == (row == ADD_AT)


def _is_whole(change: Change) -> bool:
    return change.kind in WHOLE_KINDS


def _about_objects(changes: Sequence[Change]) -> bool:
    """Whether the region is a part of the picture that belongs together."""
    return all(change.noun for change in changes)


Window = tuple[slice, slice]  # rows, columns


def _window(pair: Pair, size: Size, rng: np.random.Generator) -> Window | None:
    """The part of the pair to show: one that holds all that an edit of objects changes."""
    changed = region(pair) if _about_objects(pair.changes) else np.zeros(pair.nouns.shape, np.bool_)
    rows = _stretch(changed, 0, size.height, rng)
    columns = _stretch(changed, 1, size.width, rng)
    return (rows, columns) if rows and columns else None


def _stretch(
    changed: NDArray[np.bool_], axis: int, length: int, rng: np.random.Generator
) -> slice | None:
    """``length`` places along an axis, all that are changed among them, or none if they are
    more."""
    full = changed.shape[axis]
    places = np.flatnonzero(changed.any(axis=1 - axis))
    first, last = (places[0], places[-1]) if places.size else (full - length, 0)
    low, high = max(0, int(last) + 1 - length), min(int(first), full - length)
    if low > high:
        return None
    start = int(rng.integers(low, high + 1))
    return slice(start, start + length)


def _case(studio: Studio, row: str, number: int, pair: Pair, window: Window, seed: int) -> Case:
    before = np.ascontiguousarray(pair.before[window])
    after = np.ascontiguousarray(pair.after[window])
    about_all = any(map(_is_whole, pair.changes))
    if about_all and before.shape != pair.before.shape:
        # Corners and sky are where the smaller picture has them.
        after = np.ascontiguousarray(render(pair.scenes[1])[window])
        for change in filter(_is_whole, pair.changes):
            after = whole.apply(change, after, studio.styles)
    everywhere = np.ones(before.shape[:2], np.bool_)
    first, last = (
        caption(scene, _generator(seed, row, number, _CAPTION), "en", changes)
        for scene, changes in zip(pair.scenes, ((), pair.changes), strict=True)
    )
    return Case(
        row=row,
        number=number,
        before=before,
        after=after,
        region=everywhere if about_all else region(pair)[window],
        changes=pair.changes,
        captions=(first, last),
        presence=_presence(pair, window),
        seed=seed,
    )


def _presence(pair: Pair, window: Window) -> Presence | None:
    """What to look for after "add", "remove" and "replace"."""
    if pair.kind not in ("add", "remove", "replace"):
        return None
    (change,) = pair.changes
    wanted = pair.kind != "remove"
    noun = change.other if pair.kind == "replace" else change.noun
    (item,) = pair.scenes[wanted].named(noun or "")
    return Presence(item.cutout.noun, _box(item, pair.before.shape[0], window), wanted)


def _box(item: Placed, side: int, window: Window) -> tuple[float, float, float, float]:
    rows, columns = window
    height, width = rows.stop - rows.start, columns.stop - columns.start
    left, top, right, bottom = (side * edge for edge in item.box)
    return (
        (left - columns.start) / width,
        (top - rows.start) / height,
        (right - columns.start) / width,
        (bottom - rows.start) / height,
    )
