"""The command `retouch edit`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from PIL import Image
from rich.markup import escape
from rich.progress import Progress

from runtime.cli.outcomes import Tell, json_stream, teller
from runtime.cli.printing import (
    MINI,
    BackendOption,
    CudaGraphsOption,
    DeviceOption,
    GpuMemoryOption,
    JsonOption,
    PrecisionOption,
    errors_told,
    terminal,
)
from runtime.editor import Editor, EditResult, open_editor
from runtime.errors import EditError
from runtime.files import FilePair, bytes_of, paired
from runtime.nvidia.options import GpuOptions
from runtime.params import EditParams, SamplerName
from runtime.progress import OnStep
from runtime.provenance import read_provenance

_TOGETHER: Final = 16  # pictures that are read and edited at a time


def _field(name: str) -> Any:
    """An option for a field of `EditParams`; left out, it is the bundle's default."""
    metadata = EditParams.__dataclass_fields__[name].metadata
    bounds = metadata.get("bounds")
    span = f" [{bounds.low:.10g}..{bounds.high:.10g}]" if bounds else ""
    return typer.Option(help=metadata["doc"] + span, show_default="the bundle's")


InstructionArgument = Annotated[
    str | None, typer.Argument(help='what to do, such as "make it night"')
]
ImagesArgument = Annotated[
    list[Path] | None, typer.Argument(help="pictures, folders, or - for stdin")
]
AgainOption = Annotated[
    Path | None, typer.Option(exists=True, help="a result, whose edit is repeated")
]
ImageOption = Annotated[
    Path | None, typer.Option("-i", "--image", help="with --again: the picture to repeat it on")
]
TranslatorOption = Annotated[
    Path | None,
    typer.Option(envvar="RETOUCH_TRANSLATOR", help="model directory for Chinese; else rules"),
]


def edit(
    instruction: InstructionArgument = None,
    images: ImagesArgument = None,
    again: AgainOption = None,
    image: ImageOption = None,
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
    backend: BackendOption = "auto",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    cuda_graphs: CudaGraphsOption = False,
    gpu_memory: GpuMemoryOption = 0,
    translator: TranslatorOption = None,
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
    _check_usage(instruction, images, again, image)
    fields = {
        "negative_instruction": negative_instruction,
        "text_guidance": text_guidance,
        "image_guidance": image_guidance,
        "guidance_rescale": guidance_rescale,
        "steps": steps,
        "sampler": sampler,
        "seed": seed,
        "max_size": max_size,
    }
    asked = {name: value for name, value in fields.items() if value is not None}
    pictures = images or [path for path in (image or again,) if path]
    lines = json_stream(pictures, out) if as_json else None
    with errors_told(lines):
        record = read_provenance(bytes_of(again)) if again else None
        told = record.asked() if record else {"instruction": instruction}
        pairs = paired(pictures, out, force)
        opened = open_editor(
            bundle,
            backend=backend,
            device=device,
            precision=precision,
            gpu=GpuOptions(cuda_graphs, gpu_memory * 2**20),
            translator=translator,
        )
        with opened as editor:
            params = editor.params(**(told | asked))
            if record and record.bundle != editor.manifest.digest() and lines is None:
                terminal.print(f"[yellow]warning:[/] {escape(str(again))} is of another bundle")
            failures = _edit_all(editor, pairs, params, teller(lines))
    raise typer.Exit(1 if failures else 0)


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


def _edit_all(editor: Editor, pairs: Sequence[FilePair], params: EditParams, tell: Tell) -> int:
    """Edit every pair, a group at a time; returns how many failed."""
    failures = 0
    with Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        bar = progress.add_task("editing", total=len(pairs) * params.steps)
        for start in range(0, len(pairs), _TOGETHER):
            group = pairs[start : start + _TOGETHER]
            outcomes = _edit_group(editor, group, params, lambda _: progress.advance(bar))
            for pair, outcome in zip(group, outcomes, strict=True):
                tell(pair, outcome)
                failures += isinstance(outcome, EditError)
    return failures


def _edit_group(
    editor: Editor, group: Sequence[FilePair], params: EditParams, on_step: OnStep
) -> list[EditResult | EditError]:
    """Read, edit together and write; an outcome for each pair, in order."""
    outcomes: dict[FilePair, EditResult | EditError] = {}
    read: list[FilePair] = []

    def edits() -> Iterator[tuple[Image.Image, EditParams]]:
        """One picture at a time, for a large one takes memory until it is brought to its size."""
        for pair in group:
            try:
                picture = pair.read()
            except EditError as exc:
                outcomes[pair] = exc
                continue
            read.append(pair)
            yield picture, params

    for pair, outcome in zip(read, editor.edit_many(edits(), on_step=on_step), strict=True):
        outcomes[pair] = _written(pair, outcome)
    return [outcomes[pair] for pair in group]


def _written(pair: FilePair, outcome: EditResult | EditError) -> EditResult | EditError:
    try:
        if not isinstance(outcome, EditError):
            pair.write(outcome)
    except EditError as exc:
        return exc
    return outcome
