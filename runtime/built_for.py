"""What an engine is tied to, and whether that is what this machine has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runtime.errors import BundleCorrupt

EngineLibrary = Literal["tensorrt", "tensorrt-rtx"]


@dataclass(frozen=True, slots=True)
class Span:
    """Least and greatest size of something."""

    least: int
    most: int

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.most:
            raise BundleCorrupt(f"{self.least} to {self.most} is no span of sizes")

    def __contains__(self, size: int) -> bool:
        return self.least <= size <= self.most

    def __str__(self) -> str:
        return f"{self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class Machine:
    """What would run engines here: a library, its version, and a GPU by compute capability.

    A `lean` library runs only engines that are for any version.
    """

    library: EngineLibrary
    version: str
    compute: str
    lean: bool = False

    def __str__(self) -> str:
        return f"{self.library} {self.version}{' (lean)' * self.lean} on compute {self.compute}"


@dataclass(frozen=True, slots=True)
class BuiltFor:
    """What an engine is tied to: a library, its version, and GPUs by compute capability ("8.6";
    none: those that the library chose). `any_version` and `any_gpu` loosen the last two to later
    ones. `rows` of a tick and `side`, in pixels, of a picture are the sizes that it takes.
    """

    library: EngineLibrary
    version: str
    compute: tuple[str, ...]
    any_version: bool
    any_gpu: bool
    rows: Span
    side: Span

    def runs_on(self, machine: Machine) -> bool:
        return (
            self.library == machine.library
            and self._takes_version(machine)
            and self._takes_compute(machine.compute)
        )

    def _takes_version(self, machine: Machine) -> bool:
        if not self.any_version:
            return not machine.lean and self.version == machine.version
        return _numbers(self.version) <= _numbers(machine.version)

    def _takes_compute(self, compute: str) -> bool:
        if not self.any_gpu or not self.compute:
            return not self.compute or compute in self.compute
        return min(map(_numbers, self.compute)) <= _numbers(compute)

    def __str__(self) -> str:
        later = " or later" if self.any_version else ""
        gpus = f"compute {', '.join(self.compute)}" if self.compute else "GPUs of its own choice"
        return f"{self.library} {self.version}{later} on {gpus}{' or later' * self.any_gpu}"


def _numbers(version: str) -> tuple[int, ...]:
    """ "11.4.0.106" -> (11, 4, 0, 106); what is no number counts as 0."""
    return tuple(int(part) if part.isdecimal() else 0 for part in version.split("."))
