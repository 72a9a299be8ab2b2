"""Checkpoint to bundle. Importing it needs no torch; `export.assemble` does."""

from export.errors import CheckpointError, ExportError, ParityExceeded

__all__ = ["CheckpointError", "ExportError", "ParityExceeded"]
