"""schemathesis against the OpenAPI document of a running server: no 5xx, nothing undocumented.

python -m benchmarks.fuzz PATH [--examples 1000] [--port 3998] [--backend fake]

PATH is the `schemathesis` of an environment of its own (pip install schemathesis==4.32.5 pillow).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Final

import typer

from benchmarks.hardware import hardware
from benchmarks.server import serving

ROOT: Final = Path(__file__).resolve().parent.parent
_CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


def main(program: Path, examples: int = 1000, port: int = 3998, backend: str = "auto") -> None:
    """Print the report of schemathesis, then one JSON line; exit with its status."""
    command = [sys.executable, "retouch.py", "serve", "--port", str(port), "--backend", backend]
    with (
        tempfile.TemporaryDirectory() as jobs,
        serving(command, ROOT, port, RETOUCH_JOBS_DIR=jobs) as server,
    ):
        start = time.perf_counter()
        report = _fuzz(program, server.url, examples)
        seconds = time.perf_counter() - start
        statuses = _statuses(server.url)
    print(report.stdout)
    cases = re.findall(r"([\d,]+) generated", report.stdout)
    line = {
        "benchmark": "fuzz",
        "examples_per_operation": examples,
        "cases": sum(int(found.replace(",", "")) for found in cases),
        "seconds": round(seconds, 1),
        "statuses": statuses,
        "passed": report.returncode == 0,
        **hardware(),
    }
    print(json.dumps(line))
    raise typer.Exit(report.returncode)


def _fuzz(program: Path, url: str, examples: int) -> subprocess.CompletedProcess[str]:
    command = [str(program), "run", f"{url}/docs.json", "--url", url]
    command += ["--checks", ",".join(_CHECKS), "--max-examples", str(examples)]
    command += ["--phases", "examples,coverage,fuzzing", "--seed", "1", "--continue-on-failure"]
    command += ["--suppress-health-check", "all", "--no-color", "--request-timeout", "120"]
    hooks = {"SCHEMATHESIS_HOOKS": "benchmarks.fuzz_pictures", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **hooks}, capture_output=True, text=True, check=False
    )


def _statuses(url: str) -> dict[str, int]:
    """Responses of the server by status: a run without successes has tried little."""
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    counted: Counter[str] = Counter()
    for line in lines:
        if found := re.match(r'retouch_responses_total\{.*status="(\d+)"\} ([\d.]+)', line):
            counted[found[1]] += int(float(found[2]))
    return dict(sorted(counted.items()))


if __name__ == "__main__":
    typer.run(main)
