"""A package on its way to a bundle."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from runtime.bundle import Bundle
from runtime.errors import BundleCorrupt, BundleError, BundleIncompatible, BundleNotFound
from runtime.manifest import MANIFEST_FILE
from runtime.weights.alike import check_alike
from runtime.weights.header import AGAIN, Header, Patch, read_header
from runtime.weights.scratch import scratch

_CHUNK: Final = 2**22  # bytes


@dataclass(frozen=True, slots=True)
class Package:
    """An opened package. Its header has been checked; what its ranges hold is when it is applied.

    `data` is where the bytes of the first range are in the file at `path`.
    """

    path: Path
    header: Header
    data: int

    @classmethod
    def open(cls, path: str | Path) -> Package:
        """Raises `BundleNotFound`, `BundleCorrupt` or `BundleIncompatible`."""
        path = Path(path)
        if not path.is_file():  # opening a pipe would wait for ever
            raise BundleNotFound(
                f"{path.name} is no weights package; "
                "make one with: retouch export CHECKPOINT PACKAGE --onto BUNDLE"
            )
        with _named(path), path.open("rb") as stream:
            header, data = read_header(stream), stream.tell()
            held = stream.seek(0, os.SEEK_END) - data
            if held != header.size:
                raise BundleCorrupt(
                    f"it holds {held} bytes of weights, its header says {header.size}; {AGAIN}"
                )
        return cls(path, header, data)

    @property
    def digest(self) -> str:
        """That of the manifest of the bundle that it makes."""
        return self.header.manifest.digest()

    def check_base(self, base: Bundle) -> None:
        """Raises `BundleIncompatible` when the package is of another bundle than `base`."""
        with _named(self.path):
            if (found := base.manifest.digest()) != self.header.base:
                raise BundleIncompatible(
                    f"it was made for the bundle {self.header.base}, this one is {found}; serve "
                    "that bundle, or export the package with --onto this one"
                )
            check_alike(base.manifest, self.header.manifest)

    def apply(self, base: Bundle, directory: str | Path) -> Bundle:
        """Make the whole bundle, without engines, in `directory`, which is new or empty; what is
        unchanged is linked.

        Every digest is checked. Raises `BundleIncompatible` when `base` is another bundle,
        `BundleCorrupt` when the package is damaged, `BundleError` when it cannot be written.
        """
        self.check_base(base)
        directory = Path(directory)
        with _named(self.path):
            try:
                self._write(base, directory)
            except OSError as exc:
                raise BundleError(
                    f"{directory} cannot be written: {exc}; free some space, or set TMPDIR"
                ) from exc
            return Bundle.open(directory)

    @contextmanager
    def applied(self, base: Bundle) -> Iterator[Bundle]:
        """`apply` in a temporary folder, which goes when the block ends."""
        with scratch() as folder:
            yield self.apply(base, folder)

    def _write(self, base: Bundle, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):  # a link in it might lead to what is served
            raise BundleError(f"{directory} is not empty; name another directory")
        patched = {patch.path for patch in self.header.patches}
        for path in {file.path for file in self.header.manifest.files()}:
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            put = shutil.copyfile if path in patched else _link
            put(base.path / path, target)
        with self.path.open("rb") as stream:
            stream.seek(self.data)
            for patch in self.header.patches:
                _write_ranges(patch, stream, directory / patch.path)
        (directory / MANIFEST_FILE).write_text(self.header.manifest.dumps(), "utf-8")


def copy_bytes(source: IO[bytes], target: IO[bytes], count: int) -> None:
    """Copy the next `count` bytes, which must be there."""
    while count:
        chunk = source.read(min(count, _CHUNK))
        if not chunk:
            raise BundleCorrupt(f"it ends within its ranges; {AGAIN}")
        target.write(chunk)
        count -= len(chunk)


def _write_ranges(patch: Patch, stream: IO[bytes], target: Path) -> None:
    size = target.stat().st_size
    if patch.ranges and patch.ranges[-1].end > size:
        raise BundleCorrupt(
            f"it changes byte {patch.ranges[-1].end} of {patch.path}, which has {size}; {AGAIN}"
        )
    with target.open("r+b") as file:
        for one in patch.ranges:
            file.seek(one.start)
            copy_bytes(stream, file, one.length)


def _link(source: Path, target: Path) -> None:
    """A hard link: a symbolic one would lead outside the bundle, which libraries refuse."""
    try:
        os.link(source.resolve(), target)  # a link to a link would be one too
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors begin with the package's name."""
    try:
        yield
    except BundleError as exc:
        raise type(exc)(f"{path.name}: {exc}") from exc
    except OSError as exc:
        raise BundleCorrupt(f"{path.name} cannot be read: {exc}; {AGAIN}") from exc
