"""What a result says about itself survives its file, and nothing else is taken for it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from runtime import Editor, EditParams, InvalidRequest, SamplerName, UnsupportedImage
from runtime.params import MAX_SEED
from runtime.provenance import Provenance, read_provenance, save_options
from runtime.version import VERSION

KINDS = ("PNG", "JPEG", "WEBP")
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=1000).filter(
    lambda text: bool(text.strip())
)
records = st.builds(
    Provenance,
    params=st.builds(
        EditParams,
        instruction=words,
        negative_instruction=words,
        text_guidance=st.floats(0, 30),
        image_guidance=st.floats(0, 10),
        steps=st.integers(1, 150),
        sampler=st.sampled_from(SamplerName),
        seed=st.integers(0, MAX_SEED),
        max_size=st.integers(64, 2048),
    ),
    bundle=st.text("0123456789abcdef", min_size=64, max_size=64),
)
SAMPLE = Provenance(EditParams("make it night", seed=7), "ab" * 32)


def file_of(kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, kind, **options)
    return buffer.getvalue()


@given(records, st.sampled_from(KINDS))
def test_every_record_comes_back_from_every_format(record: Provenance, kind: str) -> None:
    assert read_provenance(file_of(kind, **save_options(kind, record))) == record


def test_the_longest_instructions_fit() -> None:
    """EXIF holds 64 KB, and a character beyond the basic plane takes 12 bytes."""
    record = Provenance(EditParams("😀" * 1000, "😀" * 1000, seed=1), "ab" * 32)
    for kind in KINDS:
        assert read_provenance(file_of(kind, **save_options(kind, record))) == record


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_result_is_saved_with_what_repeats_it(
    editor: Editor, picture: Image.Image, tmp_path: Path, suffix: str
) -> None:
    result = editor.edit(picture, "make it night", seed=3, text_guidance=5)
    path = tmp_path / f"a{suffix}"
    result.save(path)
    record = read_provenance(path.read_bytes())
    assert record == Provenance(result.params, editor.manifest.digest(), VERSION)
    again = editor.edit(picture, **json.loads(record.dumps())["params"])
    assert again.image.tobytes() == result.image.tobytes()


def test_a_format_without_a_place_for_it_is_written_without(
    editor: Editor, picture: Image.Image, tmp_path: Path
) -> None:
    result = editor.edit(picture, "make it night")
    result.save(tmp_path / "a.bmp")
    with Image.open(tmp_path / "a.bmp") as image:
        assert image.format == "BMP"
    with pytest.raises(ValueError, match="unknown file extension"):
        result.save(tmp_path / "a.odd")


def test_a_bundle_is_known_by_the_digest_of_its_file(editor: Editor, fake_bundle: Path) -> None:
    file = (fake_bundle / "manifest.json").read_bytes()
    assert editor.manifest.digest() == hashlib.sha256(file).hexdigest()


@pytest.mark.parametrize("data", [b"", b"text", file_of("BMP"), file_of("PNG")[:20]])
def test_what_is_no_picture_is_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedImage):
        read_provenance(data)


def commented(comment: bytes) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return file_of("JPEG", exif=exif)


@pytest.mark.parametrize(
    "data",
    [*map(file_of, KINDS), commented(b"UNICODE\0{}"), commented(b"ASCII")],
    ids=[*KINDS, "unicode", "cut"],
)
def test_a_picture_without_a_record_says_so(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="holds no record of an edit"):
        read_provenance(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        '{"params": 5, "bundle": "", "retouch": ""}',
        '{"params": {}, "bundle": "", "retouch": ""}',
        '{"params": {"instruction": "x", "colour": "red"}, "bundle": "", "retouch": ""}',
        '{"params": {"instruction": "x", "steps": 900}, "bundle": "", "retouch": ""}',
    ],
)
def test_a_record_that_was_tampered_with_is_refused(text: str) -> None:
    chunks = PngInfo()
    chunks.add_text("retouch", text)
    with pytest.raises(InvalidRequest):
        read_provenance(file_of("PNG", pnginfo=chunks))


@given(st.binary(max_size=60), st.integers(0, 400))
def test_damage_anywhere_is_an_error_of_ours_or_harmless(noise: bytes, at: int) -> None:
    data = file_of("JPEG", **save_options("JPEG", SAMPLE))
    with contextlib.suppress(InvalidRequest):
        read_provenance(data[:at] + noise + data[at + len(noise) :])
