"""Which pictures the command `retouch edit` reads, and where their edits go."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image

from runtime.editor import EditResult
from runtime.errors import InvalidRequest
from runtime.image import read_image

STREAM: Final = Path("-")
_EDITED: Final = "-edited"
_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


class FilePair(NamedTuple):
    """One picture to edit; `STREAM` is standard input as source, standard output as target."""

    source: Path
    target: Path

    def read(self) -> Image.Image:
        """Raises `InvalidRequest` for what cannot be read, else as `read_image`."""
        return read_image(bytes_of(self.source))

    def write(self, edited: EditResult) -> None:
        """In the format of the target's suffix, as PNG to a stream. Raises `InvalidRequest`."""
        try:
            if self.target == STREAM:
                edited.save(sys.stdout.buffer, "PNG")
                sys.stdout.buffer.flush()
            else:
                edited.save(self.target)
        except (OSError, ValueError) as exc:  # ValueError: a suffix that Pillow does not know
            raise InvalidRequest(f"{self.target} cannot be written: {exc}") from exc


def bytes_of(source: Path) -> bytes:
    """What a file, or standard input, holds. Raises `InvalidRequest`."""
    try:
        return sys.stdin.buffer.read() if source == STREAM else source.read_bytes()
    except OSError as exc:
        raise InvalidRequest(f"{source} cannot be read: {exc}") from exc


def paired(images: Sequence[Path], out: Path | None, force: bool) -> list[FilePair]:
    """A pair for each picture named, and for each in a folder named.

    `out` is a file (or `STREAM`) for one picture that was named itself, else a folder, which is
    made; without it an edit lies beside its picture. Raises `InvalidRequest` when edits would
    overwrite a source or each other, or without `force` any file but an earlier `-edited` one.
    """
    sources = _sources(images)
    pairs = [
        FilePair(*found) for found in zip(sources, _targets(images, sources, out), strict=True)
    ]
    _check_streams(pairs)
    _check_originals(pairs, force)
    if out is not None and any(pair.target.parent == out for pair in pairs):
        _make_folder(out)
    return pairs


def _sources(images: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in images:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(filter(_is_input, _list(path)))
        if not inside:
            raise InvalidRequest(f"folder {path} holds no picture ({', '.join(_SUFFIXES)})")
        found += inside
    return found


def _is_input(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES and not _is_edited(path)


def _is_edited(path: Path) -> bool:
    return path.stem.endswith(_EDITED)


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as exc:
        raise InvalidRequest(f"folder {folder} cannot be read: {exc}") from exc


def _targets(images: Sequence[Path], sources: Sequence[Path], out: Path | None) -> list[Path]:
    if out is None:
        return [_beside(source) for source in sources]
    if list(images) == list(sources) and len(sources) == 1 and not out.is_dir():
        return [out]
    if out == STREAM or (out.suffix.lower() in _SUFFIXES and not out.is_dir()):
        raise InvalidRequest(f"--out {out} takes one picture by name; name a folder for several")
    return [out / f"{_stem(source)}.png" for source in sources]


def _beside(source: Path) -> Path:
    return STREAM if source == STREAM else source.with_name(f"{source.stem}{_EDITED}.png")


def _stem(source: Path) -> str:
    return "stdin" if source == STREAM else source.stem


def _check_streams(pairs: Sequence[FilePair]) -> None:
    for stream in ("source", "target"):
        if sum(getattr(pair, stream) == STREAM for pair in pairs) > 1:
            raise InvalidRequest("- is given more than once; give it for one picture")


def _check_originals(pairs: Sequence[FilePair], force: bool) -> None:
    sources = {pair.source.resolve() for pair in pairs if pair.source != STREAM}
    targets = [pair.target.resolve() for pair in pairs if pair.target != STREAM]
    if len(set(targets)) < len(targets):
        raise InvalidRequest("several edits would go to one file; give the pictures other names")
    if lost := sources.intersection(targets):
        names = ", ".join(sorted(map(str, lost)))
        raise InvalidRequest(f"edits would overwrite {names}; name another --out")
    for target in targets:
        if target.exists() and not target.is_dir() and not force and not _is_edited(target):
            raise InvalidRequest(f"{target} exists; name another --out, or replace it with --force")


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InvalidRequest(f"--out {out} must be a folder for several edits: {exc}") from exc
