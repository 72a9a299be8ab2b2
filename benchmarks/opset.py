"""Is a tick faster with the `Attention` of opset 23 than with the products and softmax of 21?

python -m benchmarks.opset BUNDLE_21 BUNDLE_23 [--size 512] [--requests 1] [--repeat 20]

The bundles are one checkpoint's: `retouch export CHECKPOINT BUNDLE --opset 21`, and 23. Both tick
graphs take the same inputs by turns, with each library for the CPU. Ratios are of neighbouring
runs, 23 over 21, of wall time and of processor time, which other programs disturb less.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import typer

from benchmarks.hardware import hardware
from export.reference import Probe
from runtime.backends.base import Arrays, Graph, load_backend
from runtime.bundle import Bundle


def main(
    bundle_21: Path, bundle_23: Path, size: int = 512, requests: int = 1, repeat: int = 20
) -> None:
    """Print one JSON line for each library."""
    bundles = [Bundle.open(path) for path in (bundle_21, bundle_23)]
    inputs = _inputs(bundles[0], size, requests)
    for backend in ("openvino", "ort"):
        graphs = [_tick(bundle, backend) for bundle in bundles]
        outputs = [graph.run(inputs)["rows"] for graph in graphs]  # also compiles shapes
        turns = [[_timed(graph, inputs) for graph in graphs] for _ in range(repeat)]
        line = {
            "benchmark": "opset",
            "backend": backend,
            "size": size,
            "rows": len(outputs[0]),
            **_compared([[wall for wall, _ in turn] for turn in turns], "wall"),
            **_compared([[cpu for _, cpu in turn] for turn in turns], "cpu"),
            "rms_difference": float(np.square(outputs[1] - outputs[0]).mean() ** 0.5),
            **hardware(),
        }
        print(json.dumps(line), flush=True)
        for graph in graphs:
            graph.close()


def _inputs(bundle: Bundle, size: int, requests: int) -> Arrays:
    model, length = bundle.manifest.model, bundle.manifest.tokenizer.max_length
    side = size // model.downscale
    probe = Probe(model, requests, side, side, length, 2, 1.0)
    return {name: tensor.numpy() for name, tensor in probe.inputs("tick").items()}


def _tick(bundle: Bundle, name: str) -> Graph:
    backend = load_backend(name, device="cpu")
    path = bundle.graph_path(bundle.variant("tick", backend.stored))
    return backend.load("tick", path, bundle.manifest)


def _timed(graph: Graph, inputs: Arrays) -> tuple[float, float]:
    """Seconds by the clock, and of the processor in all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    graph.run(inputs)
    return time.perf_counter() - wall, time.process_time() - cpu


def _compared(turns: list[list[float]], what: str) -> dict[str, Any]:
    ratios = sorted(late / early for early, late in turns)
    first, second = (statistics.median(column) for column in zip(*turns, strict=True))
    quarter = len(ratios) // 4
    return {
        f"{what}_s": [first, second],
        f"{what}_ratio": statistics.median(ratios),
        f"{what}_ratio_quartiles": [ratios[quarter], ratios[-1 - quarter]],
    }


if __name__ == "__main__":
    typer.run(main)
