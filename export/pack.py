"""The bundle's directory: built beside its place, moved there whole, or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer as HfTokenizer

from export.errors import ExportError
from runtime.manifest import MANIFEST_FILE, File, Manifest

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def building(target: Path) -> Iterator[Path]:
    """A new directory beside `target` that becomes `target` when the block ends.

    When the block raises anything, Ctrl-C included, the directory is removed, parents of `target`
    that were made for it too, and `target` never exists. Raises `ExportError` when `target` exists
    already and for every failure to write.
    """
    try:
        refuse_existing(target)
        with ExitStack() as undo:
            undo.callback(_remove_empty, [path for path in target.parents if not path.exists()])
            target.parent.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
            undo.callback(shutil.rmtree, staging, ignore_errors=True)
            yield staging
            _publish(staging, target)
            undo.pop_all()
    except OSError as exc:
        raise unwritable(target, exc) from exc


def unwritable(target: Path, exc: OSError) -> ExportError:
    """What is told when `target` cannot be written."""
    remedy = "free some space" if exc.errno in _FULL else "choose another place"
    return ExportError(f"{target} cannot be written: {exc}; {remedy}")


def refuse_existing(target: Path) -> None:
    """Raises `ExportError` when `target` exists, be it a dangling link."""
    if os.path.lexists(target):
        raise ExportError(f"{target} exists; remove it or name another bundle")


def digest(root: Path, path: Path) -> File:
    """The manifest's entry for a file of the bundle at `root`."""
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return File(path.relative_to(root).as_posix(), sha256)


def write_manifest(root: Path, manifest: Manifest) -> None:
    (root / MANIFEST_FILE).write_text(manifest.dumps(), "utf-8")


def write_tokenizer(root: Path, name: str, tokenizer: Any) -> Path:
    """Write a transformers tokenizer as the `tokenizers` file `name`.json.

    Cutting and padding are the runtime's, by the manifest, so none is stored.
    """
    copy = HfTokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    copy.no_padding()
    copy.no_truncation()
    path = root / f"{name}.json"
    path.write_text(copy.to_str(pretty=True), "utf-8")
    return path


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove `folders`, innermost first, up to one in which something else is by now."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _publish(staging: Path, target: Path) -> None:
    """Make `staging` durable, then rename it: a crash leaves all of it at `target` or nothing."""
    for path in staging.rglob("*"):
        _sync(path)
    mask = os.umask(0)
    os.umask(mask)
    staging.chmod(0o777 & ~mask)  # mkdtemp made it private
    _sync(staging)
    refuse_existing(target)  # rename would replace an empty directory
    staging.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
