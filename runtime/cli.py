"""The commands `retouch edit`, `retouch inspect` and `retouch doctor`."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from runtime.bundle import Bundle
from runtime.doctor import diagnose
from runtime.editor import Editor, EditResult, open_editor
from runtime.errors import EditError, InvalidRequest
from runtime.image import read_image
from runtime.manifest import GRAPH_NAMES, Manifest
from runtime.params import EditParams, SamplerName

MINI: Final = Path(__file__).resolve().parent.parent / "models" / "mini"
_STREAM: Final = Path("-")
_EDITED: Final = "-edited"
_TOGETHER: Final = 16  # pictures that are read and edited at a time
_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")

terminal = Console(stderr=True)

JsonOption = Annotated[bool, typer.Option("--json", help="print JSON for programs")]


def _field(name: str) -> Any:
    """An option for a field of `EditParams`; left out, it is the bundle's default."""
    metadata = EditParams.__dataclass_fields__[name].metadata
    bounds = metadata.get("bounds")
    span = f" [{bounds.low:.10g}..{bounds.high:.10g}]" if bounds else ""
    return typer.Option(help=metadata["doc"] + span, show_default="the bundle's")


def edit(
    instruction: Annotated[str, typer.Argument(help='what to do, such as "make it night"')],
    images: Annotated[list[Path], typer.Argument(help="pictures, folders, or - for stdin")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="file, folder or -")] = None,
    negative_instruction: Annotated[str | None, _field("negative_instruction")] = None,
    text_guidance: Annotated[float | None, _field("text_guidance")] = None,
    image_guidance: Annotated[float | None, _field("image_guidance")] = None,
    steps: Annotated[int | None, _field("steps")] = None,
    sampler: Annotated[SamplerName | None, _field("sampler")] = None,
    seed: Annotated[int | None, _field("seed")] = None,
    max_size: Annotated[int | None, _field("max_size")] = None,
    bundle: Annotated[Path, typer.Option(help="bundle directory")] = MINI,
    backend: Annotated[str, typer.Option(help="auto, openvino, ort or fake")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or tensorrt")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16")] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Edit pictures. Without --out, the edit of a.jpg is written to a-edited.png beside it."""
    asked = {
        "negative_instruction": negative_instruction,
        "text_guidance": text_guidance,
        "image_guidance": image_guidance,
        "steps": steps,
        "sampler": sampler,
        "seed": seed,
        "max_size": max_size,
    }
    overrides = {name: value for name, value in asked.items() if value is not None}
    with _errors_told(as_json):
        jobs = _targets(images, _sources(images), out)
        opened = open_editor(bundle, backend=backend, device=device, precision=precision)
        with opened as editor:
            params = editor.params(instruction, **overrides)
            failures = _edit_all(editor, jobs, params, _tell_json if as_json else _tell)
    raise typer.Exit(1 if failures else 0)


def inspect(bundle: Annotated[Path, typer.Argument()], as_json: JsonOption = False) -> None:
    """Verify a bundle and tell what is in it."""
    with _errors_told(as_json):
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
        extras = [(e.name, ", ".join(e.missing) or "nothing", e.fix) for e in found.extras]
        _print_table(("extra", "missing", "what helps"), extras)
        for warning in found.warnings:
            terminal.print(f"[yellow]warning:[/] {warning}")
    raise typer.Exit(0 if found.chosen else 1)


Job = tuple[Path, Path]
Tell = Callable[[Job, EditResult | EditError], None]


def _sources(images: Sequence[Path]) -> list[Path]:
    """The pictures named, each folder replaced by the pictures in it."""
    found: list[Path] = []
    for path in images:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(filter(_is_input, _list(path)))
        if not inside:
            raise InvalidRequest(f"folder {path} holds no picture ({', '.join(_SUFFIXES)})")
        found += inside
    return found


def _is_input(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES and not path.stem.endswith(_EDITED)


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as exc:
        raise InvalidRequest(f"folder {folder} cannot be read: {exc}") from exc


def _targets(images: Sequence[Path], sources: Sequence[Path], out: Path | None) -> list[Job]:
    """Where the edit of each source goes.

    `--out` is a file for one picture that was named itself, else a folder. Raises `InvalidRequest`
    when edits would overwrite a source or each other.
    """
    if out is None:
        targets = [_beside(source) for source in sources]
    elif list(images) == list(sources) and len(sources) == 1 and not out.is_dir():
        targets = [out]
    else:
        _make_folder(out)
        targets = [out / f"{_stem(source)}.png" for source in sources]
    if len({_place(target) for target in targets}) < len(targets):
        raise InvalidRequest("several edits would go to one file; give the pictures other names")
    if lost := {_place(source) for source in sources} & {_place(target) for target in targets}:
        names = ", ".join(sorted(str(path) for path in lost))
        raise InvalidRequest(f"edits would overwrite {names}; name another --out")
    return list(zip(sources, targets, strict=True))


def _place(path: Path) -> Path | object:
    """What tells two paths of one file; the standard streams are never the same."""
    return object() if path == _STREAM else path.resolve()


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InvalidRequest(f"--out {out} must be a folder for several edits: {exc}") from exc


def _stem(source: Path) -> str:
    return "stdin" if source == _STREAM else source.stem


def _beside(source: Path) -> Path:
    return _STREAM if source == _STREAM else source.with_name(f"{source.stem}{_EDITED}.png")


def _edit_all(editor: Editor, jobs: Sequence[Job], params: EditParams, tell: Tell) -> int:
    """Edit every job, a group at a time; returns how many failed."""
    failures = 0
    with Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        bar = progress.add_task("editing", total=len(jobs) * params.steps)
        for start in range(0, len(jobs), _TOGETHER):
            group = jobs[start : start + _TOGETHER]
            outcomes = _edit_group(editor, group, params, lambda *_: progress.advance(bar))
            for job, outcome in zip(group, outcomes, strict=True):
                tell(job, outcome)
                failures += isinstance(outcome, EditError)
    return failures


def _edit_group(
    editor: Editor, group: Sequence[Job], params: EditParams, on_step: Callable[[int, int], None]
) -> list[EditResult | EditError]:
    """Read, edit together and write; an outcome for each job, in order."""
    outcomes: dict[Job, EditResult | EditError] = {}
    images = {}
    for job in group:
        try:
            images[job] = read_image(_read(job[0]))
        except EditError as exc:
            outcomes[job] = exc
    edits = [(image, params) for image in images.values()]
    for job, outcome in zip(images, editor.edit_many(edits, on_step=on_step), strict=True):
        outcomes[job] = outcome if isinstance(outcome, EditError) else _written(job, outcome)
    return [outcomes[job] for job in group]


def _read(source: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if source == _STREAM else source.read_bytes()
    except OSError as exc:
        raise InvalidRequest(f"{source} cannot be read: {exc}") from exc


def _written(job: Job, result: EditResult) -> EditResult | EditError:
    target = job[1]
    try:
        if target == _STREAM:
            result.image.save(sys.stdout.buffer, format="PNG")
        else:
            result.image.save(target)
    except (OSError, ValueError) as exc:  # ValueError: a suffix that Pillow does not know
        return InvalidRequest(f"{target} cannot be written: {exc}")
    return result


def _tell(job: Job, outcome: EditResult | EditError) -> None:
    source, target = job
    if isinstance(outcome, EditError):
        told = f"[red]{type(outcome).__name__}:[/] {escape(str(outcome))}"
        terminal.print(f"{escape(str(source))}: {told}", soft_wrap=True)
    else:
        seconds, seed = outcome.timings.total_s, outcome.params.seed
        terminal.print(
            escape(f"{source} -> {target} (seed {seed}, {seconds:.2f} s)"), soft_wrap=True
        )


def _tell_json(job: Job, outcome: EditResult | EditError) -> None:
    """One line; on stderr when the picture itself goes to stdout."""
    line: dict[str, Any] = {"input": str(job[0])}
    if isinstance(outcome, EditError):
        line["error"] = _error(outcome)
    else:
        line |= {"output": str(job[1]), "size": outcome.image.size, "rows": outcome.rows}
        line |= {"params": dataclasses.asdict(outcome.params)}
        line |= {"seconds": dataclasses.asdict(outcome.timings)}
    print(json.dumps(line), file=sys.stderr if job[1] == _STREAM else sys.stdout, flush=True)


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
def _errors_told(as_json: bool) -> Iterator[None]:
    """An error of ours ends the command with one line instead of a traceback."""
    try:
        yield
    except EditError as exc:
        if as_json:
            print(json.dumps({"error": _error(exc)}))
            raise typer.Exit(1) from exc
        terminal.print(f"[red]{type(exc).__name__}:[/] {escape(str(exc))}", soft_wrap=True)
        raise typer.Exit(1) from exc
