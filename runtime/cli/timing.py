"""The command `retouch bench`."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from runtime.backends.base import load_backend
from runtime.bench import Measured, limits_for, measure
from runtime.bundle import Bundle
from runtime.cli.printing import (
    MINI,
    BackendOption,
    CudaGraphsOption,
    DeviceOption,
    GpuMemoryOption,
    JsonOption,
    PrecisionOption,
    errors_told,
    print_table,
    terminal,
)
from runtime.engine import Engine
from runtime.nvidia.options import GpuOptions
from runtime.version import VERSION


def bench(
    bundle: Annotated[Path, typer.Option(help="bundle directory")] = MINI,
    backend: BackendOption = "auto",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    cuda_graphs: CudaGraphsOption = False,
    gpu_memory: GpuMemoryOption = 0,
    size: Annotated[int, typer.Option(min=64, max=2048, help="side of the pictures")] = 256,
    steps: Annotated[int, typer.Option(min=3, max=150, help="of each edit")] = 20,
    repeat: Annotated[int, typer.Option(min=1, help="edits and ticks at the least")] = 5,
    together: Annotated[list[int] | None, typer.Option(min=1, help="edits in a tick")] = None,
    as_json: JsonOption = False,
) -> None:
    """Time ticks and whole edits here. With --json one line for each figure, else a table."""
    batches = tuple(together or (1, 2, 4))
    found: list[Measured] = []
    with errors_told(sys.stdout if as_json else None):
        opened = Bundle.open(bundle)
        chosen = load_backend(
            backend,
            device=device,
            precision=precision,
            gpu=GpuOptions(cuda_graphs, gpu_memory * 2**20),
            manifest=opened.manifest,
        )
        begun = time.perf_counter()
        engine = Engine(opened, chosen, limits_for(size, batches))
        facts: dict[str, Any] = {
            "retouch": VERSION,
            "bundle": opened.manifest.name,
            "backend": chosen.name,
            "device": chosen.device,
            "precision": chosen.precision,
            "cuda_graphs": cuda_graphs,
            "size": size,
            "open_s": time.perf_counter() - begun,
        }
        try:
            with Progress(console=terminal, transient=True, disable=as_json) as progress:
                task = progress.add_task("measuring", total=1 + len(batches))
                for measured in measure(engine, size, steps, repeat, batches):
                    found.append(measured)
                    progress.advance(task)
                    if as_json:
                        print(json.dumps(facts | dataclasses.asdict(measured)), flush=True)
        finally:
            engine.close()
    if not as_json:
        _print(facts, found)


def _print(facts: dict[str, Any], found: list[Measured]) -> None:
    told = f"{facts['bundle']}, {facts['size']} pixels, {facts['backend']} on {facts['device']}"
    header = (f"{told} ({facts['precision']})", "rows", "p50 ms", "min ms", "max ms", "rows/s")
    print_table(header, [_row(measured) for measured in found])


def _row(measured: Measured) -> tuple[str, ...]:
    times = (measured.p50_s, measured.min_s, measured.max_s)
    return (
        "one edit" if measured.what == "edit" else f"tick of {measured.requests}",
        f"{measured.rows:g}",
        *(f"{seconds * 1e3:.1f}" for seconds in times),
        f"{measured.rows / measured.p50_s:.1f}",
    )
