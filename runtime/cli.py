"""The commands `retouch edit`, `retouch inspect` and `retouch doctor`."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, TextIO

import typer
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from runtime.bundle import Bundle
from runtime.doctor import diagnose
from runtime.editor import Editor, EditResult, open_editor
from runtime.errors import EditError
from runtime.jobs import STREAM, Job, bytes_of, plan
from runtime.manifest import GRAPH_NAMES, Manifest
from runtime.params import EditParams, SamplerName
from runtime.progress import OnStep
from runtime.provenance import read_provenance

MINI: Final = Path(__file__).resolve().parent.parent / "models" / "mini"
_TOGETHER: Final = 16  # pictures that are read and edited at a time

terminal = Console(stderr=True)

JsonOption = Annotated[bool, typer.Option("--json", help="print JSON for programs")]


def _field(name: str) -> Any:
    """An option for a field of `EditParams`; left out, it is the bundle's default."""
    metadata = EditParams.__dataclass_fields__[name].metadata
    bounds = metadata.get("bounds")
    span = f" [{bounds.low:.10g}..{bounds.high:.10g}]" if bounds else ""
    return typer.Option(help=metadata["doc"] + span, show_default="the bundle's")


def edit(
    instruction: Annotated[
        str | None, typer.Argument(help='what to do, such as "make it night"')
    ] = None,
    images: Annotated[
        list[Path] | None, typer.Argument(help="pictures, folders, or - for stdin")
    ] = None,
    again: Annotated[
        Path | None, typer.Option(exists=True, help="a result, whose edit is repeated")
    ] = None,
    image: Annotated[
        Path | None, typer.Option("-i", "--image", help="with --again: the picture to repeat it on")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="file, folder or -")] = None,
    negative_instruction: Annotated[str | None, _field("negative_instruction")] = None,
    text_guidance: Annotated[float | None, _field("text_guidance")] = None,
    image_guidance: Annotated[float | None, _field("image_guidance")] = None,
    guidance_rescale: Annotated[float | None, _field("guidance_rescale")] = None,
    steps: Annotated[int | None, _field("steps")] = None,
    sampler: Annotated[SamplerName | None, _field("sampler")] = None,
    seed: Annotated[int | None, _field("seed")] = None,
    max_size: Annotated[int | None, _field("max_size")] = None,
    bundle: Annotated[Path, typer.Option(help="bundle directory")] = MINI,
    backend: Annotated[str, typer.Option(help="auto, openvino, ort or fake")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or tensorrt")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16")] = "auto",
    translator: Annotated[
        Path | None,
        typer.Option(envvar="RETOUCH_TRANSLATOR", help="model directory for Chinese; else rules"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="replace files that exist")] = False,
    as_json: JsonOption = False,
) -> None:
    """Edit pictures. Without --out, the edit of a.jpg is written to a-edited.png beside it.

    Exits with 0 when every picture was edited, with 1 when one or all were not, with 2 for options
    that do not exist. With --json every picture has a line, edited or not; the lines go to stderr
    when a picture goes to stdout.

    With --again the edit is what a result tells about itself, but for the options given; it is
    repeated on --image, or without it on the result.
    """
    asked = {
        "negative_instruction": negative_instruction,
        "text_guidance": text_guidance,
        "image_guidance": image_guidance,
        "guidance_rescale": guidance_rescale,
        "steps": steps,
        "sampler": sampler,
        "seed": seed,
        "max_size": max_size,
    }
    _check_usage(instruction, images, again, image)
    pictures = images or [path for path in (image or again,) if path]
    lines = _json_stream(pictures, out) if as_json else None
    with _errors_told(lines):
        record = read_provenance(bytes_of(again)) if again else None
        told = record.asked() if record else {"instruction": instruction}
        told |= {name: value for name, value in asked.items() if value is not None}
        jobs = plan(pictures, out, force)
        opened = open_editor(
            bundle, backend=backend, device=device, precision=precision, translator=translator
        )
        with opened as editor:
            params = editor.params(**told)
            if record and record.bundle != editor.manifest.digest() and lines is None:
                terminal.print(f"[yellow]warning:[/] {escape(str(again))} is of another bundle")
            failures = _edit_all(editor, jobs, params, _teller(lines))
    raise typer.Exit(1 if failures else 0)


def inspect(bundle: Annotated[Path, typer.Argument()], as_json: JsonOption = False) -> None:
    """Verify a bundle and tell what is in it."""
    with _errors_told(sys.stdout if as_json else None):
        opened = Bundle.open(bundle)
    if as_json:
        print(opened.manifest.dumps(), end="")
        return
    manifest, facts = opened.manifest, dataclasses.asdict(opened.manifest.model)
    facts |= {"licence": manifest.licence, "made by": manifest.created_by}
    facts |= {f"default {name}": value for name, value in manifest.defaults.items()}
    _print_table((manifest.name, ""), [(name, str(value)) for name, value in facts.items()])
    _print_table(("graph", "precision", "MB", "inputs", "outputs"), _graph_rows(opened))
    _print_table(("parity", "output", "backend", "max error", "mean", "bound"), _parity(manifest))


def doctor(as_json: JsonOption = False) -> None:
    """Tell which backends can run here, at which precision and why, and what is missing."""
    found = diagnose()
    if as_json:
        print(json.dumps(dataclasses.asdict(found), indent=1))
    else:
        rows = [
            (
                probe.backend + (" (auto)" if probe == found.chosen else ""),
                probe.device,
                probe.precision or "unusable",
                probe.why,
                probe.fix,
            )
            for probe in found.probes
        ]
        _print_table(("backend", "device", "precision", "why", "what helps"), rows)
        for extra in found.extras:  # no table, so that a command can be copied in one piece
            lacks = f"lacks {', '.join(extra.missing)}" if extra.missing else "is complete"
            print(
                f"extra {extra.name} {lacks}", *([f"  {extra.fix}"] if extra.fix else []), sep="\n"
            )
        for warning in found.warnings:
            terminal.print(f"[yellow]warning:[/] {warning}")
    raise typer.Exit(0 if found.chosen else 1)


