"""What a job is: as it is submitted, as it is kept, and as its result is."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image
from sqlalchemy import RowMapping

from runtime.content import Verdict
from runtime.editor import EditResult
from runtime.params import EditParams
from runtime.request import Timings
from runtime.translation import Translation
from service.answer import encode
from service.jobs.tables import Status
from service.media import PNG

_NOT_KEPT: Final = np.zeros((0, 0, 3), np.uint8)  # what was edited: no answer shows it


@dataclass(frozen=True, slots=True)
class Order:
    """A job that is to be submitted: the bytes of the picture as they came, and its edits.

    `bundle` is the digest of the manifest that the edits were resolved with, `room` the bytes that
    upload and results take at most.
    """

    upload: bytes
    edits: Sequence[EditParams]
    bundle: str
    room: int
    fingerprint: str


def fingerprint(upload: bytes, given: Iterable[str], edits: Sequence[EditParams]) -> str:
    """Digest of what was asked for: equal bodies have equal ones, as a form or as JSON.

    `given` are the parameters that the body held; what was left to the server counts for nothing,
    for a seed that is drawn differs each time.
    """
    told = {name: getattr(edits[0], name) for name in given}
    body = [hashlib.sha256(upload).hexdigest(), told, len(edits)]
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Job:
    """A line of the table. Times are in seconds since 1970.

    `position` is its place among the queued ones, from 1; `error` is the inner object of the error
    envelope.
    """

    number: int
    id: str
    status: Status
    edits: tuple[EditParams, ...]
    bundle: str
    created: float
    started: float | None
    finished: float | None
    step: int
    attempts: int
    error: Mapping[str, Any] | None
    position: int | None = None

    @property
    def steps(self) -> int:
        """Of all its edits together."""
        return sum(params.steps for params in self.edits)


_COLUMNS = tuple(spec.name for spec in dataclasses.fields(Job))


def job_of(row: RowMapping) -> Job:
    """The job of a line of the table, with its `position` where that was asked for."""
    found = {name: row[name] for name in _COLUMNS if name in row}
    edits = tuple(EditParams(**params) for params in row["edits"])
    return Job(**(found | {"status": Status(row["status"]), "edits": edits}))


def pack(result: EditResult) -> dict[str, Any]:
    """A result as columns of its table."""
    facts = {
        "ticks": result.ticks,
        "rows": result.rows,
        "timings": dataclasses.asdict(result.timings),
        "translation": result.translation and dataclasses.asdict(result.translation),
        "content": result.content and dataclasses.asdict(result.content),
    }
    return {"data": encode(result, PNG), "facts": facts}


def unpack(job: Job, row: RowMapping) -> EditResult:
    """The result that was packed into `row`, pixel for pixel."""
    facts = row["facts"]
    with Image.open(io.BytesIO(row["data"])) as image:
        return EditResult(
            image.convert("RGB"),
            _NOT_KEPT,
            job.edits[row["place"]],
            job.bundle,
            Translation(**facts["translation"]) if facts["translation"] else None,
            facts["ticks"],
            facts["rows"],
            Timings(**facts["timings"]),
            Verdict(**facts["content"]) if facts["content"] else None,
        )
