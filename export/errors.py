"""Why an export stops.

ExportError
├── CheckpointError   the checkpoint is missing, damaged or of a kind that is not exported
├── EngineError       TensorRT cannot build what was asked for
├── LoraError         LoRA weights cannot be read or do not fit the checkpoint
└── ParityExceeded    the exported graphs compute something else than the checkpoint
"""

from __future__ import annotations

from collections.abc import Sequence

from runtime.manifest import Parity


class ExportError(Exception):
    """Base of all errors raised by export; nothing is left on disk."""


class CheckpointError(ExportError):
    """The checkpoint cannot be exported; the message names what is wrong and what is supported."""


class EngineError(ExportError):
    """An engine cannot be built; the message holds TensorRT's reason, or the bound and a remedy."""


class LoraError(ExportError):
    """LoRA weights cannot be merged; the message names the file and what does not fit."""


class ParityExceeded(ExportError):
    """A measured error is above its bound. `report` holds every line measured."""

    def __init__(self, message: str, report: Sequence[Parity]) -> None:
        super().__init__(message)
        self.report = tuple(report)


def first_line(exc: BaseException) -> str:
    """The first line of a foreign exception's message, which may be pages long or empty."""
    text = str(exc).strip() or type(exc).__name__
    return text.splitlines()[0][:300]
