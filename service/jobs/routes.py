"""Routes of jobs; docs/http.md is the contract."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

import bentoml
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.edit import negotiated, rendered
from service.jobs.desk import Desk
from service.jobs.face import (
    JOB,
    LISTED,
    MOST_LISTED,
    PATH,
    key_of,
    query_of,
    status_of,
    told,
    whole,
)
from service.jobs.job import Job, Order, unpack
from service.stages import withdrawing

Handler = Callable[[Request], Awaitable[Response]]


def _desk() -> Desk:
    desk: Desk = bentoml.get_current_service().jobs
    return desk


async def submit(request: Request) -> Response:
    service, desk = bentoml.get_current_service(), _desk()
    edits, free = service.edits, service.worker.check_running
    query_of(request, ())
    key = key_of(request)
    with desk.intake.place():
        order = await edits.take(request, JOB, edits.deadline(), free, desk.order)
        assert isinstance(order, Order)  # this face has no answer of its own
        job, new = await desk.ask(lambda: desk.submit(order, key))
    return _answer(job, 202 if new else 200, {"Location": f"{PATH}/{job.id}"})


async def jobs(request: Request) -> Response:
    desk, query = _desk(), query_of(request, ("status", "limit", "before"))
    status, before = status_of(query), query.get("before")
    limit = whole(query, "limit", 1, MOST_LISTED) or LISTED
    found = await desk.ask(lambda: desk.store.newest(status, limit, before))
    last = found[-1].id if len(found) == limit else None
    return JSONResponse({"jobs": [told(job, desk.keep) for job in found], "next": last})


async def job(request: Request) -> Response:
    desk, job_id = _desk(), request.path_params["id"]
    query_of(request, ())
    return _answer(await desk.ask(lambda: desk.store.get(job_id)))


async def cancel(request: Request) -> Response:
    desk, job_id = _desk(), request.path_params["id"]
    query_of(request, ())
    return _answer(await desk.ask(lambda: desk.cancel(job_id)))


async def result(request: Request) -> Response:
    service, desk, job_id = bentoml.get_current_service(), _desk(), request.path_params["id"]
    query = query_of(request, ("image",))
    place = whole(query, "image", 0)
    job, packed = await desk.ask(lambda: desk.store.results(job_id, place))
    accept = ",".join(request.headers.getlist("accept"))
    media_type = negotiated(accept, len(packed), "ask for one of them: ?image=0")

    def answer() -> Response:
        return rendered(media_type, [unpack(job, row) for row in packed])

    async with withdrawing(request, math.inf):
        return await to_thread.run_sync(answer, limiter=service.edits.codecs)


def _answer(job: Job, status: int = 200, headers: dict[str, Any] | None = None) -> Response:
    return JSONResponse(told(job, _desk().keep), status, headers)


def _route(path: str, **handlers: Handler) -> Route:
    """One route for all methods of a path: of several the first one alone would be in `Allow`."""

    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](request)

    return Route(path, endpoint, methods=list(handlers))


ROUTES: Final = (
    _route(PATH, GET=jobs, POST=submit),
    _route(f"{PATH}/{{id}}", GET=job, DELETE=cancel),
    _route(f"{PATH}/{{id}}/result", GET=result),
)
