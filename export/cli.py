"""`retouch export`. Imports torch only when it runs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from export.engines.cli import (
    AnyGpu,
    AnyVersion,
    Compute,
    Refit,
    Rows,
    Side,
    TargetOption,
    TimingCache,
    WeightStreaming,
    engine_table,
    recipe_of,
)
from export.engines.recipe import STAGES as ENGINE_STAGES
from export.engines.recipe import EngineRecipe, Options
from export.errors import ExportError, ParityExceeded
from export.onto import exporting_onto
from export.opset import DEFAULT_OPSET, Opset
from export.sigterm import cleaning_up_on_sigterm
from runtime.errors import EditError

if TYPE_CHECKING:
    from export.assemble import Exported
    from runtime.manifest import Parity, Precision


def export(
    checkpoint: Annotated[str, typer.Argument(help="diffusers directory, or hub id (org/name)")],
    bundle: Annotated[
        Path, typer.Argument(help="directory to make, or file with --onto; must not exist")
    ],
    precision: Annotated[
        Literal["fp16", "fp32"], typer.Option(help="of the stored weights; fp16 halves the files")
    ] = "fp16",
    opset: Annotated[
        Opset, typer.Option(help="of the graphs; from 23 on attention is one operator")
    ] = DEFAULT_OPSET,
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
    target: TargetOption = "onnx",
    rows: Rows = "1:3:12",
    side: Side = "256:512:768",
    compute: Compute = None,
    refit: Refit = False,
    weight_streaming: WeightStreaming = False,
    any_version: AnyVersion = False,
    any_gpu: AnyGpu = False,
    timing_cache: TimingCache = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="print the result as one JSON document")
    ] = False,
) -> None:
    """Turn a checkpoint into a bundle that the runtime serves, and measure that it is the same."""
    console = Console(stderr=True)
    try:
        options = Options(
            tuple(compute or ()), refit, weight_streaming, any_version, any_gpu, timing_cache
        )
        engines = recipe_of(target, rows, side, options)
        with cleaning_up_on_sigterm(), _place(bundle, onto, precision, engines) as place:
            exported = _export(
                checkpoint, place, precision, opset, licence, lora or [], engines, console
            )
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


def _export(
    checkpoint: str,
    bundle: Path,
    precision: Literal["fp16", "fp32"],
    opset: Opset,
    licence: str | None,
    loras: Sequence[str],
    engines: EngineRecipe | None,
    console: Console,
) -> Exported:
    texts = (TextColumn(f"{{task.{text}}}") for text in ("description", "fields[build]"))
    columns = (BarColumn(20), *texts, TimeElapsedColumn())
    progress = Progress(*columns, console=console, transient=True)
    with progress:
        task = progress.add_task("load torch", total=None, build="")
        assemble = _import_assemble()
        stages = (*assemble.STAGES, *(ENGINE_STAGES if engines else ()))

        def on_stage(stage: str) -> None:
            done = stages.index(stage)
            progress.update(task, total=len(stages), completed=done, description=stage, build="")

        def on_build(phase: str, share: float) -> None:
            progress.update(task, build=f"{share:4.0%} {phase}")

        exported: Exported = assemble.export_bundle(
            checkpoint,
            bundle,
            precision=precision,
            opset=opset,
            licence=licence,
            loras=[assemble.parse_lora(text) for text in loras],
            engines=engines,
            on_stage=on_stage,
            on_build=on_build,
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


def _import_assemble() -> ModuleType:
    try:
        import export.assemble
    except ModuleNotFoundError as exc:
        raise ExportError(f"{exc.name} is not installed: pip install 'retouch[export]'") from exc
    return export.assemble


def _failure(console: Console, exc: Exception) -> typer.Exit:
    console.print(f"error: {exc}", style="red", highlight=False, markup=False, soft_wrap=True)
    return typer.Exit(1)
