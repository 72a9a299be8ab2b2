"""`retouch train …`: pictures to checkpoint. Imports torch only when it runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import track

from train import recipe as recipes

if TYPE_CHECKING:
    from train.photos import Photo

app = typer.Typer(help="Train the embedded model: pictures to checkpoint.", no_args_is_help=True)

RecipeFile = Annotated[Path, typer.Argument(help="Recipe, e.g. train/recipes/mini.toml")]
Minutes = Annotated[float | None, typer.Option(help="Time budget in place of the recipe's")]
Photos = Annotated[Path, typer.Option(help="Folder made by `retouch train photos`")]


def _recipe(path: Path) -> recipes.Recipe:
    try:
        return recipes.load(path)
    except recipes.RecipeError as exc:
        raise typer.BadParameter(str(exc)) from exc


def _held_out(folder: Path, size: int) -> list[Photo]:
    from train import photos as sources

    try:
        return sources.load(folder, "held_out", 2 * size)
    except sources.PhotoError as exc:
        raise typer.BadParameter(str(exc)) from exc


def _defaults(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint / "edit_defaults.json"
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise typer.BadParameter(f"{path} cannot be read: {exc}; write the defaults there") from exc
    return values


@app.command()
def data(recipe: RecipeFile) -> None:
    """Fetch what is missing: photographs, the painted styles' network, cut-outs. Each folder gets
    a sources.json with the licences."""
    from train import sources

    try:
        sources.fetch(_recipe(recipe))
    except sources.SourceError as exc:
        typer.echo(f"error: {exc}", err=True)
        raise typer.Exit(1) from exc


@app.command()
def autoencoder(recipe: RecipeFile, minutes: Minutes = None) -> None:
    """Train the autoencoder; run again to go on after an interruption."""
    from train import stages

    chosen = recipes.with_minutes(_recipe(recipe), "autoencoder", minutes)
    stages.train_autoencoder(chosen)
    for size in (chosen.autoencoder.size, 2 * chosen.autoencoder.size):
        typer.echo(f"held-out photos, {size} px: {stages.autoencoder_psnr(chosen, size):.2f} dB")


@app.command()
def clip(recipe: RecipeFile, minutes: Minutes = None) -> None:
    """Train the small CLIP: the text encoder's start, and a judge of edits."""
    from train import stages

    stages.train_clip(recipes.with_minutes(_recipe(recipe), "clip", minutes))


@app.command()
def unet(recipe: RecipeFile, minutes: Minutes = None) -> None:
    """Train UNet and text encoder; run again to go on after an interruption."""
    from train import stages

    chosen = recipes.with_minutes(_recipe(recipe), "unet", minutes)
    stages.train_unet(chosen)
    typer.echo(f"checkpoint in {chosen.runs / 'checkpoint'}")


@app.command("all")
def all_stages(recipe: RecipeFile) -> None:
    """Everything from nothing: data, autoencoder, small CLIP, UNet, checkpoint."""
    data(recipe)
    autoencoder(recipe)
    clip(recipe)
    unet(recipe)


@app.command()
def sweep(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint directory")],
    photos: Photos = Path("photos"),
    size: int = 128,
) -> None:
    """Measure some edits over guidance, steps and samplers: which defaults serve best?"""
    from train import evaluate as judge
    from train.edits import EDIT_BY_NAME

    pipeline = judge.load_pipeline(checkpoint)
    edits = [EDIT_BY_NAME[name] for name in judge.SWEEP_EDITS]
    # Half of the photos are enough to choose by.
    todo = judge.cases(_held_out(photos, size)[::2], size, edits=edits)
    for settings in track(judge.SWEEP_GRID, description="settings"):
        rows = {row["kind"]: row for row in judge.by_kind(judge.evaluate(pipeline, todo, settings))}
        found = {"mean": rows["all"]["out"], "halves": rows["all"]["halves"]}
        typer.echo(json.dumps({**asdict(settings), **found, "keep": rows["keep"]["out"]}))


@app.command()
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint directory")],
    out: Annotated[Path, typer.Option(help="Folder for scores.json and sheet.png")],
    photos: Photos = Path("photos"),
    size: int = 128,
    seen_wordings: Annotated[bool, typer.Option(help="Use wordings of training")] = False,
) -> None:
    """Score every edit on held-out photos and wordings, at the checkpoint's own defaults."""
    from train import evaluate as judge

    pipeline = judge.load_pipeline(checkpoint)
    own = _defaults(checkpoint)
    settings = judge.Settings(**{name: own[name] for name in judge.Settings.__slots__})
    pictures = _held_out(photos, size)
    todo = judge.cases(pictures, size, held_out=not seen_wordings)
    outputs = judge.edit_all(pipeline, todo, settings)
    scores = [judge.score(pipeline, *pair) for pair in zip(todo, outputs, strict=True)]
    rows = judge.by_kind(scores)
    out.mkdir(parents=True, exist_ok=True)
    judge.save(out / "scores.json", settings, size, rows)
    per_photo = len(todo) // len(pictures)
    # Every edit once, walking through the photos.
    shown = [(i % len(pictures)) * per_photo + i for i in range(per_photo)]
    page = judge.sheet([todo[i] for i in shown], [outputs[i] for i in shown], columns=4)
    page.save(out / "sheet.png")
    typer.echo(judge.table(rows))
