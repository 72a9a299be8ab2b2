"""The NVIDIA GPU of this machine, proven through the driver itself.

TensorRT wraps a null pointer where there is no driver, and the next call may end the
process. So no object of TensorRT is made before `find_gpu` has returned.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Final

from runtime.errors import BackendUnavailable

_DRIVER: Final = "libcuda.so.1"
_HELP: Final = "install NVIDIA's driver, then see nvidia-smi"
# CUdevice_attribute of the driver API.
_COMPUTE_MAJOR: Final = 75
_COMPUTE_MINOR: Final = 76
_NAME_LENGTH: Final = 256


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first GPU: its name and its compute capability, as "8.6"."""

    name: str
    compute: str


def find_gpu() -> Gpu:
    """Raises `BackendUnavailable` where no driver or no GPU is to be had."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError as exc:
        raise BackendUnavailable(f"no NVIDIA driver was found ({exc})", _HELP) from exc
    _call(driver, "cuInit", 0)
    count = ctypes.c_int()
    _call(driver, "cuDeviceGetCount", ctypes.byref(count))
    if count.value < 1:
        raise BackendUnavailable("the NVIDIA driver finds no GPU", _HELP)
    name = ctypes.create_string_buffer(_NAME_LENGTH)
    _call(driver, "cuDeviceGetName", name, _NAME_LENGTH, 0)
    major, minor = (_attribute(driver, number) for number in (_COMPUTE_MAJOR, _COMPUTE_MINOR))
    return Gpu(name.value.decode(errors="replace"), f"{major}.{minor}")


def _attribute(driver: Any, number: int) -> int:
    value = ctypes.c_int()
    _call(driver, "cuDeviceGetAttribute", ctypes.byref(value), number, 0)
    return value.value


def _call(driver: Any, function: str, *arguments: Any) -> None:
    status = getattr(driver, function)(*arguments)
    if status != 0:
        raise BackendUnavailable(
            f"the NVIDIA driver does not answer: {function} returned {status}", _HELP
        )
