"""What a caller asks for, with every bound and default written once.

The HTTP schema and the command line read their bounds and defaults from the fields of `EditParams`.
"""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from numbers import Integral, Real
from typing import Any, Final

from runtime.errors import InvalidRequest

MAX_SEED: Final = 2**32 - 1


class SamplerName(StrEnum):
    """Samplers of `runtime.samplers`."""

    EULER = "euler"
    EULER_A = "euler_a"
    DDIM = "ddim"
    DPMPP_2M = "dpmpp_2m"
    DPMPP_2M_KARRAS = "dpmpp_2m_karras"
    LCM = "lcm"


class PlanName(StrEnum):
    """Guidance plans of `runtime.guidance`."""

    EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Closed interval of a number, or of a string's length."""

    low: float
    high: float


def _bounded(low: float, high: float, doc: str, **default: Any) -> Any:
    return field(**default, metadata={"bounds": Bounds(low, high), "doc": doc})


def _draw_seed() -> int:
    return secrets.randbelow(MAX_SEED + 1)


@dataclass(frozen=True, slots=True)
class EditParams:
    """One edit as its caller asks for it. Raises `InvalidRequest` when a value is out of bounds.

    Guidance scales are those of the InstructPix2Pix paper (Brooks et al. 2023, section 3.2.1):
    `text_guidance` is s_T, `image_guidance` is s_I; `guidance_rescale` is phi of Lin et al. 2024,
    equation 16. Defaults are the reference model's; a bundle's
    manifest may hold others, which `Editor.params` applies.
    """

    instruction: str = _bounded(1, 1000, "what to do to the picture")
    negative_instruction: str = _bounded(0, 1000, "what to keep away from", default="")
    text_guidance: float = _bounded(0.0, 30.0, "s_T: follow the words more", default=7.5)
    image_guidance: float = _bounded(0.0, 10.0, "s_I: keep the picture more", default=1.5)
    guidance_rescale: float = _bounded(
        0.0, 1.0, "phi: take back the contrast that guidance adds", default=0.0
    )
    steps: int = _bounded(1, 150, "sampler steps", default=20)
    sampler: SamplerName = field(default=SamplerName.EULER_A, metadata={"doc": "update rule"})
    seed: int = _bounded(0, MAX_SEED, "noise seed; drawn when absent", default_factory=_draw_seed)
    plan: PlanName = field(default=PlanName.EXACT, metadata={"doc": "guidance plan"})
    max_size: int = _bounded(64, 2048, "bound of the longer side in pixels", default=512)

    def __post_init__(self) -> None:
        for spec in dataclasses.fields(self):
            value = getattr(self, spec.name)
            if isinstance(spec.default, StrEnum):
                object.__setattr__(self, spec.name, _member(spec.name, type(spec.default), value))
            else:
                checked = _checked(spec.name, value, str(spec.type), spec.metadata["bounds"])
                object.__setattr__(self, spec.name, checked)
        if not self.instruction.strip():
            raise InvalidRequest("instruction is blank; say what to do to the picture")
        if self.guidance_rescale and not self.text_guidance:
            raise InvalidRequest(
                f"guidance_rescale {self.guidance_rescale:g} matches the branch with the words, "
                "which text_guidance 0 leaves out; give guidance_rescale 0, or text_guidance above"
            )

    def variation(self, offset: int) -> EditParams:
        """The same edit with the seed `offset` further on; after the last seed comes 0."""
        return dataclasses.replace(self, seed=(self.seed + offset) % (MAX_SEED + 1))


def _member(name: str, choices: type[StrEnum], value: object) -> StrEnum:
    try:
        return choices(str(value))
    except ValueError as exc:
        known = ", ".join(choices)
        raise InvalidRequest(f"{name} {_shown(value)} is unknown; choose one of {known}") from exc


# Numpy scalars pass too, and are stored as Python's own.
_ACCEPTED: Final = {"int": (Integral, int), "float": (Real, float), "str": (str, str)}


def _checked(name: str, value: Any, kind: str, bounds: Bounds) -> object:
    accepted, stored = _ACCEPTED[kind]
    if isinstance(value, bool) or not isinstance(value, accepted):
        raise InvalidRequest(f"{name} {_shown(value)} is not {kind}; give {kind} {_span(bounds)}")
    if isinstance(value, str):
        _check_text(name, value, bounds)
    elif not bounds.low <= value <= bounds.high:  # NaN compares false
        raise InvalidRequest(
            f"{name} {_shown(value)} is out of bounds; give {kind} {_span(bounds)}"
        )
    return stored(value)


def _check_text(name: str, value: str, bounds: Bounds) -> None:
    if not bounds.low <= len(value) <= bounds.high:
        raise InvalidRequest(
            f"{name} has {len(value)} characters; its length must be {_span(bounds)}"
        )
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as exc:  # half a surrogate pair, as from wrongly decoded bytes
        raise InvalidRequest(f"{name} {_shown(value)} is not Unicode text: {exc.reason}") from exc


def _span(bounds: Bounds) -> str:
    return f"in [{bounds.low:.10g}, {bounds.high:.10g}]"


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 128:  # Python refuses to print huge ones
        return f"of {value.bit_length()} bits"
    return f"{value!r:.60}"
