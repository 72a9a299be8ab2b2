"""What an installation lacks, read from the project's own metadata."""

from __future__ import annotations

import shlex
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from runtime import doctor
from runtime.doctor import SOURCE_ROOT, diagnose

PROJECT = """
[project]
name = "retouch"
[project.optional-dependencies]
serve = ["openvino>=2026.2", "bentoml[io]>=1.4,<1.5 ; python_version > '3'"]
gpu = ["onnxruntime-gpu>=1"]
dev = ["retouch[serve, gpu]", "ruff"]
"""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The distributions that there are; alter it at will."""
    names: set[str] = set()

    def version(name: str) -> str:
        if name not in names:
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(doctor, "version", version)
    return names


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT)
    return folder


def test_the_extras_are_those_of_the_project() -> None:
    project = tomllib.loads((SOURCE_ROOT / "pyproject.toml").read_text())["project"]
    assert [e.name for e in diagnose().extras] == list(project["optional-dependencies"])


def test_missing_packages_are_named_with_the_command_that_installs_them(
    root: Path, installed: set[str]
) -> None:
    installed.add("bentoml")
    serve, gpu, dev = diagnose(root).extras
    assert serve.missing == ("openvino",)
    assert dev.missing == ("onnxruntime-gpu", "openvino", "ruff")
    # to be pasted into a shell anywhere, whatever the folder is called
    assert shlex.split(serve.fix) == [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-e",
        f"{root}[serve]",
    ]
    installed.add("openvino")
    assert diagnose(root).extras[0].missing == ()
    assert diagnose(root).extras[0].fix == ""


def test_flavours_of_onnxruntime_are_kept_apart(root: Path, installed: set[str]) -> None:
    installed.add("onnxruntime")
    gpu = diagnose(root).extras[1]
    assert gpu.fix.startswith(f"{sys.executable} -m venv .venv-gpu && .venv-gpu/bin/pip install")
    assert diagnose(root).warnings == []
    installed.add("onnxruntime-gpu")
    (warning,) = diagnose(root).warnings
    assert "onnxruntime and onnxruntime-gpu overwrite each other's files" in warning
    assert "those there are of onnxruntime. Keep one: " in warning  # whatever pip says of others
    assert warning.endswith("pip install onnxruntime")


def test_a_packed_service_has_no_extras(tmp_path: Path) -> None:
    assert diagnose(tmp_path).extras == []
