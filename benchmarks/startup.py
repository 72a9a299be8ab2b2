"""From start to ready: a clone's `make serve`, and the server alone once it is installed.

python -m benchmarks.startup [--port 3999]
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import typer

from benchmarks.hardware import hardware
from benchmarks.server import serving

ROOT = Path(__file__).resolve().parent.parent


def main(port: int = 3999) -> None:
    """Print one JSON line."""
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        home = str(clone / ".bentoml")
        variables = {"PORT": str(port), "BENTOML_HOME": home, "RETOUCH_JOBS_DIR": home}
        with serving(["make", "serve"], clone, port, **variables) as first:
            from_clone_s = first.ready_s
        with serving(["make", "serve"], clone, port, **variables) as second:
            installed_s = second.ready_s
        command = [str(clone / ".venv-serve/bin/pip"), "list", "--format", "json"]
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


if __name__ == "__main__":
    typer.run(main)
