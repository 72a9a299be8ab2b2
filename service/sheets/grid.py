"""The grid of a sweep: which fields vary, and which edit stands in which row and column."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from runtime.errors import InvalidRequest
from runtime.params import EditParams
from service.face import Asked

AXES: Final = ("instruction", "text_guidance", "image_guidance", "seed")
"""Fields that may vary. Of two, the one named first here goes down the rows."""

_NAMES: Final = {"text_guidance": "s_T", "image_guidance": "s_I", "seed": "seed"}


@dataclass(frozen=True, slots=True)
class Axis:
    """A field that varies, and its values in the order asked for."""

    field: str
    values: tuple[Any, ...]

    def labels(self) -> list[str]:
        return [label(self.field, value) for value in self.values]


@dataclass(frozen=True, slots=True)
class Grid:
    """Edits row by row. A sweep of one field has one row, and `rows` is None."""

    rows: Axis | None
    columns: Axis

    @classmethod
    def of(cls, edits: Sequence[EditParams]) -> Grid:
        """The grid of a sweep's edits."""
        found = {name: tuple(dict.fromkeys(getattr(p, name) for p in edits)) for name in AXES}
        axes = [Axis(name, values) for name, values in found.items() if len(values) > 1]
        *rows, columns = axes
        return cls(rows[0] if rows else None, columns)

    @property
    def varying(self) -> tuple[str, ...]:
        axes = (self.rows, self.columns)
        return tuple(axis.field for axis in axes if axis is not None)

    def place(self, number: int) -> tuple[int, int]:
        """Row and column of an edit, from 0."""
        return divmod(number, len(self.columns.values))


def label(field: str, value: Any) -> str:
    """A value in plain words: `s_T 7.5`, `seed 7`; an instruction as it is."""
    shown = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{_NAMES[field]} {shown}" if field in _NAMES else shown


def sweep(values: Mapping[str, Any], most: int, media_type: str) -> Asked:
    """The edits of every combination of the fields in `values` that hold several.

    Raises `InvalidRequest` when no field does or more than two do, or when that makes more than
    `most` edits; `Asked.edits` does for a value that is given twice.
    """
    given = {name: values[name] for name in AXES if name in values}
    varying = {name: several for name, several in given.items() if len(several) > 1}
    _check_axes(varying, most)
    base = {**values, **{name: several[0] for name, several in given.items()}}
    return Asked(base, media_type, partial(_combined, varying))


def _check_axes(varying: Mapping[str, Sequence[Any]], most: int) -> None:
    if not varying:
        raise InvalidRequest(
            f"each of {', '.join(AXES)} has one value; give several of one or two of them, "
            "or ask /edit"
        )
    if len(varying) > 2:
        raise InvalidRequest(
            f"{', '.join(varying)} have several values each; give one of all but two of them"
        )
    count = math.prod(map(len, varying.values()))
    if count > most:
        told = " and ".join(
            f"{name} has {len(several)} values" for name, several in varying.items()
        )
        raise InvalidRequest(f"{told}, which makes {count} edits; give values for at most {most}")


def _combined(varying: Mapping[str, Sequence[Any]], params: EditParams) -> list[EditParams]:
    """The last field varies fastest."""
    for name, several in varying.items():
        edits = [dataclasses.replace(params, **{name: value}) for value in several]
        if len(set(edits)) < len(edits):
            raise InvalidRequest(f"{name} holds a value twice; give each of them once")
    return [
        dataclasses.replace(params, **dict(zip(varying, combination, strict=True)))
        for combination in itertools.product(*varying.values())
    ]
