"""Pictures in: every kind of file that people send, and the damaged and hostile ones."""

from __future__ import annotations

import contextlib
import io
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from runtime import InvalidRequest, OutOfMemory, UnsupportedImage, read_image
from runtime.image import MAX_ASPECT, MAX_PIXELS, edit_size, fitting, to_pixels, to_rgb

Array = NDArray[Any]


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def read(image: Image.Image, kind: str = "PNG", **options: Any) -> Array:
    picture = read_image(encoded(image, kind, **options))
    assert picture.mode == "RGB"
    return np.asarray(picture)


def photo(height: int = 40, width: int = 56) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 / width, y * 255 / height, (x + y) * 1.5], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "JPEG", "GIF"])
def test_every_listed_format_is_read(kind: str) -> None:
    exact: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}
    options = exact.get(kind, {})
    error = np.abs(read(photo(), kind, **options).astype(int) - np.asarray(photo()))
    assert error.mean() <= {"JPEG": 2, "GIF": 12}.get(kind, 0)


TURNED = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: p.transpose(1, 0, 2)[:, ::-1],
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: p.transpose(1, 0, 2)[::-1],
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", TURNED)
def test_a_picture_is_turned_as_its_exif_says(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = TURNED[orientation](np.asarray(photo()))
    data = encoded(photo(), kind, exif=exif, lossless=True)
    np.testing.assert_array_equal(np.asarray(read_image(data)), upright)
    # once: nothing turns it again
    np.testing.assert_array_equal(np.asarray(to_rgb(read_image(data))), upright)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize(
    ("size", "kept"),
    [
        ((4096, 32), (4096, 32)),
        ((4097, 40), (2049, 20)),
        ((40, 8191), (20, 4096)),
        ((8192, 1), (4096, 1)),
    ],
)
def test_a_large_picture_is_reduced_by_a_whole_number(
    size: tuple[int, int], kept: tuple[int, int], kind: str
) -> None:
    """Band by band, which shows nowhere; and turned by its EXIF afterwards."""
    image = photo(size[1], size[0])
    factor = -(-max(size) // 4096)
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = read(image, kind, quality=95)
    turned = read(image, kind, quality=95, exif=exif)
    assert upright.shape[1::-1] == kept
    error = np.abs(upright - np.asarray(image.reduce(factor)).astype(int))
    assert error.max() <= 1 if kind == "PNG" else error.mean() < 2
    np.testing.assert_array_equal(turned, TURNED[6](upright))


def test_the_callers_own_picture_stays_as_it_is(tmp_path: Path) -> None:
    photo(40, 5000).save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as image:
        assert to_rgb(image).size == (2500, 20)
        assert image.size == (5000, 40)


# A program that runs with warnings as errors would rather have an error than a picture.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"", b"Exif\0\0II*", b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
def test_a_damaged_exif_block_does_not_spoil_the_picture(kind: str, exif: bytes) -> None:
    assert read(photo(), kind, exif=exif).shape == (40, 56, 3)


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_alpha_is_laid_over_white(alpha: int) -> None:
    expected = round(255 + (60 - 255) * alpha / 255)
    for image in (
        Image.new("RGBA", (8, 8), (60, 60, 60, alpha)),
        Image.new("LA", (8, 8), (60, alpha)),
    ):
        assert np.abs(read(image).astype(int) - expected).max() <= 1


def test_a_palettes_transparent_colour_is_white() -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 200, 10, 20])
    image.putpixel((3, 4), 0)
    pixels = read(image, transparency=0)
    assert pixels[4, 3].tolist() == [255, 255, 255]
    assert pixels[0, 0].tolist() == [200, 10, 20]


def test_a_transparent_colour_without_alpha_is_white() -> None:
    """PNG's tRNS chunk on an RGB and on a grey picture."""
    assert (read(Image.new("RGB", (8, 8), (1, 2, 3)), transparency=(1, 2, 3)) == 255).all()
    assert (read(Image.new("L", (8, 8), 7), transparency=7) == 255).all()


