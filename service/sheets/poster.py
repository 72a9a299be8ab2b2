"""Before, after and the instruction on one A4 page for a printer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from PIL import Image

from service.sheets.lettering import pitch, wrapped
from service.sheets.page import GREY, Box, Page, Placed, Style, Text, fitted, lettered
from service.sheets.words import is_chinese

DPI: Final = 150
_PAPERS: Final = ((1240, 1754), (1754, 1240))  # A4 at `DPI`, upright and across
_MARGIN: Final = 110
_GAP: Final = 40
_NAME: Final = Style(24, GREY, "centre")
_BELOW: Final = 6  # between a picture and its name
_NAME_HEIGHT: Final = _BELOW + pitch(_NAME.size)
_CAPTION: Final = Style(19, GREY, "centre", most=2)
_SIZES: Final = (60, 52, 45, 39, 34, 30, 26, 23, 20, 18)  # of the instruction, pixels an em
_SHARE: Final = 0.3  # of the page's height that the instruction may take
_NAMES: Final = {False: ("before", "after"), True: ("编辑前", "编辑后")}


@dataclass(frozen=True, slots=True)
class Poster:
    """What a poster shows. `caption` may be empty."""

    before: Image.Image
    after: Image.Image
    instruction: str
    caption: str


def poster(shown: Poster) -> Page:
    """The page on which the pictures are largest: upright or across, stacked or side by side."""
    tries = [_page(shown, paper, stacked) for paper in _PAPERS for stacked in (True, False)]
    return max(tries, key=lambda page: page.pictures[1].box.height)


def _page(shown: Poster, paper: tuple[int, int], stacked: bool) -> Page:
    width, height = paper
    inner = width - 2 * _MARGIN
    caption = lettered(shown.caption, _CAPTION, _MARGIN, 0, inner)
    caption = _moved(caption, height - _MARGIN - caption.box.height)
    words = _instruction(shown.instruction, inner, round(_SHARE * height))
    room = Box(_MARGIN, _MARGIN, inner, caption.box.top - _GAP - _MARGIN)
    space = replace(room, height=room.height - _GAP - words.box.height)
    slots = _slots(shown.after.size, space, stacked)
    lowest = max(slot.bottom for slot in slots) + _NAME_HEIGHT
    slack = (space.bottom - lowest) // 2  # what lies on the page is in its middle
    slots = [replace(slot, top=slot.top + slack) for slot in slots]
    pictures = [
        Placed(fitted(image.size, slot), image)
        for image, slot in zip((shown.before, shown.after), slots, strict=True)
    ]
    names = [
        lettered(name, _NAME, slot.left, slot.bottom + _BELOW, slot.width)
        for name, slot in zip(_NAMES[is_chinese(shown.instruction)], slots, strict=True)
    ]
    words = _moved(words, lowest + slack + _GAP)
    return Page(width, height, pictures, [*names, words, caption])


def _slots(size: tuple[int, int], space: Box, stacked: bool) -> list[Box]:
    """Two boxes of the aspect of `size`, a name below each, at the top of the space."""
    if stacked:
        cell = Box(0, 0, space.width, (space.height - _GAP) // 2 - _NAME_HEIGHT)
    else:
        cell = Box(0, 0, (space.width - _GAP) // 2, space.height - _NAME_HEIGHT)
    slot = fitted(size, cell)
    left = space.left + (space.width - slot.width) // 2
    if stacked:
        return [
            replace(slot, left=left, top=space.top),
            replace(slot, left=left, top=space.top + slot.height + _NAME_HEIGHT + _GAP),
        ]
    left -= (slot.width + _GAP) // 2
    return [
        replace(slot, left=left, top=space.top),
        replace(slot, left=left + slot.width + _GAP, top=space.top),
    ]


def _instruction(words: str, width: int, height: int) -> Text:
    """As large as fits; what does not fit in the smallest size is cut."""
    for size in _SIZES:
        most = height // pitch(size)
        if len(wrapped(words, size, width, most + 1)) <= most:
            break
    return lettered(words, Style(size, align="centre", most=most), _MARGIN, 0, width)


def _moved(text: Text, top: int) -> Text:
    return replace(text, box=replace(text.box, top=top))
