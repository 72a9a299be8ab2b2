"""TensorRT's times of kernels, kept in a file from one build to the next on the same GPU."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from export.errors import EngineError
from runtime.nvidia.library import told


def check_timing_cache(path: Path) -> None:
    """Raises `EngineError` when `path` cannot be read or lies in no folder: before any build."""
    if not path.parent.is_dir():
        raise EngineError(
            f"{path.parent} is no folder for a timing cache; make it, or name another"
        )
    _read(path)


@contextmanager
def timings_kept(config: Any, path: Path | None, reasons: Sequence[str]) -> Iterator[None]:
    """Give a builder's `config` the times in the file at `path`, if it is there; when the block,
    which builds, has ended, the file holds those that were taken in it too. None: nothing is kept.

    `reasons` is what the library logs meanwhile. Raises `EngineError`.
    """
    if path is None:
        yield
        return
    cache = config.create_timing_cache(_read(path))
    if cache is None:
        raise EngineError(f"{path} holds no timing cache: {told(reasons)}; name another file")
    if not config.set_timing_cache(cache, False):  # False: only of this GPU and version
        raise EngineError(
            f"the timing cache {path} is refused: {told(reasons)}; those of another GPU or version "
            "are: name another file"
        )
    yield
    data = cache.serialize()
    if data is None:
        raise EngineError(f"the timing cache {path} is not given back: {told(reasons)}")
    _write(path, bytes(data))


def _read(path: Path) -> bytes:
    """Empty where there is no file: what a new cache is made of."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as exc:
        raise EngineError(f"the timing cache {path} cannot be read: {exc}; name a file") from exc


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: another build may read it meanwhile."""
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as scratch:
            made = Path(scratch) / path.name
            made.write_bytes(data)
            made.replace(path)
    except OSError as exc:
        raise EngineError(f"the timing cache {path} cannot be written: {exc}") from exc
