"""How all commands speak: tables and lines for people, JSON for programs, errors in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, TextIO

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runtime.errors import EditError

MINI: Final = Path(__file__).resolve().parent.parent.parent / "models" / "mini"

terminal = Console(stderr=True)

JsonOption = Annotated[bool, typer.Option("--json", help="print JSON for programs")]
BackendOption = Annotated[
    str, typer.Option(help="auto, openvino, ort, tensorrt, tensorrt-rtx or fake")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or tensorrt")]
PrecisionOption = Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16")]
CudaGraphsOption = Annotated[
    bool, typer.Option("--cuda-graphs", help="run each shape as one recorded CUDA graph")
]
GpuMemoryOption = Annotated[
    int, typer.Option(min=0, metavar="MIB", help="bound for each graph of a bundle; 0 is none")
]


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*map(escape, header))
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)


def error_json(exc: EditError) -> dict[str, str]:
    return {"code": type(exc).__name__, "message": str(exc)}


@contextmanager
def errors_told(lines: TextIO | None) -> Iterator[None]:
    """An error of ours ends the command with one line, JSON to `lines`, instead of a traceback."""
    try:
        yield
    except EditError as exc:
        if lines is not None:
            print(json.dumps({"error": error_json(exc)}), file=lines)
        else:
            terminal.print(f"[red]{type(exc).__name__}:[/] {escape(str(exc))}", soft_wrap=True)
        raise typer.Exit(1) from exc
