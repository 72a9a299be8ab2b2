"""The page at `/`, its files, and `/about`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import bentoml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from service.page.about import about
from service.settings import SOURCE_ROOT

STATIC: Final = Path(__file__).parent / "static"
EXAMPLES: Final = SOURCE_ROOT / "models" / "examples"
# Kept, but asked after each time: a page and its scripts that are of two versions do not work.
_KEEP: Final = "no-cache"


class _Files(StaticFiles):
    """Files with an `ETag`, which browsers ask after."""

    def file_response(
        self, full_path: str | os.PathLike[str], *args: Any, **kwargs: Any
    ) -> Response:
        response = super().file_response(full_path, *args, **kwargs)
        response.headers["Cache-Control"] = _KEEP
        return response


_PAGE: Final = _Files(directory=STATIC)


async def index(request: Request) -> Response:
    return await _PAGE.get_response("index.html", request.scope)


async def described(request: Request) -> Response:
    service = bentoml.get_current_service()
    return JSONResponse(about(service.worker, service.settings))


ROUTES: Final = (
    Route("/", index),
    Route("/about", described),
    Mount("/page/examples", _Files(directory=EXAMPLES)),
    Mount("/page", _PAGE),
)
