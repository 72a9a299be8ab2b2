"""Kernels that TensorRT-RTX compiled, kept for the next process."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Final

_logger: Final = logging.getLogger(__name__)


class Kernels:
    """TensorRT-RTX's `cache`, and the file that it is read from and written to."""

    def __init__(self, cache: Any, file: Path) -> None:
        """A file that is missing, or was written on another GPU or by another version, is none."""
        self._cache, self._file = cache, file
        try:
            cache.deserialize(file.read_bytes())
        except FileNotFoundError:
            pass
        except OSError as exc:
            _logger.warning("kernels are compiled again: %s", exc)

    def save(self) -> None:
        """Replace the file as a whole. Where that fails, the next process compiles again."""
        written = self._file.with_suffix(f".{os.getpid()}")
        try:
            if (blob := self._cache.serialize()) is not None:
                written.write_bytes(bytes(blob))
                written.replace(self._file)
        except (OSError, RuntimeError, TypeError, ValueError) as exc:
            _logger.warning("compiled kernels were not kept: %s", exc)
