"""`retouch train …`: photos, autoencoder, unet, sweep, evaluate."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from train import evaluate as judge
from train import photos as sources
from train import recipe as recipes
from train import stages
from train.edits import EDIT_BY_NAME

app = typer.Typer(help="Train the embedded model: photos to checkpoint.", no_args_is_help=True)

RecipeFile = Annotated[Path, typer.Argument(help="Recipe, e.g. train/recipes/mini.toml")]
Minutes = Annotated[float | None, typer.Option(help="Time budget in place of the recipe's")]
Photos = Annotated[Path, typer.Option(help="Folder made by `retouch train photos`")]

_SWEEP_EDITS = (
    "black_and_white",
    "night",
    "sunset",
    "invert",
    "fog",
    "sketch",
    "tint-blue",
    "keep",
)
_GRID = (
    *(judge.Settings(text, 1.0, 8) for text in (1.0, 1.25, 1.5, 2.0)),
    judge.Settings(1.25, 1.3, 8),
    *(judge.Settings(1.25, 1.0, steps) for steps in (4, 6, 12, 20)),
    *(judge.Settings(1.25, 1.0, 8, sampler) for sampler in ("euler", "dpmpp_2m")),
)


def _recipe(path: Path) -> recipes.Recipe:
    try:
        return recipes.load(path)
    except recipes.RecipeError as exc:
        raise typer.BadParameter(str(exc)) from exc


def _held_out(folder: Path, size: int) -> list[sources.Photo]:
    try:
        return sources.load(folder, "held_out", 2 * size)
    except sources.PhotoError as exc:
        raise typer.BadParameter(str(exc)) from exc


@app.command()
def photos(folder: Annotated[Path, typer.Argument(help="Where the pictures go")]) -> None:
    """Fetch the photographs, with their licences in sources.json."""
    try:
        records = sources.fetch(folder)
    except sources.PhotoError as exc:
        typer.echo(f"error: {exc}", err=True)
        raise typer.Exit(1) from exc
    held_out = sum(record["split"] == "held_out" for record in records)
    typer.echo(f"{len(records)} photos in {folder}, {held_out} of them held out")


@app.command()
def autoencoder(recipe: RecipeFile, minutes: Minutes = None) -> None:
    """Train the autoencoder; run again to go on after an interruption."""
    chosen = _recipe(recipe)
    stages.train_autoencoder(chosen, minutes)
    for size in (chosen.autoencoder.size, 2 * chosen.autoencoder.size):
        typer.echo(f"held-out photos, {size} px: {stages.autoencoder_psnr(chosen, size):.2f} dB")


@app.command()
def unet(recipe: RecipeFile, minutes: Minutes = None) -> None:
    """Train UNet and text encoder; run again to go on after an interruption."""
    chosen = _recipe(recipe)
    stages.train_unet(chosen, minutes)
    typer.echo(f"checkpoint in {chosen.runs / 'checkpoint'}")


@app.command()
def sweep(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint directory")],
    photos: Photos = Path("photos"),
    size: int = 128,
) -> None:
    """Measure some edits over guidance, steps and samplers: which defaults serve best?"""
    pipeline = judge.load_pipeline(checkpoint)
    edits = [EDIT_BY_NAME[name] for name in _SWEEP_EDITS]
    # Half of the photos are enough to choose by.
    todo = judge.cases(_held_out(photos, size)[::2], size, edits=edits)
    for settings in track(_GRID, description="settings"):
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
    pipeline = judge.load_pipeline(checkpoint)
    settings = judge.Settings(**json.loads((checkpoint / "edit_defaults.json").read_text()))
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
