"""The narrow interface to inference libraries, and the table that finds one.

An implementation imports its library inside its constructor, so that `import runtime` needs none of
them, and translates the library's exceptions in one place.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from runtime.built_for import Machine
from runtime.errors import BackendUnavailable
from runtime.manifest import GraphName, Manifest, Precision
from runtime.nvidia.options import UNASKED, GpuOptions

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Function = Callable[[Array], Array]
"""An ONNX file that takes one array and returns one; for any thread, and in one thread a call."""


class Graph(Protocol):
    """One compiled graph."""

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Run once and return every output by name.

        Inputs are only read during the call. Outputs are fresh arrays that belong to the caller.
        Raises `BackendFailure`.
        """
        ...

    def close(self) -> None:
        """Free the graph; may be called twice. No other method may be called after it."""
        ...


class Backend(Protocol):
    """An inference library on one device, at one precision of computation."""

    name: str
    device: str
    precision: str
    stored: tuple[Precision, ...]
    """The stored precisions that it loads, the one that it prefers first."""
    machine: Machine | None
    """What engines must be built for to run here; None when it runs portable graphs."""

    def load(self, graph: GraphName, path: Path, manifest: Manifest) -> Graph:
        """Compile the graph file at `path`. Raises `BackendFailure`."""
        ...


@runtime_checkable
class RefittingBackend(Backend, Protocol):
    """One that runs engines, which have weights of their own."""

    def load_refitted(
        self, graph: GraphName, path: Path, weights: Path, manifest: Manifest
    ) -> Graph:
        """Load the engine at `path` and give it the weights of the ONNX file that it was built
        from, or of one with other weights, at `weights`. Raises `BackendFailure`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """What one backend would do on one device of this machine.

    `why` gives the reason for the precision, or what is missing; `fix` the command that helps.
    `machine` is what engines must be built for, None where portable graphs are run.
    """

    backend: str
    device: str
    usable: bool
    precision: str
    why: str
    fix: str = ""
    machine: Machine | None = None


# In the order in which "auto" tries them.
_MODULES: Final = {
    "openvino": "runtime.backends.openvino_",
    "ort": "runtime.backends.ort",
    "tensorrt": "runtime.backends.tensorrt_.full",
    "tensorrt-rtx": "runtime.backends.tensorrt_.rtx",
    "fake": "runtime.backends.fake",
}
BACKEND_NAMES: Final = ("auto", *_MODULES)


def load_backend(
    name: str = "auto",
    *,
    device: str = "auto",
    precision: str = "auto",
    gpu: GpuOptions = UNASKED,
    manifest: Manifest | None = None,
) -> Backend:
    """Open a backend by name; for "auto" what `choose` says of this machine and of `manifest`.

    `device` is "auto", "cpu", "cuda" or "tensorrt" (which of them a backend has, `probe_all`
    tells); `precision` is "auto" or a precision of computation: "fp32", "bf16", "fp16".
    Raises `BackendUnavailable` with the reason and the command that helps.
    """
    if name == "auto":
        chosen = _usable(device, precision, manifest)
        name, device = chosen.backend, chosen.device
    if name not in _MODULES:
        raise BackendUnavailable(f"backend {name!r} is unknown; choose {', '.join(BACKEND_NAMES)}")
    module = importlib.import_module(_MODULES[name])
    backend: Backend = module.open_backend(device, precision, gpu)
    return backend


def load_function(path: Path) -> Function:
    """Compile any ONNX file for the CPU, in float32, with the first library that is usable.

    Raises `BackendUnavailable` or `BackendFailure`; the function raises `BackendFailure`.
    """
    module = importlib.import_module(_MODULES[_usable("cpu").backend])
    function: Function = module.load_function(path)
    return function


def probe_all() -> list[Probe]:
    """Ask every real backend what it would do on this machine."""
    return [p for name in _MODULES if name != "fake" for p in _probe(name)]


def choose(
    probes: Sequence[Probe], manifest: Manifest | None = None, precision: str = "auto"
) -> Probe | None:
    """The probe that "auto" stands for: engines of `manifest` that were built for this machine, in
    the precision that is asked for, else a GPU if one is usable, else the first usable line.
    """
    usable = [
        probe
        for probe in probes
        if probe.usable
        and (probe.machine is None or _has_engines(manifest, probe.machine, precision))
    ]
    return min(usable, key=lambda p: (p.machine is None, p.device == "cpu"), default=None)


def _has_engines(manifest: Manifest | None, machine: Machine, precision: str) -> bool:
    """Whether there is one for every graph."""
    return manifest is not None and all(
        any(
            variant.built_for is not None
            and variant.built_for.runs_on(machine)
            and precision in ("auto", variant.precision)
            for variant in variants
        )
        for variants in manifest.graphs.values()
    )


def _usable(device: str, precision: str = "auto", manifest: Manifest | None = None) -> Probe:
    probes = [p for p in probe_all() if device in ("auto", p.device)]
    if chosen := choose(probes, manifest, precision):
        return chosen
    reasons = "; ".join(f"{p.backend} on {p.device}: {p.why} ({p.fix})" for p in probes)
    raise BackendUnavailable(f"no backend for device {device!r}. {reasons}")


def _probe(name: str) -> list[Probe]:
    probes: list[Probe] = importlib.import_module(_MODULES[name]).probe()
    return probes


def as_contiguous(inputs: Arrays) -> dict[str, Array]:
    """Libraries read raw memory: give them C-contiguous arrays."""
    return {name: np.ascontiguousarray(value) for name, value in inputs.items()}
