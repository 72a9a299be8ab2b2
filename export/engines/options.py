"""Whether a library has the options that were asked for, and how its builder is told of them."""

from __future__ import annotations

from typing import Any

from export.engines.recipe import Options
from export.engines.timings import check_timing_cache
from export.errors import EngineError
from runtime.nvidia.library import Library


def check_options(library: Library, options: Options) -> None:
    """Raises `EngineError` for options that the library does not have."""
    if library.name == "tensorrt" and options.compute:
        raise EngineError(
            f"tensorrt builds for the GPU that it runs on, not for compute "
            f"{', '.join(options.compute)}; build there, or with tensorrt-rtx"
        )
    if library.name == "tensorrt-rtx" and options.any_gpu:
        raise EngineError("tensorrt-rtx names its GPUs: give compute capabilities instead")
    if library.name == "tensorrt-rtx" and options.any_version:
        raise EngineError("tensorrt-rtx builds for its own version alone: leave out --any-version")
    if library.name == "tensorrt-rtx" and options.timing_cache:
        raise EngineError(
            "tensorrt-rtx times no kernels while it builds, and ignores a timing cache: leave out "
            "--timing-cache"
        )
    if options.timing_cache:
        check_timing_cache(options.timing_cache)
    for capability in options.compute:
        known = library.trt.ComputeCapability.__members__
        if _member(capability) not in known:
            able = ", ".join(_dotted(name) for name in known if name.startswith("SM"))
            raise EngineError(f"compute {capability} is not one of {able} (of {library.name})")


def set_options(library: Library, config: Any, options: Options) -> None:
    """Tell a builder's `config`; the timing cache is `timings_kept`'s."""
    trt = library.trt
    flags = {
        "REFIT": options.refit,
        "WEIGHT_STREAMING": options.weight_streaming,
        "VERSION_COMPATIBLE": options.any_version,
    }
    for flag in (flag for flag, wanted in flags.items() if wanted):
        config.set_flag(getattr(trt.BuilderFlag, flag))
    if options.any_gpu:
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
    if options.compute:
        config.num_compute_capabilities = len(options.compute)
    for index, capability in enumerate(options.compute):
        member = library.trt.ComputeCapability.__members__[_member(capability)]
        config.set_compute_capability(member, index)


def _member(capability: str) -> str:
    return "SM" + capability.replace(".", "")


def _dotted(member: str) -> str:
    digits = member.removeprefix("SM")
    return f"{digits[:-1]}.{digits[-1]}"
