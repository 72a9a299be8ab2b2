"""Scenes: a photograph with named cut-outs placed on it, painted at any size.

Lengths are fractions of the picture's side, so a scene looks the same at every size. Nothing here
is random: `train.staging` draws scenes, `train.objects` changes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from train.changes import COLOURS
from train.cutouts import Cutout
from train.picture import Picture, luminance

Mask = NDArray[np.float32]
Pixel = TypeVar("Pixel", bound=np.generic)

_SHADOW_DEPTH: Final = 0.45
_BACKGROUND_BLUR: Final = 0.03  # sigma


@dataclass(frozen=True, slots=True)
class Placed:
    """A cut-out at its place.

    ``x`` and ``y`` are its centre and ``size`` its longer side. ``gain`` [3] is the light on it.
    ``worn`` are accessories painted onto it.
    """

    cutout: Cutout
    x: float
    y: float
    size: float
    flip: bool = False
    colour: str | None = None
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    worn: tuple[Cutout, ...] = ()

    @property
    def width(self) -> float:
        return self.size * self._shape[1] / max(self._shape)

    @property
    def height(self) -> float:
        return self.size * self._shape[0] / max(self._shape)

    @property
    def _shape(self) -> tuple[int, int]:
        height, width, _ = self.cutout.pixels.shape
        return height, width

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        half_width, half_height = self.width / 2, self.height / 2
        return self.x - half_width, self.y - half_height, self.x + half_width, self.y + half_height

    def fits(self, margin: float = 0.02) -> bool:
        """Whether all of it is inside the picture."""
        left, top, right, bottom = self.box
        return min(left, top) >= margin and max(right, bottom) <= 1 - margin


@dataclass(frozen=True, slots=True)
class Scene:
    """``background`` ``[S, S, 3]`` in 0..1, or its replacement, and objects, the nearest last."""

    background: Picture
    objects: tuple[Placed, ...] = ()
    background_colour: str | None = None
    background_blur: bool = False

    def named(self, noun: str) -> tuple[Placed, ...]:
        """The objects of that noun."""
        return tuple(item for item in self.objects if item.cutout.noun == noun)


def overlap(one: Placed, other: Placed) -> float:
    """Intersection of their boxes as a fraction of the smaller box."""
    a, b = one.box, other.box
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    smaller = min(one.width * one.height, other.width * other.height)
    return max(0.0, width) * max(0.0, height) / smaller


def render(scene: Scene) -> Picture:
    """The picture ``[S, S, 3]`` in 0..1."""
    canvas = _backdrop(scene)
    for item in scene.objects:
        _paint_shadow(canvas, item)
        for colour, alpha, top, left in _layers(item, canvas.shape[0]):
            _blend(canvas, colour, alpha, top, left)
    return np.clip(canvas, 0, 1)


def noun_map(scene: Scene, nouns: Sequence[str]) -> NDArray[np.uint8]:
    """``[S, S]``: 1 + the number of the noun that a pixel shows, 0 where it shows background."""
    side = scene.background.shape[0]
    found = np.zeros((side, side), np.uint8)
    for item in scene.objects:
        _, alpha, top, left = _layers(item, side)[0]
        window, part = _clip(found, alpha, top, left)
        window[part[..., 0] > 0.5] = 1 + nouns.index(item.cutout.noun)
    return found


def _backdrop(scene: Scene) -> Picture:
    side = scene.background.shape[0]
    if scene.background_colour is not None:
        # A little darker towards the bottom, as a studio's wall and floor.
        shade = np.linspace(1.0, 0.8, side, dtype=np.float32)[:, None, None]
        hue = np.array(COLOURS[scene.background_colour], np.float32)
        return np.ascontiguousarray(np.broadcast_to(shade * hue, (side, side, 3)))
    if scene.background_blur:
        soft = cv2.GaussianBlur(scene.background, (0, 0), _BACKGROUND_BLUR * side)
        return np.asarray(soft, np.float32)
    return scene.background.copy()


_Layer = tuple[Picture, Mask, int, int]  # colour [h, w, 3], alpha [h, w, 1], top, left


def _layers(item: Placed, side: int) -> list[_Layer]:
    """The object and what it wears, each with the place of its top left pixel."""
    painted = [_layer(item, side)]
    for accessory in item.worn:
        painted.append(_layer(_wear(item, accessory), side))
    return painted


def _layer(item: Placed, side: int) -> _Layer:
    width, height = max(2, round(item.width * side)), max(2, round(item.height * side))
    pixels = _premultiplied(item.cutout)
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    if item.flip:
        small = small[:, ::-1]
    alpha = np.asarray(small[..., 3:], np.float32)
    colour = np.asarray(small[..., :3] * np.array(item.gain, np.float32), np.float32)
    if item.colour is not None:
        colour = _recoloured(colour, alpha, item.colour)
    top, left = round(item.y * side - height / 2), round(item.x * side - width / 2)
    return np.asarray(np.minimum(colour, alpha), np.float32), alpha, top, left


def _recoloured(colour: Picture, alpha: Mask, name: str) -> Picture:
    """Premultiplied ``colour`` in the hue of ``name``, lights and darks kept in part."""
    hue = np.array(COLOURS[name], np.float32)
    grey = luminance(np.asarray(colour / np.maximum(alpha, 1e-3), np.float32))
    shade = np.where(grey < 0.5, (0.35 + 1.3 * grey) * hue, hue + (2 * grey - 1) * 0.55 * (1 - hue))
    return np.asarray(shade, np.float32) * alpha


@lru_cache(maxsize=4096)
def _premultiplied(cutout: Cutout) -> Picture:
    """``[h, w, 4]`` in 0..1, so that resizing does not bring up colours of transparent pixels."""
    pixels = np.asarray(cutout.pixels / 255, np.float32)
    pixels[..., :3] *= pixels[..., 3:]
    return pixels


@lru_cache(maxsize=4096)
def _head(cutout: Cutout) -> tuple[float, float]:
    """Where the top of a cut-out is: x as a fraction of its width, and how wide it is there."""
    alpha = cutout.pixels[..., 3] > 127
    columns = np.flatnonzero(alpha[: max(1, len(alpha) // 5)].any(axis=0))
    width = alpha.shape[1]
    return float(columns.mean() + 0.5) / width, float(np.ptp(columns) + 1) / width


def _wear(item: Placed, accessory: Cutout) -> Placed:
    """The accessory on the head of ``item``: a hat above it, sunglasses a little below the top."""
    along, wide = _head(item.cutout)
    along = 1 - along if item.flip else along
    left, top, _, _ = item.box
    worn = Placed(accessory, left + along * item.width, 0.0, item.width * max(0.45, 0.9 * wide))
    drop = -0.35 * worn.height if accessory.noun == "hat" else 0.16 * item.height
    return Placed(accessory, worn.x, top + drop, worn.size)


def _paint_shadow(canvas: Picture, item: Placed) -> None:
    """A soft flat ellipse under the object."""
    side = canvas.shape[0]
    height = max(3, round(0.22 * item.width * side))
    width = max(3, round(1.1 * item.width * side))
    top = round(item.box[3] * side - 0.6 * height)
    left = round(item.x * side - width / 2)
    window, alpha = _clip(canvas, _ellipse(height, width), top, left)
    window *= 1 - _SHADOW_DEPTH * alpha


@lru_cache(maxsize=4096)
def _ellipse(height: int, width: int) -> Mask:
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    return np.asarray(np.clip(1 - (x * x + y * y), 0, 1), np.float32)


def _blend(canvas: Picture, colour: Picture, alpha: Mask, top: int, left: int) -> None:
    window, part = _clip(canvas, np.concatenate([colour, alpha], axis=2), top, left)
    window *= 1 - part[..., 3:]
    window += part[..., :3]


def _clip(
    canvas: NDArray[Pixel], layer: NDArray[np.float32], top: int, left: int
) -> tuple[NDArray[Pixel], NDArray[np.float32]]:
    """The window of ``canvas`` under a layer at (top, left), and the part of the layer in it."""
    rows = slice(max(0, top), max(0, min(canvas.shape[0], top + layer.shape[0])))
    columns = slice(max(0, left), max(0, min(canvas.shape[1], left + layer.shape[1])))
    part = layer[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return canvas[rows, columns], part
