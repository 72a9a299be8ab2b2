"""`/weights`: which weights are served, and others in their place. docs/http.md is the contract."""

from __future__ import annotations

from typing import Final

import bentoml
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runtime.errors import InvalidRequest
from service.reading.body import whole
from service.reading.json_body import pairs

PATH: Final = "/weights"
_MOST: Final = 4096  # bytes; a file's name has 255


async def weights(request: Request) -> Response:
    """Raises `HttpError` or `InvalidRequest`; see `Shelf`."""
    service = bentoml.get_current_service()
    if request.method == "PUT":
        service.guard.check_weights(request.scope)
        name = _name(await whole(request, _MOST, service.settings.upload))
        await to_thread.run_sync(service.shelf.serve, name)
    return JSONResponse(await to_thread.run_sync(service.shelf.told))


def _name(body: bytes) -> str | None:
    given = pairs(body)
    if [field for field, _ in given] != ["name"]:
        told = ", ".join(field for field, _ in given) or "nothing"
        raise InvalidRequest(f"name has to be given, once and alone, not {told:.100}")
    name = given[0][1]
    if name is not None and not isinstance(name, str):
        raise InvalidRequest(f"name {name!r:.60} is no text; give a file's name, or null")
    return name


ROUTES: Final = (Route(PATH, weights, methods=["GET", "PUT"]),)
