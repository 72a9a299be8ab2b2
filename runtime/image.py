"""Pictures in: any file or Pillow image becomes the RGB pixels and the size that a model edits."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from runtime.errors import InvalidRequest, UnsupportedImage

MAX_PIXELS: Final = 64 * 1024 * 1024
MAX_ASPECT: Final = 8
_MIN_SIDE: Final = 32
_LARGE: Final = 4096  # pixels of the longer side; edits have at most 2048
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


def read_image(data: bytes) -> Image.Image:
    """Decode an uploaded or stored picture into RGB.

    Raises `UnsupportedImage` when it cannot be decoded whole, `InvalidRequest` past `MAX_PIXELS`.
    """
    with _translated(f"the {len(data)} bytes"), warnings.catch_warnings():
        # The bomb is bounded below; what else Pillow warns of, it survives.
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
        _check_pixels(image)
        return to_rgb(image)


def to_rgb(image: Image.Image) -> Image.Image:
    """Upright 8-bit RGB: EXIF orientation applied, alpha over white, every other mode converted.

    Pictures of twice the largest edit are made smaller first: converting them takes the memory.

    Raises `UnsupportedImage` when Pillow cannot decode or convert the picture.
    """
    with _translated(f"the {image.mode} picture"):
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I") or image.mode == "F":
            image = _to_8_bit(image)
        if (excess := max(image.size) // _LARGE) > 1 and image.mode not in ("1", "P", "PA"):
            image = image.reduce(excess)
        if image.has_transparency_data:
            canvas = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(canvas, image.convert("RGBA"))
        return image.convert("RGB")


def edit_size(width: int, height: int, max_size: int, multiple: int) -> tuple[int, int]:
    """Width and height at which a picture is edited.

    The longer side is at most `max_size`, a picture is only enlarged when a side is under 32
    pixels, the aspect is kept, and both sides are rounded to `multiple` (not past `max_size`).
    Raises `InvalidRequest` beyond an aspect of 1:8.
    """
    long, short = max(width, height), min(width, height)
    if short < 1 or long > MAX_ASPECT * short:
        raise InvalidRequest(
            f"a picture of {width}x{height} is beyond the aspect 1:{MAX_ASPECT}; crop it"
        )
    longest = max(max_size // multiple, 1) * multiple
    scale = min(longest / long, max(1.0, _MIN_SIDE / short))
    sides = [max(round(side * scale / multiple), 1) * multiple for side in (width, height)]
    return sides[0], sides[1]


def to_pixels(image: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Pixels uint8 [H, W, 3] of an RGB picture at `size` (width, height), by Lanczos' filter."""
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(image, np.uint8)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except InvalidRequest:
        raise
    except Image.DecompressionBombError as exc:
        raise InvalidRequest(f"{exc}; send at most {MAX_PIXELS} pixels") from exc
    except UnidentifiedImageError as exc:
        raise UnsupportedImage(f"{what} are no picture; send {', '.join(_FORMATS)}") from exc
    except Exception as exc:  # damaged files make Pillow raise almost any kind
        kinds = ", ".join(_FORMATS)
        raise UnsupportedImage(f"{what} cannot be read ({exc}); send {kinds}") from exc


def _check_pixels(image: Image.Image) -> None:
    pixels = math.prod(image.size)
    if pixels > MAX_PIXELS:
        raise InvalidRequest(
            f"the picture has {pixels} pixels ({image.width}x{image.height}); "
            f"send at most {MAX_PIXELS}"
        )


def _to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit integers to 8 bits, and floats from [0, 1]; Pillow would clip both."""
    values = np.asarray(image)
    if image.mode == "F":
        levels = np.clip(np.nan_to_num(values) * 255, 0, 255).round()
    else:
        levels = np.clip(values, 0, 65535) // 257
    return Image.fromarray(levels.astype(np.uint8), "L")
