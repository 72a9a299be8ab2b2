"""PNG files of our own making are read by others as what they were made from."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from runtime.png import png


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_pillow_reads_the_same_pixels_back(width: int, height: int, seed: int, isal: bool) -> None:
    compress: Callable[[Any], bytes] = isal_zlib.compress if isal else zlib.compress
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    with Image.open(io.BytesIO(png(pixels, PngInfo(), compress))) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_texts_are_in_the_file() -> None:
    info = PngInfo()
    info.add_text("a", "ascii")
    info.add_itxt("b", "雪 ☃")
    file = png(np.zeros((8, 8, 3), np.uint8), info, zlib.compress)
    with Image.open(io.BytesIO(file)) as image:
        assert image.info == {"a": "ascii", "b": "雪 ☃"}


def test_a_damaged_chunk_is_noticed() -> None:
    """A reader that verifies the check sums accepts the file, and no altered one."""
    file = bytearray(png(np.zeros((8, 8, 3), np.uint8), PngInfo(), zlib.compress))
    with Image.open(io.BytesIO(file)) as image:
        image.verify()
    file[file.index(b"IDAT") + 6] ^= 1
    with Image.open(io.BytesIO(file)) as image, pytest.raises(Exception, match="broken PNG"):
        image.verify()
