"""A TensorRT module, opened once a process, with the log that holds its reasons."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from runtime.built_for import EngineLibrary
from runtime.errors import BackendUnavailable

# The whole library first, then what only runs engines.
_MODULES: Final[dict[EngineLibrary, tuple[str, ...]]] = {
    "tensorrt": ("tensorrt", "tensorrt_lean"),
    "tensorrt-rtx": ("tensorrt_rtx",),
}
_INSTALL: Final[dict[EngineLibrary, str]] = {
    "tensorrt": "pip install tensorrt, from NVIDIA's package index",
    "tensorrt-rtx": "pip install -e '.[rtx]'",
}
# Follow from a missing driver, not from what was asked.
_NOISE: Final = ("CUDA driver version", "catchCudaError")


class Library:
    """A TensorRT module. Its functions report failure by what they return and tell the reason to a
    logger; the first logger of a process serves everybody after it too.
    """

    def __init__(self, name: EngineLibrary, module: Any, *, lean: bool = False) -> None:
        """A `lean` library runs engines and builds none."""
        self.name = name
        self.trt = module
        self.lean = lean
        self.version: str = module.__version__
        self.logger, self._messages = _logger(module)

    @contextmanager
    def reasons(self) -> Iterator[list[str]]:
        """The errors and warnings that are logged within the block, oldest first."""
        self._messages.clear()
        yield self._messages


def open_library(name: EngineLibrary) -> Library:
    """What builds engines. Raises `BackendUnavailable` with the command that installs it."""
    return _open(name, _MODULES[name][:1])


def open_runtime(name: EngineLibrary) -> Library:
    """What runs engines: the library itself, or its lean form where only that is installed.

    Raises `BackendUnavailable` with the command that installs it.
    """
    return _open(name, _MODULES[name])


def told(reasons: Sequence[str]) -> str:
    """TensorRT's reasons in one line, without those that only tell that there is no GPU."""
    lines = [line.strip() for reason in reasons for line in reason.splitlines()]
    kept = [line for line in lines if line and not any(noise in line for noise in _NOISE)]
    return "; ".join(dict.fromkeys(kept))[:1500] or "it gave no reason"


def _open(name: EngineLibrary, modules: Sequence[str]) -> Library:
    missing = []
    for module in modules:
        try:
            return _load(name, module)
        except (ImportError, OSError) as exc:
            missing.append(str(exc))
    raise BackendUnavailable(f"{name} cannot be loaded ({'; '.join(missing)})", _INSTALL[name])


@cache
def _load(name: EngineLibrary, module: str) -> Library:
    return Library(name, importlib.import_module(module), lean=module.endswith("_lean"))


def _logger(trt: Any) -> tuple[Any, list[str]]:
    messages: list[str] = []

    class Collector(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.WARNING:
                messages.append(message)

    return Collector(), messages
