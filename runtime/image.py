"""Pictures in: any file or Pillow image becomes the RGB pixels and the size that a model edits.

What a caller sends decides how much memory this takes, so every step here is bounded: pictures are
refused by their header, decoded at a fraction where the format can, and converted in bands.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from runtime.errors import InvalidRequest, OutOfMemory, UnsupportedImage

MAX_PIXELS: Final = 64 * 2**20
MAX_ASPECT: Final = 8
_MIN_SIDE: Final = 32
_LARGE: Final = 4096  # pixels of the longer side that are kept; edits have at most 2048
_BAND: Final = 128  # rows of a reduced picture that are converted at a time
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_SIGNATURES: Final = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_RETRY_S: Final = 5.0

# What decoding may take, and what it takes a pixel: a JPEG in several scans 2 bytes for every
# coefficient, WebP and TIFF several copies of the picture.
_MAX_BYTES: Final = 6 * MAX_PIXELS
_BYTES_A_PIXEL: Final = {"WEBP": 24, "TIFF": 12}


def read_image(data: bytes) -> Image.Image:
    """Decode an uploaded or stored picture into RGB; see `to_rgb` for its size.

    Takes less than 500 MB, whatever the upload. Raises `UnsupportedImage` when it is no picture
    or cannot be decoded whole, `InvalidRequest` when it has too many pixels, and `OutOfMemory`.
    """
    with _translated(lambda exc: _unreadable(data, exc)):
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
        _check_pixels(image)
        factor = _reduction(image.size)
        width, height = (max(side // factor, 1) for side in image.size)
        image.draft(None, (width, height))  # a JPEG is decoded at a fraction of its size
        return _to_rgb(image)


def to_rgb(image: Image.Image) -> Image.Image:
    """Upright 8-bit RGB: EXIF orientation applied, alpha over white, every other mode converted.

    A picture of more than 4096 pixels a side is reduced, by a whole number, to fewer. Raises
    `UnsupportedImage` when Pillow cannot decode or convert the picture, and `OutOfMemory`.
    """
    with _translated(lambda exc: f"the {image.mode} picture cannot be read ({exc}); convert it"):
        return _to_rgb(image)


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


def fitting(size: tuple[int, int], box: tuple[int, int]) -> int:
    """The `max_size` at which a picture of `size` fits into `box` (both width, height).

    In pixels, before the sides are rounded to the model's multiple.
    """
    long = max(size)
    return min(long * bound // side for side, bound in zip(size, box, strict=True))


def to_pixels(image: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Pixels uint8 [H, W, 3] of an RGB picture at `size` (width, height), by Lanczos' filter."""
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(image, np.uint8)


@contextmanager
def _translated(told: Callable[[Exception], str]) -> Iterator[None]:
    """Pillow's exceptions become ours; `told` words what damaged files make it raise: anything."""
    try:
        yield
    except InvalidRequest:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise InvalidRequest(f"{exc}; send at most {MAX_PIXELS} pixels") from exc
    except Exception as exc:
        # Pillow's decoders tell of it by this text alone.
        if isinstance(exc, MemoryError) or str(exc).startswith("out of memory"):
            raise OutOfMemory("no memory is left to read the picture with", _RETRY_S) from exc
        raise UnsupportedImage(told(exc)) from exc


def _unreadable(data: bytes, exc: Exception) -> str:
    kinds = ", ".join(_FORMATS)
    if not isinstance(exc, UnidentifiedImageError):
        return f"the picture is damaged or of a rare kind, it cannot be read ({exc}); send {kinds}"
    if data.startswith(_SIGNATURES) or data[8:12] == b"WEBP":
        return (
            f"the picture is damaged or of a rare kind, its header is not understood; send {kinds}"
        )
    return f"the {len(data)} bytes are no picture; send {kinds}"


def _check_pixels(image: Image.Image) -> None:
    kind = image.format or ""
    each = 2 * len(image.getbands()) if kind == "JPEG" else _BYTES_A_PIXEL.get(kind, 6)
    most = min(_MAX_BYTES // each, MAX_PIXELS)
    width, height = max(image.size, _tile_size(image), key=math.prod)
    if width * height > most:
        raise InvalidRequest(
            f"the {kind} picture has {width * height} pixels ({width}x{height}); "
            f"send at most {most}"
        )


def _tile_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of a TIFF's tiles, each held whole; they may be larger than the picture."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(TiffImagePlugin.TILEWIDTH, 0), tags.get(TiffImagePlugin.TILELENGTH, 0)


def _reduction(size: tuple[int, int]) -> int:
    """The whole number by which a picture of `size` is divided."""
    return -(-max(size) // _LARGE)


def _to_rgb(image: Image.Image) -> Image.Image:
    image.load()  # which may turn it
    factor = _reduction(image.size)
    width, height = (-(-side // factor) for side in image.size)
    canvas = Image.new("RGB", (width, height))
    for top in range(0, image.height, _BAND * factor):
        bottom = min(top + _BAND * factor, image.height)
        band = _opaque(image.crop((0, top, image.width, bottom)))
        canvas.paste(band.reduce(factor), (0, top // factor))
    canvas.getexif()[ExifTags.Base.Orientation] = _orientation(image)
    ImageOps.exif_transpose(canvas, in_place=True)
    return canvas


def _orientation(image: Image.Image) -> int:
    """That of its EXIF; a picture whose EXIF is damaged is taken as it lies."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF makes Pillow raise anything: SyntaxError, struct.error, ...
        return 1


def _opaque(image: Image.Image) -> Image.Image:
    """RGB at the same size."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bit(image)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit integers to 8 bits, and floats from [0, 1]; Pillow would clip both."""
    values = np.asarray(image)
    if image.mode == "F":
        levels = np.clip(np.nan_to_num(values) * 255, 0, 255).round()
    else:
        levels = np.clip(values, 0, 65535) // 257
    return Image.fromarray(levels.astype(np.uint8), "L")
