"""Two bundles on their way to a package."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from runtime.bundle import Bundle
from runtime.errors import BundleIncompatible
from runtime.weights.alike import check_alike, portable, rounded_alike
from runtime.weights.header import VERSION, Header, Patch, Range, write_header
from runtime.weights.package import copy_bytes

BLOCK: Final = 4096  # bytes; changes are told in whole blocks, so that ranges are few
_CHUNK: Final = 1024 * BLOCK


def write_package(base: Bundle, changed: Bundle, path: str | Path) -> None:
    """Write what makes `changed` of `base`. The model's name stays, and engines are left out: they
    are refitted with the weights of the ONNX graphs.

    The file appears whole or not at all, and replaces one that was there. Raises
    `BundleIncompatible` for bundles of two architectures, `OSError` when it cannot be written.
    """
    path = Path(path)
    manifest = dataclasses.replace(
        changed.manifest,
        name=base.manifest.name,
        noise_schedule=rounded_alike(base.manifest.noise_schedule, changed.manifest.noise_schedule),
        graphs=portable(changed.manifest),
    )
    check_alike(base.manifest, manifest)
    old = {file.path: file.sha256 for file in base.manifest.files()}
    new = {file.path: file.sha256 for file in manifest.files()}
    paths = sorted(name for name, sha256 in new.items() if sha256 != old[name])
    patches = tuple(Patch(name, _changes(name, base.path, changed.path)) for name in paths)
    header = Header(VERSION, base.manifest.digest(), patches, manifest)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as stream:
            write_header(stream, header)
            for patch in patches:
                _write_ranges(stream, patch, changed.path / patch.path)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write_ranges(stream: IO[bytes], patch: Patch, source: Path) -> None:
    with source.open("rb") as file:
        for one in patch.ranges:
            file.seek(one.start)
            copy_bytes(file, stream, one.length)


def _changes(name: str, base: Path, changed: Path) -> tuple[Range, ...]:
    sizes = [(root / name).stat().st_size for root in (base, changed)]
    if sizes[0] != sizes[1]:
        raise BundleIncompatible(
            f"more than the weights differ: {name} has {sizes[1]} bytes, in the base {sizes[0]}; "
            "export a bundle of its own"
        )
    with (base / name).open("rb") as ours, (changed / name).open("rb") as theirs:
        blocks = np.concatenate([[False], *_differing(ours, theirs), [False]])
    edges = np.flatnonzero(np.diff(blocks.astype(np.int8))) * BLOCK  # where runs begin and end
    ends = np.minimum(edges[1::2], sizes[0])
    spans = zip(edges[::2].tolist(), ends.tolist(), strict=True)
    return tuple(Range(start, end - start) for start, end in spans)


def _differing(ours: IO[bytes], theirs: IO[bytes]) -> Iterator[NDArray[np.bool_]]:
    """Whether each block differs, of two files of one length."""
    while chunk := ours.read(_CHUNK):
        other = theirs.read(_CHUNK)
        differ = np.frombuffer(chunk, np.uint8) != np.frombuffer(other, np.uint8)
        yield np.logical_or.reduceat(differ, np.arange(0, len(differ), BLOCK))
