"""`retouch export`. Imports torch only when it runs."""

from __future__ import annotations

import dataclasses
import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from export.engines.profiles import Shapes, parse_range
from export.engines.recipe import STAGES as ENGINE_STAGES
from export.engines.recipe import BuildReport, EngineRecipe, Options
from export.errors import ExportError, ParityExceeded
from export.onto import exporting_onto
from runtime.errors import EditError

if TYPE_CHECKING:
    from export.assemble import Exported
    from runtime.manifest import Parity, Precision

Target = Literal["onnx", "tensorrt", "tensorrt-rtx"]


def export(
    checkpoint: Annotated[str, typer.Argument(help="diffusers directory, or hub id (org/name)")],
    bundle: Annotated[
        Path, typer.Argument(help="directory to make, or file with --onto; must not exist")
    ],
    precision: Annotated[
        Literal["fp16", "fp32"], typer.Option(help="of the stored weights; fp16 halves the files")
    ] = "fp16",
    licence: Annotated[
        str | None, typer.Option(help="of the weights; the model card's when not given")
    ] = None,
    lora: Annotated[
        list[str] | None,
        typer.Option(help="LoRA to merge, FILE or FILE:WEIGHT; may be given again"),
    ] = None,
    onto: Annotated[
        Path | None,
        typer.Option(help="bundle that is there: make a weights package of what differs from it"),
    ] = None,
    target: Annotated[
        Target, typer.Option(help="engines to build beside the ONNX graphs, if any")
    ] = "onnx",
    rows: Annotated[
        str, typer.Option(help="of a tick, LEAST:USUAL:MOST; an edit takes up to 3")
    ] = "1:3:12",
    side: Annotated[
        str, typer.Option(help="of a picture in pixels, LEAST:USUAL:MOST")
    ] = "256:512:768",
    compute: Annotated[
        list[str] | None,
        typer.Option(help="GPU to build for, by compute capability (8.6); tensorrt-rtx only"),
    ] = None,
    refit: Annotated[
        bool, typer.Option("--refit", help="engines take other weights without a rebuild")
    ] = False,
    weight_streaming: Annotated[
        bool, typer.Option("--weight-streaming", help="weights may stay in the host's memory")
    ] = False,
    any_version: Annotated[
        bool,
        typer.Option("--any-version", help="engines run on later versions; tensorrt only"),
    ] = False,
    any_gpu: Annotated[
        bool, typer.Option("--any-gpu", help="engines run on later GPUs; tensorrt only")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="print the result as one JSON document")
    ] = False,
) -> None:
    """Turn a checkpoint into a bundle that the runtime serves, and measure that it is the same."""
    console = Console(stderr=True)
    try:
        engines = None
        if target != "onnx":
            options = Options(tuple(compute or ()), refit, weight_streaming, any_version, any_gpu)
            engines = EngineRecipe(target, Shapes(parse_range(rows), parse_range(side)), options)
        with _cleaning_up_on_sigterm(), _place(bundle, onto, precision, engines) as place:
            exported = _export(checkpoint, place, precision, licence, lora or [], engines, console)
    except ParityExceeded as exc:
        console.print(parity_table(exc.report))
        raise _failure(console, exc) from exc
    except (ExportError, EditError) as exc:
        raise _failure(console, exc) from exc
    if as_json:
        parity = [dataclasses.asdict(line) for line in exported.manifest.parity]
        built = [dataclasses.asdict(engine) for engine in exported.engines]
        facts = {"bundle": str(bundle), "precision": precision, "parity": parity, "engines": built}
        print(json.dumps(facts))
    else:
        Console().print(parity_table(exported.manifest.parity))
        if exported.engines:
            Console().print(engine_table(exported.engines))
        Console().print(f"wrote {bundle}", highlight=False, soft_wrap=True)


def parity_table(report: Sequence[Parity]) -> Table:
    """The parity report as a table."""
    table = Table(title="Difference from the checkpoint in float32")
    for column in ("graph", "output", "run by"):
        table.add_column(column)
    for column in ("max error", "mean error", "bound"):
        table.add_column(column, justify="right")
    for line in report:
        bound = "" if line.bound is None else f"{line.bound:.2g}"
        errors = (f"{line.max_error:.2g}", f"{line.mean_error:.2g}")
        table.add_row(line.graph, line.output, line.backend, *errors, bound)
    return table


def engine_table(engines: Sequence[BuildReport]) -> Table:
    """The engines that were built: size, time, and how many kernels and norms of which type."""
    table = Table(title="Engines")
    for column in ("graph", "MiB", "seconds", "convolutions", "products", "norms"):
        table.add_column(column, justify="left" if column == "graph" else "right")
    kinds = (("CONVOLUTION", "DECONVOLUTION"), ("MATRIX_MULTIPLY",), ("NORMALIZATION",))
    for engine in engines:
        types = (_types(engine, kind) for kind in kinds)
        table.add_row(engine.graph, f"{engine.bytes / 2**20:.1f}", f"{engine.seconds:.1f}", *types)
    return table


def _types(engine: BuildReport, kinds: tuple[str, ...]) -> str:
    found = [f"{line.count} {line.dtype}" for line in engine.layers if line.kind in kinds]
    return ", ".join(found)


def _export(
    checkpoint: str,
    bundle: Path,
    precision: Literal["fp16", "fp32"],
    licence: str | None,
    loras: Sequence[str],
    engines: EngineRecipe | None,
    console: Console,
) -> Exported:
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    progress = Progress(*columns, console=console, transient=True)
    with progress:
        task = progress.add_task("load torch", total=None)
        assemble = _import_assemble()
        stages = (*assemble.STAGES, *(ENGINE_STAGES if engines else ()))

        def on_stage(stage: str) -> None:
            done = stages.index(stage)
            progress.update(task, total=len(stages), completed=done, description=stage)

        exported: Exported = assemble.export_bundle(
            checkpoint,
            bundle,
            precision=precision,
            licence=licence,
            loras=[assemble.parse_lora(text) for text in loras],
            engines=engines,
            on_stage=on_stage,
        )
    return exported


def _place(
    target: Path, onto: Path | None, precision: Precision, engines: EngineRecipe | None
) -> AbstractContextManager[Path]:
    """Where to write the bundle: at `target`, unless that is to be a package."""
    if onto is None:
        return nullcontext(target)
    if engines:
        raise ExportError(
            f"a weights package holds no engines: {onto}'s are refitted; leave out --target"
        )
    return exporting_onto(onto, target, precision)


@contextmanager
def _cleaning_up_on_sigterm() -> Iterator[None]:
    """SIGTERM raises `SystemExit` in the block, once; by default it ends the process on the spot.

    Exit status as shells report it: 128 + 15.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # another must not interrupt the cleaning up
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _import_assemble() -> ModuleType:
    try:
        import export.assemble
    except ModuleNotFoundError as exc:
        raise ExportError(f"{exc.name} is not installed: pip install 'retouch[export]'") from exc
    return export.assemble


def _failure(console: Console, exc: Exception) -> typer.Exit:
    console.print(f"error: {exc}", style="red", highlight=False, markup=False, soft_wrap=True)
    return typer.Exit(1)
