"""The library that builds engines, opened once a process, with the log that holds its reasons."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from export.errors import EngineError
from runtime.manifest import EngineLibrary

_MODULES: Final[dict[EngineLibrary, tuple[str, str]]] = {
    "tensorrt": ("tensorrt", "pip install tensorrt, from NVIDIA's package index"),
    "tensorrt-rtx": ("tensorrt_rtx", "pip install -e '.[rtx]'"),
}


class Library:
    """A TensorRT module. Its functions report failure by what they return and tell the reason to a
    logger; the first logger of a process serves every later builder too."""

    def __init__(self, name: EngineLibrary, module: Any) -> None:
        self.name = name
        self.trt = module
        self.version: str = module.__version__
        self.logger, self._messages = _logger(module)

    @contextmanager
    def reasons(self) -> Iterator[list[str]]:
        """The errors and warnings that are logged within the block, oldest first."""
        self._messages.clear()
        yield self._messages


@cache
def open_library(name: EngineLibrary) -> Library:
    """Raises `EngineError` with the command that installs it."""
    module, fix = _MODULES[name]
    try:
        return Library(name, importlib.import_module(module))
    except (ImportError, OSError) as exc:
        raise EngineError(f"{name} cannot be loaded ({exc}); {fix}") from exc


def _logger(trt: Any) -> tuple[Any, list[str]]:
    messages: list[str] = []

    class Collector(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.WARNING:
                messages.append(message)

    return Collector(), messages
