"""What `retouch export` is told of engines, and the table of those that were built."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from rich.table import Table

from export.engines.profiles import Shapes, parse_range
from export.engines.recipe import BuildReport, EngineRecipe, Options

Target = Literal["onnx", "tensorrt", "tensorrt-rtx"]


def _option(*names: str, help: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel="TensorRT engines")


TargetOption = Annotated[Target, _option(help="engines to build beside the ONNX graphs, if any")]
Rows = Annotated[str, _option(help="of a tick, LEAST:USUAL:MOST; an edit takes up to 3")]
Side = Annotated[str, _option(help="of a picture in pixels, LEAST:USUAL:MOST")]
Compute = Annotated[
    list[str] | None,
    _option(help="GPU to build for, by compute capability (8.6); tensorrt-rtx only"),
]
Refit = Annotated[bool, _option("--refit", help="engines take other weights without a rebuild")]
WeightStreaming = Annotated[
    bool, _option("--weight-streaming", help="weights may stay in the host's memory")
]
AnyVersion = Annotated[
    bool, _option("--any-version", help="engines run on later versions; tensorrt only")
]
TimingCache = Annotated[
    Path | None,
    _option(
        "--timing-cache",
        help="file that keeps the times of kernels for later builds; tensorrt only",
    ),
]
AnyGpu = Annotated[bool, _option("--any-gpu", help="engines run on later GPUs; tensorrt only")]

_KINDS: Final = {
    "convolutions": ("CONVOLUTION", "DECONVOLUTION"),
    "products": ("MATRIX_MULTIPLY",),
    "attentions": ("ATTENTION_OUTPUT",),
    "norms": ("NORMALIZATION",),
}


def recipe_of(target: Target, rows: str, side: str, options: Options) -> EngineRecipe | None:
    """The engines that were asked for; None for ONNX graphs alone. Raises `EngineError`."""
    if target == "onnx":
        return None
    return EngineRecipe(target, Shapes(parse_range(rows), parse_range(side)), options)


def engine_table(engines: Sequence[BuildReport]) -> Table:
    """The engines that were built: size, time, and how many kernels and norms of which type."""
    table = Table(title="Engines")
    for column in ("graph", "MiB", "seconds", *_KINDS):
        table.add_column(column, justify="left" if column == "graph" else "right")
    for engine in engines:
        types = (_types(engine, kinds) for kinds in _KINDS.values())
        table.add_row(engine.graph, f"{engine.bytes / 2**20:.1f}", f"{engine.seconds:.1f}", *types)
    return table


def _types(engine: BuildReport, kinds: tuple[str, ...]) -> str:
    found = [f"{line.count} {line.dtype}" for line in engine.layers if line.kind in kinds]
    return ", ".join(found)
