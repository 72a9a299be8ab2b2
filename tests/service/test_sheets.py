"""Sheets: nothing lies outside the page, no text over a picture, and lines break where they may."""

from __future__ import annotations

import io
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from runtime.params import EditParams
from service.answer import PICTURES
from service.sheets.contact import MAX_PIXELS, Sweep, sheet
from service.sheets.grid import Grid
from service.sheets.lettering import ELLIPSIS, balanced, font, wrapped
from service.sheets.page import Box, Page, encoded
from service.sheets.poster import Poster, poster
from tests.service.pictures import picture

SHAPES = [(96, 64), (64, 96), (64, 64), (256, 32), (32, 256), (640, 420)]
WORDS = {
    "short": "add fog",
    "long": "Replace the red car with a blue bicycle, and make it look like a watercolour. " * 12,
    "word": "w" * 1000,
    "chinese": "把天空变成夜晚，加一轮满月，让湖面映出灯光。" * 40,
    "emoji": "🌙👩‍👩‍👧 " * 100,
    "rtl": "مرحبا بالعالم שלום " * 30,
}


def overlap(one: Box, other: Box) -> bool:
    return (
        one.left < other.right
        and other.left < one.right
        and one.top < other.bottom
        and other.top < one.bottom
    )


def check(page: Page) -> None:
    """By the boxes, and by the pixels: where no box is, the page is white."""
    boxes = [*(each.box for each in page.pictures), *(each.box for each in page.texts)]
    for box in boxes:
        assert 0 < box.left < box.right < page.width
        assert 0 < box.top < box.bottom < page.height
    for one, other in combinations(boxes, 2):
        assert not overlap(one, other), (one, other)
    drawn = np.asarray(page.drawn()).copy()
    for placed in page.pictures:
        box = placed.box  # and its frame
        drawn[box.top - 1 : box.bottom + 1, box.left - 1 : box.right + 1] = 255
    for text in page.texts:
        box, size = text.box, text.style.size
        for line in text.lines:
            assert font(size).getlength(line) <= box.width
        around = size // 4  # of the letters, what reaches beyond their advance
        drawn[box.top : box.bottom, max(0, box.left - around) : box.right + around] = 255
    assert drawn.min() == 255


def contact(size: tuple[int, int], title: str, **axes: list[Any]) -> Page:
    edits = [
        EditParams(**{"instruction": "x", "seed": 1, **dict(zip(axes, values, strict=True))})
        for values in product(*axes.values())
    ]
    image = picture(*size)
    told = "seed 7 · s_T 1 · 20 steps euler_a · mini"
    return sheet(Sweep(image, [image] * len(edits), Grid.of(edits), title, told))


@pytest.mark.parametrize(("size", "words"), list(zip(SHAPES, WORDS, strict=True)))
def test_a_sheet_of_two_fields(size: tuple[int, int], words: str) -> None:
    text = WORDS[words][:1000]
    check(contact(size, text, text_guidance=[1.0, 3.0, 7.5], image_guidance=[1.0, 1.5]))
    check(contact(size, "", instruction=[text, "b"], seed=[0, 4294967295]))


@pytest.mark.parametrize(("size", "count"), list(zip(SHAPES, [2, 3, 4, 7, 36, 5], strict=True)))
def test_a_sheet_of_one_field(size: tuple[int, int], count: int) -> None:
    check(contact(size, "add fog", seed=list(range(4294967295, 4294967295 - count, -1))))


def test_a_sheet_of_instructions() -> None:
    check(contact((96, 64), "", instruction=[words[:1000] for words in WORDS.values()]))


@pytest.mark.parametrize("count", [9, 400])
def test_a_large_sheet_is_scaled_down(count: int) -> None:
    page = contact((2048, 1024), "add fog", seed=list(range(count)))
    assert 0.9 * MAX_PIXELS < page.width * page.height <= MAX_PIXELS
    shown, asked = page.pictures[0].box, page.pictures[0].image
    assert shown.width / shown.height == pytest.approx(asked.width / asked.height, rel=0.02)


