"""A checkpoint of Stable Diffusion 1.5's size: can it be exported and served on this machine?

python -m benchmarks.sd15 [--folder DIR] [--precision fp16] [--size 512] [--steps 4]

Makes an InstructPix2Pix checkpoint with random weights (860 M UNet, SD's autoencoder, CLIP ViT-L
text encoder), exports it, builds the UNet's TensorRT-RTX engine (no GPU is needed for that), edits
a picture with the bundle and serves it, each in processes of its own, and prints a JSON line for
each with its wall time and peak memory. Keeps what it made when `--folder` is given (about 6 GB),
and skips what is there already.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import typer
from PIL import Image

from benchmarks import memory
from benchmarks.hardware import hardware

Precision = Literal["fp16", "fp32"]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    folder: Path | None = None,
    precision: Precision = "fp16",
    size: int = 512,
    steps: int = 4,
    backend: str = "auto",
) -> None:
    """Run the five parts and print a JSON line for each."""
    if context.invoked_subcommand is not None:
        return
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        checkpoint, bundle = place / "checkpoint", place / f"bundle-{precision}"
        if not checkpoint.exists():
            _report("sd15.make", ["make", checkpoint])
        if not bundle.exists():
            _report("sd15.export", ["export", checkpoint, bundle, "--precision", precision])
        _report("sd15.engine", ["engine", bundle])
        options = ["--size", size, "--steps", steps, "--backend", backend]
        _report("sd15.edit", ["edit", bundle, *options])
        memory.main(bundle, size=size, steps=steps, backend=backend)


@app.command()
def make(checkpoint: Path, channels: int = 8, width: int = 320, layers: int = 2) -> None:
    """Write the random checkpoint (see `benchmarks.random_sd`) and print its sizes."""
    from benchmarks.random_sd import write_random_checkpoint

    sizes = write_random_checkpoint(checkpoint, channels=channels, width=width, layers=layers)
    print(json.dumps({"parameters": sizes}))


@app.command()
def export(checkpoint: Path, bundle: Path, precision: Precision = "fp16") -> None:
    """Export it and print the parity report and when each stage began."""
    from export.assemble import export_bundle

    began = time.perf_counter()
    stages: dict[str, float] = {}

    def on_stage(stage: str) -> None:
        stages[stage] = round(time.perf_counter() - began, 1)

    exported = export_bundle(checkpoint, bundle, precision=precision, on_stage=on_stage)
    parity = {
        f"{line.graph}.{line.output} {line.backend}": [line.max_error, line.mean_error, line.bound]
        for line in exported.manifest.parity
    }
    size = sum(file.stat().st_size for file in bundle.iterdir())
    print(json.dumps({"stages_begin_s": stages, "bundle_gb": size / 1e9, "parity": parity}))


@app.command()
def engine(
    bundle: Path, compute: str = "8.6", rows: str = "1:3:12", side: str = "256:512:768"
) -> None:
    """Build the engine of the tick graph for one compute capability, and print what it took."""
    from export.engines.build import build_engine
    from export.engines.profiles import Shapes, parse_range, profiles_of
    from export.engines.recipe import Options
    from runtime.bundle import Bundle
    from runtime.nvidia.library import open_library

    manifest = Bundle.open(bundle).manifest
    (variant,) = manifest.graphs["tick"]
    shapes = Shapes(parse_range(rows), parse_range(side))
    profiles = profiles_of("tick", manifest.model, manifest.tokenizer.max_length, shapes)
    library, path = open_library("tensorrt-rtx"), bundle / variant.file.path
    options = Options(compute=(compute,))
    built = build_engine(library, "tick", path, variant.precision, profiles, options)
    line = {
        "library": f"{library.name} {library.version}",
        "compute": compute,
        "rows": rows,
        "side": side,
        "build_s": built.seconds,
        "engine_gb": len(built.plan) / 1e9,
        "layers": [f"{layer.count} {layer.kind} {layer.dtype}" for layer in built.layers],
    }
    print(json.dumps(line))


@app.command()
def edit(bundle: Path, size: int = 512, steps: int = 4, backend: str = "auto") -> None:
    """Open the bundle, edit two pictures, print the times."""
    from runtime import open_editor

    # Two, because the engine keeps what it has encoded.
    pictures = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
    began = time.perf_counter()
    with open_editor(bundle, backend=backend) as editor:
        opened = time.perf_counter() - began
        results = [
            editor.edit(
                Image.fromarray(pixels), "make it night", seed=7, steps=steps, max_size=size
            )
            for pixels in pictures
        ]
    first, second = (result.timings for result in results)
    line = {
        "size": size,
        "steps": steps,
        "rows": results[1].rows,
        "open_s": opened,
        "first_s": first.total_s,
        "second_s": second.total_s,
        "encode_s": second.encode_s,
        "step_s": second.denoise_s / steps,
        "decode_s": second.decode_s,
    }
    print(json.dumps(line))


def _report(name: str, arguments: list[Any]) -> None:
    """Run one part as a child process and print its line, with its peak memory."""
    command = [sys.executable, "-m", "benchmarks.sd15", *map(str, arguments)]
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{name} failed with status {os.waitstatus_to_exitcode(status)}")
    line = {
        "benchmark": name,
        "wall_s": time.perf_counter() - began,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_rss_gib": usage.ru_maxrss / 2**20,  # Linux counts in KiB
        **json.loads(output.splitlines()[-1]),
        **hardware(),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    app()