Tell = Callable[[Job, EditResult | EditError], None]


def _check_usage(
    instruction: str | None, images: list[Path] | None, again: Path | None, image: Path | None
) -> None:
    """Raises `typer.BadParameter` for a mixture of both ways to ask."""
    if again and (instruction is not None or images):
        raise typer.BadParameter("--again takes no instruction; name the picture with --image")
    if image and not again:
        raise typer.BadParameter("--image goes with --again; name pictures after the instruction")
    if not again and not images:
        raise typer.BadParameter("give an instruction and pictures, or --again RESULT")


def _edit_all(editor: Editor, jobs: Sequence[Job], params: EditParams, tell: Tell) -> int:
    """Edit every job, a group at a time; returns how many failed."""
    failures = 0
    with Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        bar = progress.add_task("editing", total=len(jobs) * params.steps)
        for start in range(0, len(jobs), _TOGETHER):
            group = jobs[start : start + _TOGETHER]
            outcomes = _edit_group(editor, group, params, lambda _: progress.advance(bar))
            for job, outcome in zip(group, outcomes, strict=True):
                tell(job, outcome)
                failures += isinstance(outcome, EditError)
    return failures


def _edit_group(
    editor: Editor, group: Sequence[Job], params: EditParams, on_step: OnStep
) -> list[EditResult | EditError]:
    """Read, edit together and write; an outcome for each job, in order."""
    outcomes: dict[Job, EditResult | EditError] = {}
    read: list[Job] = []

    def edits() -> Iterator[tuple[Image.Image, EditParams]]:
        """One picture at a time, for a large one takes memory until it is brought to its size."""
        for job in group:
            try:
                picture = job.read()
            except EditError as exc:
                outcomes[job] = exc
                continue
            read.append(job)
            yield picture, params

    for job, outcome in zip(read, editor.edit_many(edits(), on_step=on_step), strict=True):
        outcomes[job] = _written(job, outcome)
    return [outcomes[job] for job in group]


def _written(job: Job, outcome: EditResult | EditError) -> EditResult | EditError:
    try:
        if not isinstance(outcome, EditError):
            job.write(outcome)
    except EditError as exc:
        return exc
    return outcome


def _tell(job: Job, outcome: EditResult | EditError) -> None:
    if isinstance(outcome, EditError):
        told = f"[red]{type(outcome).__name__}:[/] {escape(str(outcome))}"
        terminal.print(f"{escape(str(job.source))}: {told}", soft_wrap=True)
    else:
        seconds, seed = outcome.timings.total_s, outcome.params.seed
        told = escape(f"{job.source} -> {job.target} (seed {seed}, {seconds:.2f} s)")
        terminal.print(told, soft_wrap=True)
        if outcome.translation:
            terminal.print(escape(f"  read as: {outcome.translation.instruction}"), soft_wrap=True)


def _json_stream(images: Sequence[Path], out: Path | None) -> TextIO:
    """Where lines do not mix with a picture."""
    to_stdout = out == STREAM or (out is None and STREAM in images)
    return sys.stderr if to_stdout else sys.stdout


def _teller(lines: TextIO | None) -> Tell:
    """Prints JSON lines to `lines`, or without it for people."""
    if lines is None:
        return _tell
    return lambda job, outcome: print(json.dumps(_json_line(job, outcome)), file=lines, flush=True)


def _json_line(job: Job, outcome: EditResult | EditError) -> dict[str, Any]:
    line: dict[str, Any] = {"input": str(job.source)}
    if isinstance(outcome, EditError):
        return line | {"error": _error(outcome)}
    line |= {"output": str(job.target), "size": outcome.image.size, "rows": outcome.rows}
    line |= {"params": dataclasses.asdict(outcome.params)}
    if outcome.translation:
        line |= {"translation": dataclasses.asdict(outcome.translation)}
    return line | {"seconds": dataclasses.asdict(outcome.timings)}


def _graph_rows(bundle: Bundle) -> list[tuple[str, ...]]:
    return [
        (
            name,
            variant.precision,
            f"{sum((bundle.path / f.path).stat().st_size for f in files) / 1e6:.1f}",
            ", ".join(port.name for port in variant.inputs),
            ", ".join(port.name for port in variant.outputs),
        )
        for name in GRAPH_NAMES
        for variant in bundle.manifest.graphs[name]
        for files in [(variant.file, *variant.data)]
    ]


def _parity(manifest: Manifest) -> list[tuple[str, ...]]:
    return [
        (
            f"{line.graph} {line.precision}",
            line.output,
            line.backend,
            f"{line.max_error:.2e}",
            f"{line.mean_error:.2e}",
            "" if line.bound is None else f"{line.bound:.2e}",
        )
        for line in manifest.parity
    ]


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*map(escape, header))
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)


def _error(exc: EditError) -> dict[str, str]:
    return {"code": type(exc).__name__, "message": str(exc)}


@contextmanager
def _errors_told(lines: TextIO | None) -> Iterator[None]:
    """An error of ours ends the command with one line, JSON to `lines`, instead of a traceback."""
    try:
        yield
    except EditError as exc:
        if lines is not None:
            print(json.dumps({"error": _error(exc)}), file=lines)
        else:
            terminal.print(f"[red]{type(exc).__name__}:[/] {escape(str(exc))}", soft_wrap=True)
        raise typer.Exit(1) from exc