def test_a_sheet_names_its_original_and_its_values() -> None:
    page = contact((96, 64), "add fog", text_guidance=[1.0, 7.5], image_guidance=[1.0, 1.25])
    written = [" ".join(text.lines) for text in page.texts]
    assert written == [
        *("original", "add fog", "seed 7 · s_T 1 · 20 steps euler_a · mini"),
        *("s_I 1", "s_I 1.25", "s_T 1", "s_T 7.5"),
    ]
    assert "原图" in contact((96, 64), "加雾", seed=[1, 2]).texts[2].lines


@pytest.mark.parametrize(("size", "words"), list(zip(SHAPES, WORDS, strict=True)))
def test_a_poster(size: tuple[int, int], words: str) -> None:
    image = picture(*size)
    page = poster(Poster(image, image, WORDS[words][:1000], "s_T 7.5 · seed 7 · mini"))
    check(page)
    before, after = (placed.box for placed in page.pictures)
    assert (before.width, before.height) == (after.width, after.height)
    thin = max(size) > 7 * min(size)
    assert thin or before.width * before.height > 0.08 * page.width * page.height


def test_a_poster_lies_as_its_pictures_want() -> None:
    def boxes(size: tuple[int, int]) -> tuple[bool, bool]:
        page = poster(Poster(picture(*size), picture(*size), "add fog", ""))
        before, after = (placed.box for placed in page.pictures)
        return page.height > page.width, after.top > before.top

    assert boxes((300, 200)) == (True, True)  # upright, one above the other
    assert boxes((200, 200)) == (False, False)  # across, side by side
    assert boxes((800, 200)) == (False, True)
    assert boxes((200, 600)) == (True, False)


def test_the_longest_instructions_are_on_the_poster_to_their_end() -> None:
    for words in ("雪" * 1000, ("make the sky red and " * 50)[:1000]):
        [_, _, text, _] = poster(Poster(picture(), picture(), words, "")).texts
        assert "".join(text.lines).replace(" ", "") == words.replace(" ", "")


def test_chinese_breaks_between_letters_but_not_before_a_comma() -> None:
    words = "把天空变成夜晚，（加一轮满月）。让“湖面”映出灯光！"
    for width in range(60, 400, 7):
        lines = wrapped(words, 20, width, 99)
        assert "".join(lines) == words
        assert not any(line[0] in "，）。”！" or line[-1] in "（“" for line in lines)


def test_latin_breaks_between_words() -> None:
    words = "make the sky red and the lake blue"
    assert " ".join(wrapped(words, 20, 120, 99)) == words


def test_what_is_too_long_ends_in_an_ellipsis() -> None:
    lines = wrapped("make the sky red and the lake blue", 20, 120, 2)
    assert len(lines) == 2
    assert lines[1].endswith(ELLIPSIS)
    assert font(20).getlength(lines[1]) <= 120


def test_balanced_lines_are_about_equally_long() -> None:
    lines = balanced("把它变成水彩画，再加一点雾", 20, 250, 3)
    assert list(map(len, lines)) in ([6, 7], [7, 6], [8, 5])


@settings(deadline=None, max_examples=25)
@given(st.text(min_size=1, max_size=60), st.integers(40, 300), st.integers(1, 4))
def test_lines_of_any_text_fit(text: str, width: int, most: int) -> None:
    lines = wrapped(text, 20, width, most)
    assert 1 <= len(lines) <= most
    assert all(font(20).getlength(line) <= width for line in lines)


def test_letters_of_both_languages_have_shapes() -> None:
    missing = font(40).getmask("\U0010ffff")
    for char in "aZ9éßñǎЖΩ“”…·×→ 天夜晚變鐵あア，。！":
        shape = font(40).getmask(char)
        assert char == " " or bytes(shape) != bytes(missing), char


@pytest.mark.parametrize("media_type", PICTURES)
def test_a_sheet_of_the_longest_instructions_is_written_in_every_format(media_type: str) -> None:
    """As many as a sweep takes are more than the EXIF of a JPEG holds."""
    words = "a" + "é" * 36_000
    file = encoded(picture(), media_type, words)
    told = Image.open(io.BytesIO(file)).getexif()[ExifTags.Base.ImageDescription]
    told = told.encode("latin-1").decode()  # Pillow takes EXIF's ASCII for Latin-1
    assert len(told) > 20_000
    assert words.startswith(told)
