"""Jobs in HTTP's words: what a submission takes, and what is told of a job."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request

from runtime.errors import InvalidRequest
from service.edit import EDIT
from service.face import Asked, Fields, variations
from service.guard.admission import CALLER
from service.jobs.job import Job
from service.jobs.tables import Status
from service.media import JSON

PATH: Final = "/jobs"
KEY: Final = "Idempotency-Key"
MOST_LISTED: Final = 100
LISTED: Final = 20
_KEY: Final = re.compile(r"[ -~]{1,255}", re.ASCII)
_MOST: Final = 999_999_999
_WHOLE: Final = re.compile(r"\d{1,9}", re.ASCII)


def _ask(fields: Fields, accept: str) -> Asked:
    """See `Face`. The answer is JSON, whatever is accepted; the picture's type is chosen later."""
    return Asked(fields.values, JSON, variations(fields.n))


JOB: Final = dataclasses.replace(EDIT, ask=_ask)


def told(job: Job, keep: float) -> dict[str, Any]:
    """A job as JSON; its result is kept for `keep` seconds."""
    first = job.edits[0]
    params = dataclasses.asdict(first)
    ended = job.finished if job.status is Status.DONE else None
    return {
        "id": job.id,
        "status": job.status,
        "seeds": [params.seed for params in job.edits],
        "params": {name: value for name, value in params.items() if name != "seed"},
        "bundle": job.bundle,
        "created": _iso(job.created),
        "started": _iso(job.started),
        "finished": _iso(job.finished),
        "expires": _iso(ended and ended + keep),
        "position": job.position,
        "progress": {"step": job.step, "steps": job.steps},
        "attempts": job.attempts,
        "error": job.error,
        "url": f"{PATH}/{job.id}",
        "result_url": f"{PATH}/{job.id}/result",
    }


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def key_of(request: Request) -> str | None:
    """Digest of the idempotency key, which is its caller's own. Raises `InvalidRequest`."""
    given = request.headers.getlist(KEY)
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise InvalidRequest(
            f"{KEY} {', '.join(given)!r:.100} is no key; give one of 1 to 255 printable ASCII "
            "characters"
        )
    caller = request.scope.get(CALLER, "")
    return hashlib.sha256(f"{caller}\n{given[0]}".encode()).hexdigest()


def query_of(request: Request, known: tuple[str, ...]) -> Mapping[str, str]:
    """The query's parameters. Raises `InvalidRequest` for one that is unknown or doubled."""
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in known:
            takes = ", ".join(known) or "none"
            raise InvalidRequest(f"query parameter {name!r:.60} is unknown; known: {takes}")
        if names.count(name) > 1:
            raise InvalidRequest(f"{name} is given {names.count(name)} times; give it once")
    return request.query_params


def whole(query: Mapping[str, str], name: str, low: int, high: int = _MOST) -> int | None:
    """A whole number of the query, None when it is absent. Raises `InvalidRequest`."""
    text = query.get(name)
    if text is None:
        return None
    if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
        raise InvalidRequest(f"{name} {text!r:.60} is out of bounds; give int in [{low}, {high}]")
    return int(text)


def status_of(query: Mapping[str, str]) -> Status | None:
    """Raises `InvalidRequest` for what is no status."""
    text = query.get("status")
    if text is None:
        return None
    try:
        return Status(text)
    except ValueError as exc:
        raise InvalidRequest(
            f"status {text!r:.60} is unknown; choose one of {', '.join(Status)}"
        ) from exc
