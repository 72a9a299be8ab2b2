"""What `retouch edit` tells of each picture, to people or to programs."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.markup import escape

from runtime.cli.printing import error_json, terminal
from runtime.editor import EditResult
from runtime.errors import EditError
from runtime.files import STREAM, FilePair

Tell = Callable[[FilePair, EditResult | EditError], None]


def json_stream(images: Sequence[Path], out: Path | None) -> TextIO:
    """Where lines do not mix with a picture."""
    to_stdout = out == STREAM or (out is None and STREAM in images)
    return sys.stderr if to_stdout else sys.stdout


def teller(lines: TextIO | None) -> Tell:
    """Prints JSON lines to `lines`, or without it for people."""
    if lines is None:
        return _tell
    return lambda pair, outcome: print(
        json.dumps(_json_line(pair, outcome)), file=lines, flush=True
    )


def _tell(pair: FilePair, outcome: EditResult | EditError) -> None:
    if isinstance(outcome, EditError):
        told = f"[red]{type(outcome).__name__}:[/] {escape(str(outcome))}"
        terminal.print(f"{escape(str(pair.source))}: {told}", soft_wrap=True)
    else:
        seconds, seed = outcome.timings.total_s, outcome.params.seed
        told = escape(f"{pair.source} -> {pair.target} (seed {seed}, {seconds:.2f} s)")
        terminal.print(told, soft_wrap=True)
        if outcome.translation:
            terminal.print(escape(f"  read as: {outcome.translation.instruction}"), soft_wrap=True)


def _json_line(pair: FilePair, outcome: EditResult | EditError) -> dict[str, Any]:
    line: dict[str, Any] = {"input": str(pair.source)}
    if isinstance(outcome, EditError):
        return line | {"error": error_json(outcome)}
    line |= {"output": str(pair.target), "size": outcome.image.size, "rows": outcome.rows}
    line |= {"params": dataclasses.asdict(outcome.params)}
    if outcome.translation:
        line |= {"translation": dataclasses.asdict(outcome.translation)}
    return line | {"seconds": dataclasses.asdict(outcome.timings)}
