"""What this installation can do, and the command that installs what it lacks."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from runtime.backends.base import Probe, choose, probe_all

# Extra -> the modules that tell whether it is installed.
_EXTRAS: Final = {
    "serve": ("openvino", "bentoml"),
    "export": ("torch", "diffusers", "transformers", "onnx", "onnxscript", "onnxruntime"),
    "train": ("torch", "diffusers", "transformers", "cv2"),
}
_ORT_FLAVOURS: Final = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino")


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional set of packages; `fix` installs it where `missing` is not empty."""

    name: str
    missing: tuple[str, ...]
    fix: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`chosen` is the probe that "auto" would use, None when nothing is usable."""

    probes: list[Probe]
    chosen: Probe | None
    extras: list[Extra]
    warnings: list[str]


def diagnose() -> Diagnosis:
    """Look, without loading a bundle or running a graph."""
    probes = probe_all()
    chosen = choose(probes)
    extras = [_extra(name, modules) for name, modules in _EXTRAS.items()]
    return Diagnosis(probes, chosen, extras, _flavour_clash())


def _extra(name: str, modules: tuple[str, ...]) -> Extra:
    missing = tuple(module for module in modules if importlib.util.find_spec(module) is None)
    return Extra(name, missing, f"pip install -e '.[{name}]'" if missing else "")


def _flavour_clash() -> list[str]:
    flavours = [name for name in _ORT_FLAVOURS if _installed(name)]
    if len(flavours) < 2:
        return []
    return [
        f"{' and '.join(flavours)} overwrite each other's files; keep one: "
        f"pip uninstall -y {' '.join(flavours)} && pip install {flavours[-1]}"
    ]


def _installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
