"""The face `/sweep`: fields of `/edit`, of which one or two hold several values."""

from __future__ import annotations

import base64
import typing
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from runtime.editor import EditResult
from runtime.manifest import Manifest
from runtime.params import EditParams
from service.answer import OFFERS, entry, headers
from service.face import Asked, Face, Fields, Vocabulary
from service.media import JSON, PNG
from service.reading.accept import chosen
from service.sheets.contact import Sweep, sheet
from service.sheets.grid import AXES, Axis, Grid, sweep
from service.sheets.page import encoded
from service.sheets.words import model_of, settings_of

VOCABULARY: Final = Vocabulary(
    typing.get_type_hints(EditParams),
    required=("instruction",),
    refused={"n": "is not taken: give the seeds that you want, as seed 1,2,3; leave it out"},
    several=AXES,
)


def sweep_face(served: Manifest, most: int) -> Face:
    """`most` is the bound of the edits in one call."""
    return Face(VOCABULARY, partial(ask, most), partial(answer, served))


def ask(most: int, fields: Fields, accept: str) -> Asked:
    """See `Face`."""
    return sweep(fields.values, most, chosen(accept, OFFERS))


def answer(served: Manifest, asked: Asked, results: Sequence[EditResult]) -> Response:
    """See `Face`: the contact sheet, or JSON with all pictures and the sheet."""
    first = results[0]
    grid = Grid.of([result.params for result in results])
    as_json = asked.media_type == JSON
    picture = _sheet(served, grid, results, PNG if as_json else asked.media_type)
    if not as_json:
        return Response(picture, media_type=asked.media_type, headers=headers(first))
    body = {
        "sheet": base64.b64encode(picture).decode("ascii"),
        "media_type": PNG,
        "axes": {"rows": _told(grid.rows), "columns": _told(grid.columns)},
        "images": [_cell(grid, number, result) for number, result in enumerate(results)],
    }
    return JSONResponse(body, headers=headers(first))


def _sheet(served: Manifest, grid: Grid, results: Sequence[EditResult], media_type: str) -> bytes:
    first = results[0]
    # Weights may have been replaced between two of the edits.
    models = dict.fromkeys(model_of(result.bundle, served) for result in results)
    told = settings_of(first.params, ", ".join(models), without=grid.varying)
    title = "" if "instruction" in grid.varying else first.params.instruction
    shown = Sweep(first.before, [result.image for result in results], grid, title, told)
    axes = [", ".join(axis.labels()) for axis in (grid.rows, grid.columns) if axis is not None]
    about = "; ".join(filter(None, [title, *axes, told]))
    return encoded(sheet(shown).drawn(), media_type, about)


def _told(axis: Axis | None) -> dict[str, Any] | None:
    return None if axis is None else {"field": axis.field, "values": list(axis.values)}


def _cell(grid: Grid, number: int, result: EditResult) -> dict[str, Any]:
    row, column = grid.place(number)
    axes = {name: getattr(result.params, name) for name in AXES}
    return {"row": row, "column": column, **axes, **entry(result)}
