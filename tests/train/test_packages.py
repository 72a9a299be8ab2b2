from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from train import packages


def _client(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a program called ``name`` in front of the real one."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def _archive(path: Path, member: str) -> None:
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo(member)
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"hello"))


def test_an_npm_package_is_asked_for_by_version_and_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _archive(tmp_path / "made.tgz", "package/word.txt")
    script = f'echo "$@" > {tmp_path}/asked; cp {tmp_path}/made.tgz words-1.2.3.tgz'
    _client(tmp_path, "npm", script, monkeypatch)
    with packages.unpacked("npm", "@some/words", "1.2.3") as root:
        assert (root / "package/word.txt").read_text() == "hello"
    assert "@some/words@1.2.3" in (tmp_path / "asked").read_text()
    assert not root.exists()


def test_an_archive_that_reaches_outside_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _archive(tmp_path / "made.tgz", "../../escaped.txt")
    _client(tmp_path, "npm", f"cp {tmp_path}/made.tgz words.tgz", monkeypatch)
    with (
        pytest.raises(packages.PackageError, match="@some/words"),
        packages.unpacked("npm", "@some/words", "1"),
    ):
        pass


def test_what_a_client_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _client(tmp_path, "apt-get", "echo 'version 7 not found' >&2; exit 100", monkeypatch)
    with (
        pytest.raises(packages.PackageError, match=r"apt-get download .*version 7 not found"),
        packages.unpacked("debian", "wallpapers", "7"),
    ):
        pass


@pytest.mark.parametrize(("registry", "client"), [("npm", "npm"), ("debian", "apt-get")])
def test_a_lacking_client_is_named(
    registry: packages.Registry, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(packages.PackageError, match=f"{client} is not installed"),
        packages.unpacked(registry, "something", "1"),
    ):
        pass
