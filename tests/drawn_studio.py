"""Photographs and cut-outs drawn in a few lines, to stage scenes with."""

from __future__ import annotations

import cv2
import numpy as np

from train.changes import NOUNS
from train.cutouts import Cutout
from train.objects import Props
from train.picture import Picture
from train.staging import Studio
from train.styles import Styles


class Painter(Styles):
    """Stands in for the network of painted styles."""

    def apply(self, kind: str, picture: Picture) -> Picture:
        return np.ascontiguousarray(1 - picture[..., ::-1])


def photo(number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (160, 128), interpolation=cv2.INTER_CUBIC))


def cutout(noun: str) -> Cutout:
    rng = np.random.default_rng(NOUNS.index(noun) if noun in NOUNS else 99)
    pixels = np.zeros((40, 48, 4), np.uint8)
    colour = [int(value) for value in rng.integers(0, 256, 3)]
    cv2.ellipse(pixels, (24, 20), (22, 18), 0, 0, 360, (*colour, 255), -1)
    return Cutout(noun, "drawn", noun, pixels)


def drawn_studio() -> Studio:
    drawn = {noun: cutout(noun) for noun in NOUNS}
    worn = {name: cutout(name) for name in ("hat", "sunglasses")}
    photos = [photo(number) for number in range(3)]
    choice = {noun: [item] for noun, item in drawn.items()}
    return Studio(photos, choice, Props(drawn, worn), Painter(None))
