"""The shapes that an engine is built for: rows of a tick and sides of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from export.errors import EngineError
from runtime.manifest import GraphName, Model, Port
from runtime.ports import ports_of

_BRANCHES: Final = 3  # rows of a request at the usual scales; peers assume 2
_MAX_ROWS: Final = 96
_MAX_SIDE: Final = 2048

Dims = tuple[int, ...]
Axis = Literal["B", "R", "T", "L", "h", "w", "H", "W"]


@dataclass(frozen=True, slots=True)
class Range:
    """Least, usual and greatest size of something."""

    least: int
    usual: int
    most: int

    def __str__(self) -> str:
        return f"{self.least}:{self.usual}:{self.most}"


@dataclass(frozen=True, slots=True)
class Shapes:
    """`rows` of a tick and `side`, in pixels, of a picture's height and of its width."""

    rows: Range = Range(1, 3, 12)
    side: Range = Range(256, 512, 768)

    def check(self, model: Model) -> None:
        """Raises `EngineError` for ranges that no engine of `model` can have."""
        _check_range("rows", self.rows, 1, _MAX_ROWS)
        _check_range("side", self.side, model.size_multiple, _MAX_SIDE)
        for size in (self.side.least, self.side.usual, self.side.most):
            if size % model.size_multiple:
                raise EngineError(
                    f"side {size} is no multiple of {model.size_multiple}, as pictures of this "
                    f"model are; give {size - size % model.size_multiple}"
                )


@dataclass(frozen=True, slots=True)
class Profile:
    """Bounds of one input, and the shape that the engine is tuned for."""

    least: Dims
    usual: Dims
    most: Dims


def parse_range(text: str) -> Range:
    """A range as written on the command line, "LEAST:USUAL:MOST". Raises `EngineError`."""
    try:
        least, usual, most = (int(part) for part in text.split(":"))
    except ValueError:
        raise EngineError(f"{text!r} is no range; write LEAST:USUAL:MOST, as 1:3:12") from None
    return Range(least, usual, most)


def profiles_of(
    graph: GraphName, model: Model, text_length: int, shapes: Shapes
) -> dict[str, Profile]:
    """Bounds of every input of a graph. Pictures and texts are encoded one at a time; the requests
    and the texts of a tick are as many as its rows at most."""
    sizes = _axes(graph, model, text_length, shapes)
    return {port.name: _profile(port, sizes) for port in ports_of(model)[graph].inputs}


def _axes(graph: GraphName, model: Model, text_length: int, shapes: Shapes) -> Mapping[str, Range]:
    rows, side = shapes.rows, shapes.side
    one = Range(1, 1, 1)
    requests = Range(1, -(-rows.usual // _BRANCHES), rows.most)
    texts = Range(1, min(rows.usual, 2 * requests.usual), rows.most)
    latent = Range(*(size // model.downscale for size in (side.least, side.usual, side.most)))
    in_tick = graph == "tick"
    return {
        "B": requests if in_tick else one,
        "R": rows,
        "T": texts if in_tick else one,
        "L": Range(text_length, text_length, text_length),
        **dict.fromkeys(("h", "w"), latent),
        **dict.fromkeys(("H", "W"), side),
    }


def _profile(port: Port, sizes: Mapping[str, Range]) -> Profile:
    axes = [sizes[axis] if isinstance(axis, str) else Range(*[axis] * 3) for axis in port.shape]
    return Profile(
        tuple(axis.least for axis in axes),
        tuple(axis.usual for axis in axes),
        tuple(axis.most for axis in axes),
    )


def _check_range(name: str, given: Range, low: int, high: int) -> None:
    if not low <= given.least <= given.usual <= given.most <= high:
        raise EngineError(
            f"{name} {given} does not rise within [{low}, {high}]; give LEAST:USUAL:MOST"
        )
