"""Odd and hostile pictures, each with what a service ought to make of it."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

PHOTO: Final = Path(__file__).resolve().parent.parent / "models" / "examples" / "pagoda.jpg"
_REFUSED: Final = frozenset({413, 415, 422})


@dataclass(frozen=True, slots=True)
class Upload:
    """A file. `shown` is the picture in it, when it must be edited; `statuses` are those that are
    right for it."""

    kind: str
    data: bytes
    statuses: frozenset[int]
    shown: Image.Image | None = None


def uploads(count: int, seed: int = 1) -> Iterator[Upload]:
    """`count` of them: every fixed one, then files damaged at random."""
    photo = Image.open(PHOTO).convert("RGB")
    photo.thumbnail((240, 240))
    fixed = [*_odd(photo), *_turned(photo), *_lies(photo), *_foreign(photo)]
    yield from fixed
    yield from _damaged(photo, count - len(fixed), random.Random(seed))


def _good(kind: str, data: bytes, shown: Image.Image) -> Upload:
    return Upload(kind, data, frozenset({200}), shown)


def _bad(kind: str, data: bytes, *statuses: int) -> Upload:
    return Upload(kind, data, frozenset(statuses) or _REFUSED)


def file(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _odd(photo: Image.Image) -> Iterator[Upload]:
    """Rare but right: they have to be edited as a person sees them."""
    grey = photo.convert("L")
    wide = np.asarray(grey).astype(np.uint16) * 257
    yield _good("16-bit PNG", file(Image.fromarray(wide)), grey)
    yield _good("CMYK JPEG", file(photo.convert("CMYK"), "JPEG", quality=95), photo)
    yield _good("CMYK TIFF", file(photo.convert("CMYK"), "TIFF"), photo)
    yield _good("1-bit PNG", file(photo.convert("1")), photo.convert("1"))
    yield _good("palette PNG", file(photo.quantize(64)), photo.quantize(64))
    yield _good("progressive JPEG", file(photo, "JPEG", progressive=True, quality=95), photo)
    yield _good("lossless WebP", file(photo, "WEBP", lossless=True), photo)
    yield _good("BMP", file(photo, "BMP"), photo)
    clear = photo.copy()
    clear.putalpha(0)
    yield _good("clear PNG", file(clear), Image.new("RGB", photo.size, "white"))
    frames = [Image.new("RGB", photo.size, colour) for colour in ("red", "blue")]
    options: dict[str, Any] = {"save_all": True, "append_images": frames, "duration": 50}
    for form in ("GIF", "WEBP", "PNG", "TIFF"):
        yield _good(f"animated {form}", file(photo, form, **options), photo)
    for form in ("JPEG", "PNG", "WEBP"):
        data = file(photo, form, icc_profile=b"no profile" * 50)
        yield _good(f"{form} with a broken profile", data, photo)
        yield _good(f"{form} with a broken EXIF", file(photo, form, exif=b"Exif\0\0II*"), photo)
    yield _good("trailing bytes", file(photo) + bytes(100_000), photo)


def _turned(photo: Image.Image) -> Iterator[Upload]:
    """EXIF orientation (1 to 8) is how the picture is to be seen; other values mean nothing."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    for orientation in (0, *range(1, 10), 65535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = photo.transpose(undo[orientation]) if orientation in undo else photo
        data = file(stored, "JPEG", exif=exif, quality=95)
        yield _good(f"orientation {orientation}", data, photo)
    exif = Image.Exif()
    exif[0x010E] = "x" * 60_000
    yield _good("EXIF of 60 KB", file(photo, "JPEG", exif=exif, quality=95), photo)


def _lies(photo: Image.Image) -> Iterator[Upload]:
    """Headers that promise what is not there, or far too much."""
    yield _bad("empty", b"", 415, 422)
    for width, height in ((0, 0), (0, 10), (60_000, 60_000), (2**31 - 1, 1), (9000, 9000)):
        yield _bad(f"PNG of {width}x{height}", _png(width, height))
    yield _bad("PNG bomb", _png(8000, 8000, bytes(8000 * (3 * 8000 + 1))), 200, 413, 415)
    text = b"tEXtbomb\0" + bytes(10)
    data = file(photo)
    squeezed = zlib.compress(bytes(200 * 2**20), 9)
    chunk = _chunk(b"zTXt", b"bomb\0\0" + squeezed)
    yield _bad("PNG with a text bomb", data[:33] + chunk + data[33:], 200, 413, 415)
    yield _bad("PNG with a wrong checksum", data[:33] + text + data[33:])
    for width, height in ((1, 20_000), (20_000, 1), (1, 1), (8, 1), (1, 9)):
        small = Image.new("RGB", (width, height), "green")
        fits = max(width, height) <= 8 * min(width, height)
        made = _good if fits else _bad
        extra: tuple[Any, ...] = (small,) if fits else (422,)
        yield made(f"{width}x{height}", file(small), *extra)
    wide = bytearray(file(photo, "BMP"))
    wide[18:22] = struct.pack("<i", -(2**31))
    yield _bad("BMP of negative width", bytes(wide))
    gif = bytearray(file(photo, "GIF"))
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    yield _bad("GIF screen of 65535x65535", bytes(gif))


def _png(width: int, height: int, rows: bytes = b"") -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = _chunk(b"IDAT", zlib.compress(rows)) if rows else b""
    return b"\x89PNG\r\n\x1a\n" + header + pixels + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _foreign(photo: Image.Image) -> Iterator[Upload]:
    """No pictures of a kind that is taken, or two kinds of file in one."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    for kind, data in {
        "SVG": svg,
        "SVGZ": b"\x1f\x8b" + zlib.compress(svg),
        "HTML": b"<html><script>alert(1)</script></html>",
        "PDF": file(photo, "PDF"),
        "EPS": file(photo, "EPS"),
        "ICO": file(photo, "ICO"),
        "PPM": file(photo, "PPM"),
        "PCX": file(photo, "PCX"),
        "TGA": file(photo, "TGA"),
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0heicmif1",
        "MP4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2",
        "text": b"hello",
        "zeros": bytes(1000),
        "python": b"import os; os.system('true')",
    }.items():
        yield _bad(kind, data, 415)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.html", "<script>alert(1)</script>")
    for form in ("JPEG", "PNG", "GIF"):
        data = file(photo, form)
        yield _good(f"{form} and ZIP", data + archive.getvalue(), photo)
        yield _bad(f"ZIP and {form}", archive.getvalue() + data, 415)
    page = b"<script>alert(1)</script>"
    yield _good("JPEG with HTML", file(photo, "JPEG", comment=page, quality=95), photo)


def _damaged(photo: Image.Image, count: int, rng: random.Random) -> Iterator[Upload]:
    """Cut short, or with bytes changed: whether a decoder reads that is its own affair."""
    forms = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
    files = {form: file(photo, form) for form in forms}
    for _ in range(count):
        form = rng.choice(forms)
        data = bytearray(files[form])
        if rng.random() < 0.5:
            yield _bad(f"{form} cut short", bytes(data[: rng.randrange(len(data))]), 200, *_REFUSED)
            continue
        for _ in range(rng.choice((1, 3, 10, 100))):
            reach = rng.choice((64, len(data)))  # headers more often than by chance
            data[rng.randrange(min(reach, len(data)))] = rng.randrange(256)
        yield _bad(f"{form} with changed bytes", bytes(data), 200, *_REFUSED)
