"""A recipe: every choice of a training run, in one TOML file with closed keys."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints


class RecipeError(Exception):
    """A recipe that cannot be used. The message names the file, the key and what to do."""


@dataclass(frozen=True, slots=True)
class AutoencoderRecipe:
    """``batch`` counts over all processes; every ``large_every``-th step uses a quarter of it at
    twice the ``size``."""

    seed: int = 1
    size: int = 128
    batch: int = 8
    widths: tuple[int, ...] = (16, 48, 64)
    latent_channels: int = 8
    latent_noise: float = 0.05
    large_every: int = 8
    learning_rate: float = 1.2e-3
    minutes: float = 12.0
    bf16: bool = True


@dataclass(frozen=True, slots=True)
class TextRecipe:
    """The text encoder, trained with the UNet, and its vocabulary."""

    width: int = 192
    layers: int = 4
    heads: int = 4
    length: int = 32
    merges: int = 2000


@dataclass(frozen=True, slots=True)
class PoolRecipe:
    """Latents computed before the UNet trains: ``crops`` pictures, each with ``edits`` edits."""

    size: int = 128
    crops: int = 5500
    edits: int = 4
    seed: int = 2


@dataclass(frozen=True, slots=True)
class UNetRecipe:
    """``batch`` counts over all processes. ``large_share`` of the time is spent at twice the
    size with a quarter of the batch."""

    seed: int = 3
    widths: tuple[int, ...] = (64, 96, 160, 160)
    attention: tuple[bool, ...] = (False, False, True, True)
    heads: int = 4
    batch: int = 16
    learning_rate: float = 6e-4
    minutes: float = 80.0
    dropout: float = 0.05
    large_share: float = 0.2
    bf16: bool = True


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole run, from photos to checkpoint. ``runs`` holds what training needs to resume."""

    photos: Path = Path("photos")
    runs: Path = Path("runs/mini")
    processes: int = 2
    autoencoder: AutoencoderRecipe = field(default_factory=AutoencoderRecipe)
    text: TextRecipe = field(default_factory=TextRecipe)
    pool: PoolRecipe = field(default_factory=PoolRecipe)
    large_pool: PoolRecipe = field(default_factory=lambda: PoolRecipe(256, 400, 4, 5))
    unet: UNetRecipe = field(default_factory=UNetRecipe)


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
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list):
        return tuple(value)
    if type(value) is not hint:
        raise RecipeError(f"{where} must be of type {hint.__name__}, not {value!r}")
    return value
