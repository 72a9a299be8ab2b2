"""The contact sheet of a sweep, as in figure 4 of the InstructPix2Pix paper (Brooks et al. 2023).

Two fields make a matrix, the original picture in its corner; one field makes a flow of captioned
pictures that begins with the original. All measures follow from an em, which follows from the size
of a cell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image

from service.sheets.grid import Grid
from service.sheets.lettering import pitch
from service.sheets.page import GREY, Box, Page, Placed, Style, Text, lettered
from service.sheets.words import is_chinese

MAX_PIXELS: Final = 16 * 2**20
"""Of a sheet; pictures are scaled down until it has no more."""

_LEAST: Final = (120, 240)  # pixels of a cell's width and longer side, for the labels to fit
_ORIGINAL: Final = {False: "original", True: "原图"}


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sheet shows: pictures of one size, row by row.

    `title` is empty when the instruction varies; `told` are the settings that do not.
    """

    original: Image.Image
    pictures: Sequence[Image.Image]
    grid: Grid
    title: str
    told: str

    @property
    def instructions(self) -> list[str]:
        return [self.title] if self.title else (self.grid.rows or self.grid.columns).labels()


def sheet(sweep: Sweep) -> Page:
    """The page, with pictures in their own size unless they are tiny or too many."""
    size = sweep.original.size
    scale = max(1.0, _LEAST[0] / size[0], _LEAST[1] / max(size))
    while True:
        cell = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        page = _Sheet(sweep, cell).page()
        pixels = page.width * page.height
        if pixels <= MAX_PIXELS or max(cell) == 1:
            return page
        scale *= min(math.sqrt(MAX_PIXELS / pixels), 0.99)


class _Sheet:
    """One try at a sheet, with cells of a given size (width, height)."""

    def __init__(self, sweep: Sweep, cell: tuple[int, int]) -> None:
        self._sweep, self._cell = sweep, cell
        self._em = max(15, min(max(cell) // 19, cell[0] // 8))
        self._margin, self._gap = 2 * self._em, self._em // 2
        self._original = _ORIGINAL[all(map(is_chinese, sweep.instructions))]
        self._placed: list[Placed] = []
        self._texts: list[Text] = []

    def page(self) -> Page:
        right, bottom = self._matrix() if self._sweep.grid.rows else self._flow()
        width, height = right + self._margin, bottom + self._margin
        return Page(width, height, self._placed, self._texts)

    def _matrix(self) -> tuple[int, int]:
        """Right and lower edge of what was laid out."""
        (width, height), em = self._cell, self._em
        rows, columns = self._sweep.grid.rows, self._sweep.grid.columns
        assert rows is not None
        words = rows.field == "instruction"
        rail = max(width * 3 // 4, (11 if words else 7) * em)
        left = self._margin + rail + em
        right = left + len(columns.values) * (width + self._gap) - self._gap
        corner = Box(self._margin, self._margin, rail, max(1, rail * height // width))
        self._place(self._sweep.original, corner)
        below = corner.bottom + em // 4
        named = self._write(self._original, self._small(), self._margin, below, rail)
        told = self._heading(left, right)
        heads = Style(em, align="centre")
        top = max(named.bottom - pitch(self._em), told + em // 2)
        lefts = [left + number * (width + self._gap) for number in range(len(columns.values))]
        for at, name in zip(lefts, columns.labels(), strict=True):
            self._write(name, heads, at, top, width)
        top = top + pitch(self._em) + self._gap // 2
        most = max(1, height // pitch(self._em))
        for row, name in enumerate(rows.labels()):
            style = Style(em, align="right", most=most)
            self._beside(name, style, Box(self._margin, top, rail, height))
            for column, at in enumerate(lefts):
                picture = self._sweep.pictures[row * len(lefts) + column]
                self._place(picture, Box(at, top, width, height))
            top += height + self._gap
        return right, top - self._gap

    def _flow(self) -> tuple[int, int]:
        (width, height), em = self._cell, self._em
        pictures = [self._sweep.original, *self._sweep.pictures]
        names = [self._original, *self._sweep.grid.columns.labels()]
        across = _across(len(pictures), width / height)
        right = self._margin + across * (width + em) - em
        top = self._heading(self._margin, right) + em
        for first in range(0, len(pictures), across):
            bottoms = []
            for number in range(first, min(first + across, len(pictures))):
                at = self._margin + (number - first) * (width + em)
                self._place(pictures[number], Box(at, top, width, height))
                style = Style(em, most=3) if number else self._small()
                text = self._write(names[number], style, at, top + height + em // 4, width)
                bottoms.append(text.bottom)
            top = max(bottoms) + em
        return right, top - em

    def _heading(self, left: int, right: int) -> int:
        """Title and settings; gives their lower edge."""
        top = self._margin
        if self._sweep.title:
            style = Style(round(1.5 * self._em), most=3)
            top -= style.size // 4  # the tops of letters and of pictures are in one line
            top = self._write(self._sweep.title, style, left, top, right - left).bottom
        return self._write(self._sweep.told, self._small(most=3), left, top, right - left).bottom

    def _small(self, most: int = 1) -> Style:
        return Style(round(0.85 * self._em), GREY, most=most)

    def _beside(self, words: str, style: Style, box: Box) -> None:
        """Words in the middle of the box's height."""
        text = lettered(words, style, box.left, 0, box.width)
        top = box.top + (box.height - text.box.height) // 2
        self._write(words, style, box.left, top, box.width)

    def _write(self, words: str, style: Style, left: int, top: int, width: int) -> Box:
        text = lettered(words, style, left, top, width)
        self._texts.append(text)
        return text.box

    def _place(self, image: Image.Image, box: Box) -> None:
        self._placed.append(Placed(box, image))


def _across(count: int, aspect: float) -> int:
    """Pictures in a row of a flow: all of a few, else so many that the sheet is about 4:3."""
    if count <= 4:
        return count
    return min(count, math.ceil(math.sqrt(count * 4 / 3 / aspect)))
