"""A recipe: every choice of a training run, in one TOML file with closed keys."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

Device = Literal["cpu", "cuda"]


class RecipeError(Exception):
    """A recipe that cannot be used. The message names the file, the key and what to do."""


@dataclass(frozen=True, slots=True)
class AutoencoderRecipe:
    """``batch`` counts over all processes; every ``large_every``-th step uses a quarter of it at
    twice the ``size``. ``decoder_minutes`` more go to the decoder alone, without the noise."""

    seed: int = 1
    size: int = 128
    batch: int = 16
    width: int = 32
    encoder_blocks: tuple[int, ...] = (0, 2, 4)
    decoder_blocks: tuple[int, ...] = (5, 2, 1)
    latent_channels: int = 8
    latent_noise: float = 0.03
    large_every: int = 8
    learning_rate: float = 1.2e-3
    minutes: float = 60.0
    decoder_minutes: float = 20.0


@dataclass(frozen=True, slots=True)
class TextRecipe:
    """The text encoder and its tokenizer."""

    width: int = 192
    layers: int = 4
    heads: int = 4
    length: int = 40
    merges: int = 3000


@dataclass(frozen=True, slots=True)
class ClipRecipe:
    """The contrastive pair of towers: where the text encoder starts, and a judge of edits."""

    seed: int = 4
    size: int = 128
    patch: int = 16
    width: int = 192
    layers: int = 4
    heads: int = 4
    batch: int = 64
    learning_rate: float = 1e-3
    minutes: float = 20.0


@dataclass(frozen=True, slots=True)
class UNetRecipe:
    """``batch`` counts over all processes. Every ``large_every``-th step uses a quarter of it at
    twice the ``size`` (0: never). ``chinese`` is the share of Chinese instructions;
    pairs about objects come ``objects`` times as often as their odds say; ``start`` is a checkpoint
    to begin with in place of fresh weights. On ``device`` "cuda" one process trains, compiled, and
    ``processes`` of the recipe draw for it."""

    seed: int = 3
    size: int = 128
    widths: tuple[int, ...] = (64, 128, 256)
    attention: tuple[bool, ...] = (False, True, True)
    heads: int = 4
    groups: int = 16
    batch: int = 48
    learning_rate: float = 8e-4
    minutes: float = 80.0
    dropout: float = 0.05
    chinese: float = 0.4
    objects: float = 1.0
    large_every: int = 8
    start: Path | None = None
    device: Device = "cpu"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole run, from pictures to checkpoint. ``runs`` holds what training needs to resume;
    without ``styles`` the edits that a fetched network paints are left out."""

    photos: Path = Path("photos")
    cutouts: Path = Path("cutouts")
    runs: Path = Path("runs/mini")
    processes: int = 2
    bf16: bool = True
    styles: bool = True
    autoencoder: AutoencoderRecipe = field(default_factory=AutoencoderRecipe)
    text: TextRecipe = field(default_factory=TextRecipe)
    clip: ClipRecipe = field(default_factory=ClipRecipe)
    unet: UNetRecipe = field(default_factory=UNetRecipe)


def with_minutes(
    recipe: Recipe, stage: Literal["autoencoder", "decoder", "clip", "unet"], minutes: float | None
) -> Recipe:
    """The recipe with another time budget for a stage; itself without one."""
    if minutes is None:
        return recipe
    match stage:
        case "autoencoder":
            return replace(recipe, autoencoder=replace(recipe.autoencoder, minutes=minutes))
        case "decoder":
            changed = replace(recipe.autoencoder, decoder_minutes=minutes)
            return replace(recipe, autoencoder=changed)
        case "clip":
            return replace(recipe, clip=replace(recipe.clip, minutes=minutes))
        case "unet":
            return replace(recipe, unet=replace(recipe.unet, minutes=minutes))


def load(path: Path) -> Recipe:
    """Reads a recipe. Raises ``RecipeError`` for bad TOML, unknown keys and values of a wrong
    type; keys that are left out keep their defaults."""
    try:
        table = tomllib.loads(path.read_text())
    except OSError as exc:
        raise RecipeError(f"cannot read recipe {path}: {exc.strerror}") from exc
    except tomllib.TOMLDecodeError as exc:
        raise RecipeError(f"recipe {path} is not valid TOML: {exc}") from exc
    result = _build(Recipe, table, str(path))
    assert isinstance(result, Recipe)
    return result


def _build(kind: type, table: dict[str, Any], where: str) -> object:
    hints = get_type_hints(kind)
    known = {item.name for item in fields(kind)}
    if unknown := sorted(set(table) - known):
        raise RecipeError(f"{where}: unknown key {unknown[0]!r}; known are {sorted(known)}")
    return kind(**{key: _value(hints[key], table[key], f"{where}: {key}") for key in table})


def _value(hint: Any, value: Any, where: str) -> object:
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise RecipeError(f"{where} must be a table, not {value!r}")
        return _build(hint, value, where)  # type: ignore[arg-type]
    if hint in (Path, Path | None) and isinstance(value, str):
        return Path(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list):
        return tuple(value)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise RecipeError(f"{where} must be one of {', '.join(get_args(hint))}, not {value!r}")
        return value
    if type(value) is not hint:
        raise RecipeError(f"{where} must be of type {hint.__name__}, not {value!r}")
    return value
