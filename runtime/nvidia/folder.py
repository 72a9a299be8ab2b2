"""Where files are kept that a library compiled for this GPU, for the next process."""

from __future__ import annotations

import os
from pathlib import Path

from runtime.errors import BackendFailure


def compiled_folder(library: str) -> Path:
    """The folder of `library`, made if need be. Raises `BackendFailure` where it cannot be."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "retouch" / library
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise BackendFailure(f"{folder} cannot be made: {exc}; set XDG_CACHE_HOME") from exc
    return folder