def test_grey_becomes_three_equal_channels() -> None:
    grey = photo().convert("L")
    np.testing.assert_array_equal(read(grey), np.asarray(grey)[..., None].repeat(3, axis=2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_brightness(kind: str) -> None:
    """Pillow's own conversion would clip everything above 255 to white."""
    values = np.array([[0, 257, 128 * 257, 65535 - 257, 65535]], np.uint16).repeat(4, axis=0)
    assert read(Image.fromarray(values), kind)[0, :, 0].tolist() == [0, 1, 128, 254, 255]


def test_16_bit_colour_keeps_its_brightness() -> None:
    """Pillow cannot write it, so the PNG is put together here."""
    row = b"\0" + struct.pack(">6H", 0, 128 * 257, 65535, 65535, 257, 0)
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(row)), chunk(b"IEND", b"")]
    pixels = np.asarray(read_image(b"\x89PNG\r\n\x1a\n" + b"".join(parts)))
    assert pixels[0].tolist() == [[0, 128, 255], [255, 1, 0]]


def test_floats_are_read_from_0_to_1() -> None:
    values = np.array([[-1, 0, 0.5, 1, 7, np.nan]], np.float32)
    assert read(Image.fromarray(values), "TIFF")[0, :, 0].tolist() == [0, 0, 128, 255, 255, 0]


def test_one_bit_becomes_black_and_white() -> None:
    image = Image.new("1", (8, 8))
    image.putpixel((2, 3), 1)
    pixels = read(image)
    assert pixels[3, 2].tolist() == [255, 255, 255]
    assert pixels.sum() == 3 * 255


