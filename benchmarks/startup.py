"""From start to ready: a clone's `make serve`, and the server alone once it is installed.

python -m benchmarks.startup [--port 3999]
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import typer

from benchmarks.hardware import hardware

ROOT = Path(__file__).resolve().parent.parent
LIMIT_S = 600


@contextlib.contextmanager
def serving(folder: Path, port: int) -> Iterator[float]:
    """Runs `make serve` in `folder`; yields the seconds until it was ready."""
    environment = {**os.environ, "PORT": str(port), "BENTOML_HOME": str(folder / ".bentoml")}
    start = time.perf_counter()
    server = subprocess.Popen(
        ["make", "serve"],
        cwd=folder,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _ready(port):
            if server.poll() is not None or time.perf_counter() - start > LIMIT_S:
                raise RuntimeError(f"the server is not ready (exit status {server.poll()})")
            time.sleep(0.05)
        yield time.perf_counter() - start
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def main(port: int = 3999) -> None:
    """Print one JSON line."""
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        with serving(clone, port) as from_clone_s:
            pass
        with serving(clone, port) as installed_s:
            pass
        command = [clone / ".venv-serve/bin/pip", "list", "--format", "json"]
        listed = subprocess.run(command, check=True, capture_output=True).stdout
    names = {package["name"].lower() for package in json.loads(listed)}
    line = {
        "benchmark": "startup",
        "from_clone_s": from_clone_s,
        "installed_s": installed_s,
        "packages": len(names),
        "heavy_packages": sorted(names & {"torch", "diffusers", "transformers"}),
        **hardware(),
    }
    print(json.dumps(line))


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


if __name__ == "__main__":
    typer.run(main)
