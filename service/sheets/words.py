"""What a sheet says about edits in small letters."""

from __future__ import annotations

from typing import Final

from runtime.manifest import Manifest
from runtime.params import EditParams
from service.sheets.grid import label

_DOT: Final = " · "


def settings_of(params: EditParams, model: str, without: tuple[str, ...] = ()) -> str:
    """Model, seed, scales and steps in a line, but for the fields `without`."""
    varied = ("text_guidance", "image_guidance", "seed")
    parts = [label(name, getattr(params, name)) for name in varied if name not in without]
    steps = f"{params.steps} step{'s' if params.steps > 1 else ''} {params.sampler}"
    return _DOT.join([*parts, steps, model])


def model_of(bundle: str, served: Manifest) -> str:
    """The name of the model that made a picture, or the beginning of its digest when that is not
    the one served."""
    return served.name if bundle == served.digest() else f"model {bundle:.12}"


def is_chinese(words: str) -> bool:
    """Whether what stands beside the words is to be in Chinese too."""
    return any("\u4e00" <= char <= "\u9fff" for char in words)
