"""One edit after another: how long one takes, and where the time goes.

python -m benchmarks.latency [--bundle models/mini] [--size 256] [--steps 20] [--repeat 10]
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image

from benchmarks.hardware import hardware
from runtime import open_editor
from runtime.request import Timings


def main(
    bundle: Path = Path("models/mini"),
    size: int = 256,
    steps: int = 20,
    repeat: int = 10,
    backend: str = "auto",
    precision: str = "auto",
    image_guidance: Annotated[float | None, typer.Option(help="1: two rows a step")] = None,
) -> None:
    """Print one JSON line. The first edit is reported by itself: it compiles shapes."""
    # A picture of its own for each edit: the engine keeps what it has encoded.
    pixels = np.random.default_rng(0).integers(0, 256, (repeat + 1, size, size, 3), np.uint8)
    images = map(Image.fromarray, pixels)
    asked: dict[str, Any] = {"steps": steps, "max_size": size}
    if image_guidance is not None:
        asked["image_guidance"] = image_guidance
    opened = time.perf_counter()
    with open_editor(bundle, backend=backend, precision=precision) as editor:
        ready = time.perf_counter()
        results = [editor.edit(image, "make it night", seed=7, **asked) for image in images]
    totals = sorted(result.timings.total_s for result in results[1:])
    last = results[-1]
    line = {
        "benchmark": "latency",
        "bundle": str(bundle),
        "size": size,
        "steps": steps,
        "rows": last.rows,
        "open_s": ready - opened,
        "first_s": results[0].timings.total_s,
        "p50_s": statistics.median(totals),
        "min_s": totals[0],
        "max_s": totals[-1],
        "parts_s": {
            name: getattr(last.timings, name)
            for name in Timings.__dataclass_fields__
            if name.endswith("_s")
        },
        **hardware(),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    typer.run(main)
