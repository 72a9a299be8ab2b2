"""When `make` installs the environments anew. A stand-in for Python only notes what it would do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# `python -m venv DIR` makes a pip that notes its arguments; a file `broken` makes it fail.
PYTHON = """#!/bin/sh
mkdir -p "$3/bin"
cat > "$3/bin/pip" <<'PIP'
#!/bin/sh
test -e broken && exit 1
echo "$0 $*" >> log
PIP
chmod +x "$3/bin/pip"
"""
SERVE, DEV = "requirements/serve.txt", "requirements/dev.txt"


class Tree:
    """A copy of what the installation depends on, with a clock of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._clock = 1_000_000_000
        (path / "requirements").mkdir()
        for name in ("Makefile", "pyproject.toml", SERVE, DEV):
            shutil.copy(ROOT / name, path / name)
            self.touch(name)
        (path / "python").write_text(PYTHON)
        (path / "python").chmod(0o755)

    def touch(self, name: str) -> None:
        """Change a file, later than everything before."""
        self._clock += 100
        os.utime(self.path / name, (self._clock, self._clock))

    def make(self, target: str, fails: bool = False) -> list[str]:
        """The requirement files that pip is given."""
        log = self.path / "log"
        log.unlink(missing_ok=True)
        command = ["make", target, f"PYTHON={self.path / 'python'}"]
        done = subprocess.run(command, cwd=self.path, capture_output=True, text=True)
        assert (done.returncode != 0) == fails, done.stderr
        if not log.exists():
            return []
        self.touch(f"{target}/.installed")
        return [line.split()[-1] for line in log.read_text().splitlines() if " -r " in line]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_each_environment_is_installed_once_from_its_own_file(tree: Tree) -> None:
    assert tree.make(".venv-serve") == [SERVE]
    assert tree.make(".venv") == [DEV]
    assert tree.make(".venv-serve") == tree.make(".venv") == []


def test_a_change_reinstalls_what_it_concerns(tree: Tree) -> None:
    tree.make(".venv-serve")
    tree.make(".venv")
    tree.touch(DEV)
    assert tree.make(".venv-serve") == []
    assert tree.make(".venv") == [DEV]
    tree.touch(SERVE)
    assert tree.make(".venv") == []
    assert tree.make(".venv-serve") == [SERVE]
    tree.touch("pyproject.toml")
    assert tree.make(".venv-serve") == [SERVE]
    assert tree.make(".venv") == [DEV]


@pytest.mark.parametrize("first", [True, False], ids=["new", "renewed"])
def test_an_interrupted_installation_is_begun_anew(tree: Tree, first: bool) -> None:
    if not first:
        tree.make(".venv-serve")
        tree.touch(SERVE)
    (tree.path / "broken").touch()
    assert tree.make(".venv-serve", fails=True) == []
    half = tree.path / ".venv-serve" / "half-installed"
    half.touch()
    (tree.path / "broken").unlink()
    assert tree.make(".venv-serve") == [SERVE]
    assert not half.exists()
    assert tree.make(".venv-serve") == []