def test_cmyk_is_converted() -> None:
    pixels = read(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    red, green, blue = pixels.reshape(-1, 3).mean(axis=0)
    assert red > 200 > 60 > max(green, blue)


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        pixels = read(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
        assert np.abs(pixels.astype(int) - [255, 0, 0]).max() <= 2


def test_other_modes_of_pillow_images_are_converted() -> None:
    for mode in ("YCbCr", "HSV", "RGBa", "PA", "RGBX", "I", "I;16", "F", "LAB"):
        image = Image.new(mode, (4, 4))
        assert to_rgb(image).mode == "RGB", mode


def test_a_mode_that_pillow_cannot_convert_is_refused() -> None:
    with pytest.raises(UnsupportedImage, match="the La picture cannot be read"):
        to_rgb(Image.new("La", (4, 4)))


@given(st.integers(0, 3000))
def test_a_picture_cut_anywhere_is_refused(length: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    for kind in ("PNG", "WEBP"):
        data = encoded(Image.fromarray(noise), kind, lossless=True)
        assert len(data) > 4500
        told = "is damaged" if length >= 12 else "is damaged|are no picture"
        with pytest.raises(UnsupportedImage, match=told):
            read_image(data[:length])


def test_a_cut_jpeg_is_refused() -> None:
    data = encoded(photo(200, 300), "JPEG")
    for length in range(3, len(data) - 200, 97):
        with pytest.raises(UnsupportedImage, match="the picture is damaged"):
            read_image(data[:length])


@given(st.data())
def test_a_damaged_picture_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"]))
    damaged = bytearray(encoded(photo(16, 16), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidRequest):
        assert read_image(bytes(damaged)).mode == "RGB"


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"hello, this is text\n" * 9,
        SVG,
        EPS,
        b"%PDF-1.7\n1 0 obj\n",
        b"GIF89a",
        b"PK\3\4",
    ],
)
def test_what_is_no_picture_is_refused_with_what_would_do(data: bytes) -> None:
    with pytest.raises(UnsupportedImage, match="send JPEG, PNG, WEBP, GIF, BMP, TIFF") as caught:
        read_image(data)
    assert ("are no picture" in str(caught.value)) == (data != b"GIF89a")


def test_random_bytes_are_refused() -> None:
    with pytest.raises(UnsupportedImage):
        read_image(np.random.default_rng(0).bytes(5000))


@pytest.mark.parametrize("side", [8200, 30_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(side: int) -> None:
    """Before its pixels take any memory, on either side of Pillow's own bounds."""
    bomb = bytearray(encoded(Image.new("L", (8, 8))))
    header = struct.pack(">II", side, side) + bytes(bomb[24:29])
    bomb[16:29] = header
    bomb[29:33] = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    assert side**2 > MAX_PIXELS
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequest, match=f"at most {MAX_PIXELS}") as caught:
            read_image(bytes(bomb))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not isinstance(caught.value, UnsupportedImage)
    assert str(side**2) in str(caught.value)
    assert peak < 1_000_000


# Reads the picture on stdin with `sys.argv[1]` MiB of address space beside what Python has.
BOUNDED_READ = """
import resource, sys
from pathlib import Path
from runtime import EditError, read_image
data = sys.stdin.buffer.read()
pages = int(Path("/proc/self/statm").read_text().split()[0])
bound = pages * resource.getpagesize() + int(sys.argv[1]) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
try:
    print(*read_image(data).size)
except EditError as exc:
    print(type(exc).__name__)
"""


def read_within(megabytes: int, data: bytes) -> str:
    command = [sys.executable, "-c", BOUNDED_READ, str(megabytes)]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()


def flat_png(side: int, depth: int, colour: int, row_bytes: int, extra: bytes = b"") -> bytes:
    """A black PNG that Pillow need not hold to write; `extra` is more chunks."""
    packer = zlib.compressobj()
    packed = [packer.compress(bytes(1 + row_bytes)) for _ in range(side)]
    header = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0)
    body = b"".join([*packed, packer.flush()])
    chunks = [chunk(b"IHDR", header), extra, chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


SIDE = 8192


def large_upload(kind: str) -> bytes:
    """Few bytes, and as many pixels as are taken."""
    if kind == "16 bit":
        return flat_png(SIDE, 16, 0, 2 * SIDE)
    if kind == "palette":
        extra = chunk(b"PLTE", bytes(6)) + chunk(b"tRNS", b"\x80")
        return flat_png(SIDE, 8, 3, SIDE, extra)
    if kind == "RGB":
        return flat_png(SIDE, 8, 2, 3 * SIDE)
    if kind == "RGBA":
        return flat_png(SIDE, 8, 6, 4 * SIDE)
    if kind == "WEBP":
        return encoded(Image.new("RGBA", (SIDE // 2, SIDE // 2), (1, 2, 3, 4)), "WEBP")
    options: dict[str, Any] = {"progressive": True, "subsampling": 0}
    return encoded(Image.new("RGB", (SIDE, SIDE)), "JPEG", **options)


@pytest.mark.parametrize(
    "kind",
    [
        "16 bit",
        *(
            pytest.param(kind, marks=pytest.mark.slow)
            for kind in ("palette", "RGB", "RGBA", "WEBP", "JPEG")
        ),
    ],
)
def test_a_small_upload_of_many_pixels_takes_bounded_memory(kind: str) -> None:
    data = large_upload(kind)
    assert len(data) < 900_000
    assert read_within(512, data) == "4096 4096\n"


def test_what_memory_is_short_for_is_no_damaged_picture() -> None:
    """Neither while it is decoded nor while it is converted."""
    data = large_upload("16 bit")
    for megabytes in (50, 150):
        assert read_within(megabytes, data) == "OutOfMemory\n"


@pytest.mark.parametrize("stage", ["open", "new"])
def test_a_memory_error_of_pillow_says_when_to_try_again(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **options: object) -> None:
        raise MemoryError

    data = encoded(photo())
    monkeypatch.setattr(Image, stage, fails)
    with pytest.raises(OutOfMemory) as caught:
        read_image(data)
    assert caught.value.retry_after > 0


def test_reading_leaves_the_filters_of_warnings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """They belong to the process: changed in several threads at once, they may stay changed."""
    before, kept, opened = warnings.filters, list(warnings.filters), Image.open

    def watched(*args: Any, **options: Any) -> Image.Image:
        assert warnings.filters is before
        assert list(warnings.filters) == kept
        return opened(*args, **options)

    monkeypatch.setattr(Image, "open", watched)
    assert read_image(encoded(photo())).size == (56, 40)


def tiled_tiff(tile: int) -> bytes:
    """A black grey TIFF of 56 x 40 pixels in one tile."""
    packed = zlib.compress(bytes(64 * 64))
    tags = {256: 56, 257: 40, 258: 8, 259: 8, 262: 1, 277: 1, 322: tile, 323: tile}
    tags |= {324: 10 + 12 * (len(tags) + 2) + 4, 325: len(packed)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + packed


def test_a_tiff_of_huge_tiles_is_refused_by_its_header() -> None:
    """libtiff would hold one whole, however small the picture."""
    assert read_image(tiled_tiff(64)).size == (56, 40)
    with pytest.raises(InvalidRequest, match="has 1073741824 pixels") as caught:
        read_image(tiled_tiff(32768))
    assert not isinstance(caught.value, UnsupportedImage)


sides = st.integers(1, 9000) | st.integers(1, 70)
bounds = st.integers(64, 2048)
multiples = st.sampled_from([1, 2, 4, 8, 16, 64])


@given(sides, sides, bounds, multiples)
def test_the_edit_size_keeps_its_bound_its_multiple_and_the_aspect(
    width: int, height: int, max_size: int, multiple: int
) -> None:
    assume(max(width, height) <= MAX_ASPECT * min(width, height))
    got = edit_size(width, height, max_size, multiple)
    assert all(side % multiple == 0 and side >= multiple for side in got)
    assert max(got) <= max_size
    # Some scale brings both sides within half a multiple; a side of one multiple may be less.
    own = (width, height)
    half = multiple / 2
    least = [(one - half) / of if one > multiple else 0 for one, of in zip(got, own, strict=True)]
    most = [(one + half) / of for one, of in zip(got, own, strict=True)]
    assert max(least) <= min(most) * (1 + 1e-9)
    if min(own) >= 32:
        assert max(least) <= 1 + 1e-9  # never enlarged
    if max(own) <= max_size - multiple and min(own) >= max(32, multiple):
        assert min(most) >= 1 - 1e-9  # nor reduced without need


@given(sides, sides, bounds, multiples)
def test_the_edit_size_of_a_turned_picture_is_turned(
    width: int, height: int, max_size: int, multiple: int
) -> None:
    assume(max(width, height) <= MAX_ASPECT * min(width, height))
    turned = edit_size(height, width, max_size, multiple)
    assert edit_size(width, height, max_size, multiple) == turned[::-1]


@pytest.mark.parametrize(
    ("size", "max_size", "multiple", "expected"),
    [
        ((512, 512), 512, 8, (512, 512)),
        ((4000, 3000), 512, 8, (512, 384)),
        ((640, 480), 512, 64, (512, 384)),
        ((300, 200), 512, 8, (304, 200)),  # not enlarged
        ((1, 1), 512, 8, (32, 32)),  # but for tiny ones
        ((1, 8), 512, 8, (32, 256)),
        ((1, 8), 64, 8, (8, 64)),
        ((1000, 1000), 500, 64, (448, 448)),  # never past max_size
        ((1000, 500), 511, 8, (504, 256)),
        ((8000, 1000), 64, 64, (64, 64)),
    ],
)
def test_edit_sizes(
    size: tuple[int, int], max_size: int, multiple: int, expected: tuple[int, int]
) -> None:
    assert edit_size(*size, max_size, multiple) == expected


@pytest.mark.parametrize("size", [(801, 100), (100, 801), (9000, 1), (0, 0), (0, 5)])
def test_a_picture_beyond_the_aspect_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidRequest, match=f"{size[0]}x{size[1]} is beyond the aspect 1:8; crop"):
        edit_size(*size, 512, 8)


def test_pixels_at_their_own_size_are_untouched_and_others_resampled() -> None:
    image = photo()
    np.testing.assert_array_equal(to_pixels(image, image.size), np.asarray(image))
    small = to_pixels(image, (28, 20))
    assert small.shape == (20, 28, 3)
    assert small.dtype == np.uint8
    assert np.abs(small.mean(axis=(0, 1)) - np.asarray(image).mean(axis=(0, 1))).max() < 1


@given(
    size=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    box=st.tuples(st.integers(64, 2048), st.integers(64, 2048)),
)
def test_a_picture_fitted_into_a_box_is_within_it_and_no_smaller_than_needed(
    size: tuple[int, int], box: tuple[int, int]
) -> None:
    long = max(size)
    largest = fitting(size, box)
    assert all(largest * side <= bound * long for side, bound in zip(size, box, strict=True))
    assert any((largest + 1) * side > bound * long for side, bound in zip(size, box, strict=True))
    assert 64 <= largest <= 2048
