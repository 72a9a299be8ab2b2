"""A page: where pictures and lines of text lie, and how that is drawn."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from PIL import ExifTags, Image, ImageDraw

from runtime.version import VERSION
from service.answer import PICTURES
from service.sheets.lettering import balanced, font, pitch, width_of, wrapped

INK: Final = (28, 28, 30)
GREY: Final = (110, 110, 115)
_PAPER: Final = (255, 255, 255)
_FRAME: Final = (214, 214, 218)  # around pictures: some are white at their edges
_MOST_TOLD: Final = 60_000  # bytes; the EXIF of a JPEG may have 65,527
_ASCENT: Final = 1.16  # of the font, in ems

Align = Literal["left", "centre", "right"]


@dataclass(frozen=True, slots=True)
class Box:
    """In pixels from the page's upper left corner."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height


@dataclass(frozen=True, slots=True)
class Style:
    """`size` is an em, in pixels; `most` bounds the lines."""

    size: int
    colour: tuple[int, int, int] = INK
    align: Align = "left"
    most: int = 1


@dataclass(frozen=True, slots=True)
class Text:
    """Lines that fit into their box."""

    box: Box
    lines: tuple[str, ...]
    style: Style


@dataclass(frozen=True, slots=True)
class Placed:
    """A picture that fills its box."""

    box: Box
    image: Image.Image


@dataclass(frozen=True, slots=True)
class Page:
    """Boxes lie inside the page and do not overlap, frames of a pixel included."""

    width: int
    height: int
    pictures: Sequence[Placed]
    texts: Sequence[Text]

    def drawn(self) -> Image.Image:
        """The page in RGB. A picture that has the size of its box keeps its pixels."""
        canvas = Image.new("RGB", (self.width, self.height), _PAPER)
        draw = ImageDraw.Draw(canvas)
        for text in self.texts:
            _write(draw, text)
        for placed in self.pictures:
            box, image = placed.box, placed.image
            if image.size != (box.width, box.height):
                image = image.resize((box.width, box.height), Image.Resampling.LANCZOS)
            draw.rectangle((box.left - 1, box.top - 1, box.right, box.bottom), outline=_FRAME)
            canvas.paste(image, (box.left, box.top))
        return canvas


def lettered(words: str, style: Style, left: int, top: int, width: int) -> Text:
    """`words` in a box that is as wide as asked for and as high as its lines."""
    set_in = wrapped if style.align == "left" else balanced
    lines = set_in(words, style.size, width, style.most)
    return Text(Box(left, top, width, len(lines) * pitch(style.size)), lines, style)


def fitted(size: tuple[int, int], box: Box) -> Box:
    """The largest box of the aspect of `size` (width, height) in the middle of `box`."""
    scale = min(box.width / size[0], box.height / size[1])
    width, height = (max(1, int(side * scale)) for side in size)
    left = box.left + (box.width - width) // 2
    return Box(left, box.top + (box.height - height) // 2, width, height)


def encoded(image: Image.Image, media_type: str, about: str, **options: Any) -> bytes:
    """The file's bytes, with `about`, or its beginning, as description in its EXIF."""
    exif = Image.Exif()
    described = about.encode()[:_MOST_TOLD].decode(errors="ignore")  # never half a letter
    exif[ExifTags.Base.ImageDescription] = described.encode()
    exif[ExifTags.Base.Software] = f"Retouch {VERSION}"
    how = dict(PICTURES[media_type])
    buffer = io.BytesIO()
    image.save(buffer, how.pop("kind"), exif=exif, **how, **options)
    return buffer.getvalue()


def _write(draw: ImageDraw.ImageDraw, text: Text) -> None:
    style, box = text.style, text.box
    share = {"left": 0.0, "centre": 0.5, "right": 1.0}[style.align]
    for number, line in enumerate(text.lines):
        left = box.left + round(share * (box.width - width_of([line], style.size)))
        baseline = box.top + number * pitch(style.size) + round(_ASCENT * style.size)
        draw.text((left, baseline), line, style.colour, font(style.size), anchor="ls")
