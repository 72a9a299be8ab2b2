"""The line that every benchmark prints with its figures: machine, versions, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_UNITS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")
_PACKAGES = ("openvino", "onnxruntime", "torch", "diffusers", "bentoml")


def hardware() -> dict[str, Any]:
    """Processor, usable cores, its best vector unit, versions of the libraries, and the commit."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":")[1].strip() for line in info.splitlines() if "model name" in line]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "units": next((unit for unit in _UNITS if unit in info), "unknown"),
        "versions": {name: _version(name) for name in _PACKAGES},
        "commit": _commit(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
