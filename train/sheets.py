"""What an evaluation looks like: a web page in one file, and a contact sheet."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from train.evaluate import Edited
from train.picture import Picture
from train.suites import ROWS

_QUALITY: Final = 80
_LABEL: Final = 110  # pixels
_GAP: Final = 6
_VERDICTS: Final[Mapping[float, str]] = {1.0: "success", 0.0: "no success"}
_HEAD: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Edits</title>
<style>
body { font: 15px/1.4 sans-serif; margin: 2em auto; max-width: 110em; padding: 0 1em }
section { display: flex; flex-wrap: wrap; gap: 1em }
figure { margin: 0; width: 25em }
figure img { width: 32%; image-rendering: auto }
figcaption { font-size: 13px }
.no { color: #b00020 } .yes { color: #1b6e20 }
</style>
<h1>Edits</h1>
<p>Input, output and target of the first cases of every row: chosen by number, not by quality.</p>
"""


def page(shown: Sequence[Edited]) -> str:
    """An HTML page that needs no other file."""
    return _HEAD + "".join(
        f"<h2>{row.replace('_', ' ')}</h2>\n<section>\n{''.join(map(_figure, items))}</section>\n"
        for row, items in _by_row(shown)
    )


def contact_sheet(shown: Sequence[Edited]) -> Image.Image:
    """One line for each row: input, output and target of its cases side by side."""
    height, width = shown[0].output.shape[:2]
    lines = [(row, list(items)) for row, items in _by_row(shown)]
    columns = max(len(items) for _, items in lines)
    full = (_LABEL + columns * (3 * width + _GAP), len(lines) * (height + _GAP))
    canvas = Image.new("RGB", full, "white")
    draw = ImageDraw.Draw(canvas)
    for y, (row, items) in enumerate(lines):
        top = y * (height + _GAP)
        draw.text((4, top + height // 2), row.replace("_", " "), "black")
        for x, item in enumerate(items):
            left = _LABEL + x * (3 * width + _GAP)
            for place, picture in enumerate((item.case.before, item.output, item.case.after)):
                canvas.paste(_image(picture), (left + place * width, top))
    return canvas


def _by_row(shown: Iterable[Edited]) -> Iterable[tuple[str, Iterable[Edited]]]:
    ordered = sorted(shown, key=lambda item: ROWS.index(item.case.row))
    return groupby(ordered, key=lambda item: item.case.row)


def _figure(item: Edited) -> str:
    pictures = (item.case.before, item.output, item.case.after)
    shown = "".join(f'<img src="{_data_url(picture)}" alt="">' for picture in pictures)
    kind = "yes" if item.score.success == 1 else "no"
    verdict = _VERDICTS.get(item.score.success, "")
    text = f"{html.escape(item.text)} <i>({html.escape(item.split)})</i>"
    return (
        f'<figure>{shown}<figcaption>{text} <b class="{kind}">{verdict}</b></figcaption></figure>\n'
    )


def _data_url(picture: Picture) -> str:
    file = io.BytesIO()
    _image(picture).save(file, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _image(picture: Picture) -> Image.Image:
    return Image.fromarray((picture * 255).round().astype(np.uint8))
