"""What this installation can do, and the command that installs what it lacks."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from runtime.backends.base import Probe, choose, probe_all
from runtime.backends.ort import flavour

SOURCE_ROOT: Final = Path(__file__).resolve().parent.parent
_ORT_FLAVOURS: Final = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino")
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)(?:\[([^]]*)])?")


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


def diagnose(root: Path = SOURCE_ROOT) -> Diagnosis:
    """Look, without loading a bundle or running a graph.

    The extras are those of the `pyproject.toml` in `root`; a packed service has none.
    """
    probes = probe_all()
    extras = [_extra(name, packages, root) for name, packages in _extras(root).items()]
    return Diagnosis(probes, choose(probes), extras, _flavour_clash())


def _extras(root: Path) -> dict[str, list[str]]:
    """Extra -> the packages that it asks for, those of the extras that it includes among them."""
    file = root / "pyproject.toml"
    if not file.is_file():
        return {}
    project = tomllib.loads(file.read_text("utf-8"))["project"]
    optional = project.get("optional-dependencies", {})
    return {
        name: sorted(set(_packages(project["name"], optional, requirements)))
        for name, requirements in optional.items()
    }


def _packages(
    own_name: str, optional: Mapping[str, list[str]], requirements: list[str]
) -> Iterator[str]:
    for requirement in requirements:
        found = _REQUIREMENT.match(requirement)
        assert found is not None, requirement
        if found[1] != own_name:
            yield found[1]
            continue
        for extra in found[2].split(","):
            yield from _packages(own_name, optional, optional[extra.strip()])


def _extra(name: str, packages: list[str], root: Path) -> Extra:
    missing = tuple(package for package in packages if not _installed(package))
    return Extra(name, missing, _install(name, missing, root) if missing else "")


def _install(extra: str, missing: tuple[str, ...], root: Path) -> str:
    """The command, to be run anywhere; in a new environment where flavours would clash."""
    what = shlex.quote(f"{root}[{extra}]")
    if set(_ORT_FLAVOURS).intersection(missing) and any(map(_installed, _ORT_FLAVOURS)):
        folder = f".venv-{extra}"
        return f"{sys.executable} -m venv {folder} && {folder}/bin/pip install -e {what}"
    return f"{sys.executable} -m pip install -e {what}"


def _flavour_clash() -> list[str]:
    """Each flavour is another distribution, and all of them write into the folder `onnxruntime`."""
    flavours = [name for name in _ORT_FLAVOURS if _installed(name)]
    if len(flavours) < 2:
        return []
    there = flavour()
    keep = there if there in flavours else flavours[-1]
    return [
        f"{' and '.join(flavours)} overwrite each other's files; those there are of "
        f"{there or 'none of them'}. Keep one: "
        f"pip uninstall -y {' '.join(flavours)} && pip install {keep}"
    ]


def _installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
