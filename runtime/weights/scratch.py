"""Temporary folders that packages are applied in: none outlives its process for long."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from runtime.errors import BundleError

PREFIX: Final = "retouch-weights-"


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder that goes when the block ends, or with `remove_abandoned` after a crash.

    Raises `BundleError` when none can be made.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=PREFIX)
    except OSError as exc:
        raise BundleError(f"no temporary folder can be made: {exc}; set TMPDIR") from exc
    with folder as path, _locked(Path(path)):
        yield Path(path)


def remove_abandoned() -> None:
    """Remove the folders of processes that were killed; what cannot be removed stays.

    Where they lie in memory, as in containers, a process that was killed because memory was short
    would leave less of it to the next.
    """
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with suppress(OSError), _locked(path):
                shutil.rmtree(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Raises `OSError` when another process has it; the kernel forgets who has ended."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
