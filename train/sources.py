"""Everything that training reads, fetched once."""

from __future__ import annotations

from train import cutouts, photos, styles
from train.cutouts import CutoutError
from train.packages import PackageError
from train.photos import PhotoError
from train.recipe import Recipe
from train.styles import StyleError


class SourceError(Exception):
    """A source could not be fetched. The message says what to do."""


def fetch(recipe: Recipe) -> None:
    """Fetches photographs, styles and cut-outs into the recipe's folders, as far as they are
    missing. Raises ``SourceError``."""
    try:
        if not (recipe.photos / "sources.json").exists():
            photos.fetch(recipe.photos)
        if recipe.styles and not (recipe.photos / "styles").exists():
            styles.fetch(recipe.photos / "styles")
        if not (recipe.cutouts / "sources.json").exists():
            cutouts.fetch(recipe.cutouts)
    except (CutoutError, PackageError, PhotoError, StyleError) as exc:
        raise SourceError(str(exc)) from exc
