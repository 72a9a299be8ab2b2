"""The operations of jobs, as OpenAPI describes them."""

from __future__ import annotations

from typing import Final

from runtime.errors import InvalidRequest
from runtime.manifest import Manifest
from service.errors import FOREIGN_PAGE, KINDS, NOT_ACCEPTABLE, RATE_LIMITED, UNAUTHORIZED, Kind
from service.jobs.errors import GONE, NO_DATABASE, NO_JOB, NOT_DONE, OTHER_BODY, STORAGE_FULL
from service.jobs.face import JOB, KEY, LISTED, MOST_LISTED, PATH
from service.media import JSON
from service.openapi.answers import OF_AN_EDIT, content, errors, pictures, ref
from service.openapi.components import STATUS
from service.openapi.schemas import Json, bodies, edit_fields

_WRONG: Final = KINDS[InvalidRequest]
_OF_A_SUBMISSION: Final = tuple(kind for kind in OF_AN_EDIT if kind is not NOT_ACCEPTABLE)
_OF_A_JOB: Final = (UNAUTHORIZED, NO_JOB, _WRONG, NO_DATABASE)
_EXAMPLE: Final = {"instruction": "make it night", "seed": 7}


def jobs(manifest: Manifest, most: int) -> Json:
    """`most` is the bound of `n`."""
    fields = edit_fields(manifest, most)
    refused = (*_OF_A_SUBMISSION, OTHER_BODY, NO_DATABASE, STORAGE_FULL)
    submit = {
        **_named("submit_job", "Keep an edit that is made later"),
        "parameters": [_KEY],
        "requestBody": bodies(JOB.vocabulary, fields, _EXAMPLE),
        "responses": {
            "202": _job("accepted: it survives the process") | {"headers": _LOCATION},
            "200": _job("the job that the key belongs to") | {"headers": _LOCATION},
            **errors(refused),
        },
    }
    return {
        PATH: {"post": submit, "get": _listing()},
        f"{PATH}/{{id}}": {
            "get": _of_one("job", "How a job is getting on"),
            "delete": _of_one("cancel_job", "Cancel a job, or drop its result", FOREIGN_PAGE),
        },
        f"{PATH}/{{id}}/result": {"get": _fetching()},
    }


def _listing() -> Json:
    return {
        **_named("jobs", "Jobs, the newest first"),
        "parameters": [
            _query("status", STATUS),
            _query("limit", _whole(1, MOST_LISTED) | {"default": LISTED}),
            _query("before", {"type": "string", "description": "the `next` of an answer"}),
        ],
        "responses": {
            "200": {
                "description": "a page of them",
                "content": content(JSON, ref("Jobs")),
            },
            **errors((UNAUTHORIZED, _WRONG, NO_DATABASE)),
        },
    }


def _fetching() -> Json:
    about = "the edited picture; several fit into JSON alone, of which `image` chooses one"
    found = pictures((JSON, ref("Edits"))) | {"description": about}
    failures: tuple[Kind, ...] = (*_OF_A_JOB, NOT_DONE, GONE, NOT_ACCEPTABLE, RATE_LIMITED)
    return {
        **_named("job_result", "The result of a finished job"),
        "parameters": [_ID, _query("image", _whole(0, 10**9 - 1))],
        "responses": {"200": found, **errors(failures)},
    }


def _of_one(name: str, about: str, *further: Kind) -> Json:
    return {
        **_named(name, about),
        "parameters": [_ID],
        "responses": {"200": _job("the job as it is now"), **errors((*_OF_A_JOB, *further))},
    }


def _named(name: str, about: str) -> Json:
    return {"operationId": name, "tags": ["jobs"], "summary": about}


def _job(about: str) -> Json:
    return {"description": about, "content": content(JSON, ref("Job"))}


def _whole(low: int, high: int) -> Json:
    return {"type": "integer", "minimum": low, "maximum": high}


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "schema": schema}


_ID: Final[Json] = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_KEY: Final[Json] = {
    "name": KEY,
    "in": "header",
    "description": "the same key with the same body gives the same job",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
_LOCATION: Final[Json] = {
    "Location": {"description": "where the job is", "schema": {"type": "string"}}
}
