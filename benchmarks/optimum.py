"""The same edits by this runtime and by optimum, both on ONNX Runtime's CPU provider in fp32.

python -m benchmarks.optimum PYTHON [--folder DIR] [--size 256] [--repeat 5] [--width 128]

PYTHON is the interpreter of an environment of optimum's own, outside this folder:

    python3 -m venv /tmp/peers-optimum
    /tmp/peers-optimum/bin/pip install -r benchmarks/peers/optimum.txt

Makes two checkpoints of Stable Diffusion's structure with random weights and lets each side export
its own: ours with InstructPix2Pix's eight input channels, optimum's with four, for it has no
pipeline that takes more. At image guidance 1 we evaluate two rows a step for an edit, as its
classifier-free guidance does. Both encode a picture and two texts, take the same steps and decode.
Threads and optimisations are each side's own defaults; nothing is cached. Sides take turns, in
alternate order. Prints a JSON line for starting and for each load; a ratio above 1 is in our
favour. What was made is kept when `--folder` is given, and what is there already is used.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks.hardware import hardware
from benchmarks.peers.side import ROOT, Side
from benchmarks.peers.work import Done, Edit, Work

LOADS: Final = {
    "one": [Edit(1, 4, 7.5)],
    "equal": [Edit(seed, 4, 7.5) for seed in range(4)],
    "mixed": [Edit(1, 4, 7.5), Edit(2, 6, 5.0), Edit(3, 2, 9.0), Edit(4, 3, 3.0)],
}
"""One edit alone; four that one call of the peer can take; four that it cannot."""

_PEER: Final = "benchmarks.peers.optimum_ort"


def main(
    python: Annotated[Path, typer.Argument(help="interpreter that has optimum")],
    folder: Path | None = None,
    size: int = 256,
    repeat: int = 5,
    width: Annotated[int, typer.Option(help="320 in Stable Diffusion 1.5")] = 128,
    layers: Annotated[int, typer.Option(help="of each level; 2 in it")] = 1,
) -> None:
    """Print a JSON line for starting and for each load."""
    python = python.absolute()
    versions = _versions(python)
    with tempfile.TemporaryDirectory() as temporary:
        commands = _make(python, (folder or Path(temporary)).absolute(), width, layers)
        shape = {"size": size, "width": width, "layers": layers, "repeat": repeat}
        about = {**shape, "peer": versions, **hardware()}
        _print("start", _start(commands, Work(size, LOADS["one"]), repeat), about)
        with Side(commands["ours"]) as ours, Side(commands["peer"]) as peer:
            sides = {"ours": ours, "peer": peer}
            for name, edits in LOADS.items():
                _print(name, _load(sides, Work(size, edits), repeat), about)


def _versions(python: Path) -> dict[str, str]:
    """Those of the peer's packages. Raises `BadParameter` when the interpreter lacks them."""
    command = [str(python), "-m", _PEER, "versions"]
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        why = getattr(exc, "stderr", None) or str(exc)
        raise typer.BadParameter(
            f"{python} does not run optimum: {why.strip().splitlines()[-1]}\n"
            "Make an environment for it: python3 -m venv /tmp/peers-optimum; "
            "/tmp/peers-optimum/bin/pip install -r benchmarks/peers/optimum.txt",
            param_hint="PYTHON",
        ) from exc
    versions: dict[str, str] = json.loads(found.stdout)
    return versions


def _make(python: Path, folder: Path, width: int, layers: int) -> dict[str, list[str]]:
    """Checkpoints and what each side makes of its own; returns the commands of both."""
    bundle, model = folder / "bundle", folder / "optimum"
    sd15, peer = [sys.executable, "-m", "benchmarks.sd15"], [str(python), "-m", _PEER]
    for target, channels, export in (
        (bundle, 8, [*sd15, "export", "--precision", "fp32"]),
        (model, 4, [*peer, "export"]),
    ):
        checkpoint = folder / f"checkpoint-{channels}"
        shape = {"--channels": channels, "--width": width, "--layers": layers}
        options = [str(part) for pair in shape.items() for part in pair]
        if not checkpoint.exists():
            _run([*sd15, "make", str(checkpoint), *options])
        if not target.exists():
            _run([*export, str(checkpoint), str(target)])
    ours = [sys.executable, "-m", "benchmarks.peers.ours", str(bundle)]
    return {"ours": ours, "peer": [*peer, "answer", str(model)]}


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")


def _start(commands: dict[str, list[str]], work: Work, repeat: int) -> dict[str, Any]:
    """From the start of a process to its first picture, and the memory that this took."""
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    peaks: dict[str, list[float]] = {"ours": [], "peer": []}
    for turn in range(repeat + 1):
        for name in _order(turn):
            with Side(commands[name]) as side:
                side.do(work)
                seconds[name].append(time.perf_counter() - side.started)
            peaks[name].append(side.peak_gib)
    gib = {name: round(statistics.median(found), 2) for name, found in peaks.items()}
    return {"first_picture": versus(seconds["ours"][1:], seconds["peer"][1:]), "peak_gib": gib}


def _load(sides: dict[str, Side], work: Work, repeat: int) -> dict[str, Any]:
    """When the last edit is finished, one on average and the first, and the processor time."""
    done: dict[str, list[Done]] = {"ours": [], "peer": []}
    for turn in range(repeat + 1):
        for name in _order(turn):
            done[name].append(sides[name].do(work))
    return {"edits": work.edits} | compare(done["ours"][1:], done["peer"][1:])


def compare(ours: Sequence[Done], peer: Sequence[Done]) -> dict[str, Any]:
    """One entry a turn. Raises `ValueError` when the sides did not evaluate the same rows."""
    rows = {done.rows for done in (*ours, *peer)}
    if len(rows) > 1:
        raise ValueError(f"the sides evaluated {sorted(rows)} rows; give them the same work")
    found: dict[str, Any] = {"rows": rows.pop()}
    for name, of in (("last", max), ("mean", statistics.fmean), ("first", min)):
        mine, theirs = ([of(done.finished_s) for done in side] for side in (ours, peer))
        found[name] = versus(mine, theirs)
    found["processor"] = versus([done.cpu_s for done in ours], [done.cpu_s for done in peer])
    return found


def versus(ours: Sequence[float], peer: Sequence[float]) -> dict[str, Any]:
    """Medians and spreads of both in seconds, and of the ratio of each turn, peer by ours."""
    ratios = [theirs / mine for mine, theirs in zip(ours, peer, strict=True)]
    found: dict[str, Any] = {}
    for name, values in (("ours_s", ours), ("peer_s", peer), ("ratio", ratios)):
        found[name] = round(statistics.median(values), 3)
        found[f"{name}_spread"] = [round(min(values), 3), round(max(values), 3)]
    return found


def _order(turn: int) -> list[str]:
    return ["ours", "peer"] if turn % 2 else ["peer", "ours"]


def _print(name: str, found: dict[str, Any], about: dict[str, Any]) -> None:
    print(json.dumps({"benchmark": f"optimum.{name}", **found, **about}), flush=True)


if __name__ == "__main__":
    typer.run(main)
