"""The backend tensorrt-rtx."""

from __future__ import annotations

from runtime.backends.base import Probe
from runtime.backends.tensorrt_.backend import EngineBackend, open_engines, probe_engines
from runtime.nvidia.options import GpuOptions


def open_backend(device: str, precision: str, gpu: GpuOptions) -> EngineBackend:
    """See `open_engines`."""
    return open_engines("tensorrt-rtx", device, precision, gpu)


def probe() -> list[Probe]:
    """One line: the first GPU."""
    return [probe_engines("tensorrt-rtx")]
