"""`retouch train …`: pictures to checkpoint. Imports torch only when it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import track

from train import recipe as recipes

if TYPE_CHECKING:
    from train.evaluate import Critic, Studios
    from train.suites import Size, Split

app = typer.Typer(help="Train the embedded model: pictures to checkpoint.", no_args_is_help=True)

RecipeFile = Annotated[Path, typer.Argument(help="Recipe, e.g. train/recipes/mini.toml")]
Minutes = Annotated[float | None, typer.Option(help="Time budget in place of the recipe's")]
MINI = Path("train/recipes/mini.toml")
Checkpoint = Annotated[Path, typer.Argument(help="A checkpoint directory")]
RecipeOption = Annotated[Path, typer.Option(help="Recipe that names pictures and the small CLIP")]
SizeOption = Annotated[str, typer.Option(help="Pixels: 128, or 160x112 (width by height)")]


def _recipe(path: Path) -> recipes.Recipe:
    try:
        return recipes.load(path)
    except recipes.RecipeError as exc:
        raise typer.BadParameter(str(exc)) from exc


def _size(text: str, largest: int | None = None) -> Size:
    from train.suites import parse_size

    try:
        return parse_size(text, largest)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


def _studios(recipe: recipes.Recipe, splits: Sequence[Split], size: Size) -> Studios:
    from train.cutouts import CutoutError
    from train.evaluate import open_studios
    from train.photos import PhotoError
    from train.styles import StyleError

    try:
        return open_studios(recipe, splits, size)
    except (CutoutError, PhotoError, StyleError) as exc:
        raise typer.BadParameter(str(exc)) from exc


def _critics(recipe: recipes.Recipe) -> list[Critic]:
    from train.finder import open_finder, seeker
    from train.judge import open_judge

    critics = [seeker(open_finder(recipe))]
    if judge := open_judge(recipe):
        return [*critics, judge]
    typer.echo(f"no small CLIP in {recipe.runs / 'clip'}: its columns stay empty", err=True)
    return critics


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
def decoder(recipe: RecipeFile, minutes: Minutes = None) -> None:
    """Go on with the decoder alone; what was trained on the latents stays valid."""
    from train import stages

    chosen = recipes.with_minutes(_recipe(recipe), "decoder", minutes)
    stages.train_decoder(chosen)
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
    try:
        stages.train_unet(chosen)
    except recipes.RecipeError as exc:
        raise typer.BadParameter(str(exc)) from exc
    typer.echo(f"checkpoint in {chosen.runs / 'checkpoint'}")


@app.command("all")
def all_stages(recipe: RecipeFile) -> None:
    """Everything from nothing: data, autoencoder, small CLIP, UNet, checkpoint."""
    data(recipe)
    autoencoder(recipe)
    decoder(recipe)
    clip(recipe)
    unet(recipe)


@app.command()
def sweep(
    checkpoint: Checkpoint,
    recipe: RecipeOption = MINI,
    size: SizeOption = "128",
    per_kind: Annotated[int, typer.Option(min=1, help="Cases of each kind")] = 8,
    out: Annotated[Path | None, typer.Option(help="File for the outcomes, as JSON")] = None,
    write: Annotated[bool, typer.Option(help="Make the best the checkpoint's defaults")] = False,
) -> None:
    """Measure steps, samplers and guidance on cases of their own: which defaults serve best?"""
    from train import sweep as search
    from train.evaluate import Sample
    from train.forks import in_forks, one_thread
    from train.sampling import Settings, load_pipeline
    from train.suites import BASE

    one_thread()
    chosen, pixels = _recipe(recipe), _size(size)
    (studio,) = _studios(chosen, [BASE], pixels).values()
    sample = Sample(pixels, per_kind, search.SEED)
    calibration = search.Calibration(load_pipeline(checkpoint), studio, sample)

    def measure(wanted: Sequence[Settings]) -> Iterator[search.Outcome]:
        for outcome in in_forks(calibration.measure, wanted, chosen.processes):
            typer.echo(search.line(outcome))
            yield outcome

    # Training sees pictures of its size, and of twice that.
    found = search.sweep(measure, Settings(max_size=2 * chosen.unet.size))
    typer.echo(search.summary(found))
    if out is not None:
        out.write_text(search.to_json(found), "utf-8")
    if write:
        found.best.save(checkpoint)


@app.command()
def evaluate(
    checkpoint: Checkpoint,
    out: Annotated[Path, typer.Option(help="Folder for the report")],
    suite: Annotated[str, typer.Option(help="Which splits: mini (all) or base")] = "mini",
    recipe: RecipeOption = MINI,
    size: SizeOption = "128",
    per_kind: Annotated[int, typer.Option(min=1, help="Cases of each kind and split")] = 50,
) -> None:
    """Score every kind of edit on pictures and words that training has not seen, at the
    checkpoint's own defaults. Leaves table.md, scores.json, sheet.html and sheet.jpg."""
    from train import report
    from train.evaluate import Evaluation, Sample
    from train.forks import in_forks, one_thread
    from train.sampling import SettingsError, load_pipeline, load_settings
    from train.suites import SUITES

    if suite not in SUITES:
        raise typer.BadParameter(f"suite {suite!r} is unknown: use one of {', '.join(SUITES)}")
    try:
        settings = load_settings(checkpoint)
    except SettingsError as exc:
        raise typer.BadParameter(str(exc)) from exc
    one_thread()
    chosen, splits = _recipe(recipe), SUITES[suite]
    sample = Sample(_size(size, settings.max_size), per_kind)
    studios = _studios(chosen, splits, sample.size)
    pipeline = load_pipeline(checkpoint)
    asked = Evaluation(pipeline, settings, studios, splits, sample, _critics(chosen))
    parts = asked.parts()
    found = in_forks(asked.judge, parts, chosen.processes)
    collected = report.collect(track(found, description="kinds", total=len(parts)))
    typer.echo(report.markdown(report.write_report(out, collected, settings, sample)))
