"""Whether another server of this machine uses a folder: the kernel knows it after any crash."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Final

LOCK: Final = "lock"


class Presence:
    """Holds a folder until `close`, or the end of the process; `closed` servers hold none."""

    def __init__(self, folder: Path, when_first: Callable[[], object]) -> None:
        """Calls `when_first` when nobody else holds the folder; others wait until it returns."""
        self._file = (folder / LOCK).open("wb")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            when_first()
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def close(self) -> None:
        self._file.close()
