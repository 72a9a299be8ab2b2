"""The backend tensorrt."""

from __future__ import annotations

from runtime.backends.base import Probe
from runtime.backends.tensorrt_.backend import EngineBackend, open_engines, probe_engines


def open_backend(device: str, precision: str) -> EngineBackend:
    """See `open_engines`."""
    return open_engines("tensorrt", device, precision)


def probe() -> list[Probe]:
    """One line: the first GPU."""
    return [probe_engines("tensorrt")]
