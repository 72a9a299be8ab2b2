"""The document, and the console that reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import bentoml
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from runtime.manifest import Manifest
from runtime.version import VERSION
from service.jobs.description import jobs
from service.openai.description import openai
from service.openapi.components import SCHEMAS
from service.openapi.operations import editing, watching

Json = dict[str, Any]

_CONSOLE: Final = Path(__file__).parent / "console.html"


def document(manifest: Manifest, most: int) -> Json:
    """OpenAPI 3.1; `most` is the bound of `n`."""
    edits = editing(manifest, most) | jobs(manifest, most) | openai(manifest, most)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Retouch: {manifest.name}",
            "version": VERSION,
            "summary": "A picture and a sentence in, the edited picture out",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": edits | watching(),
        "components": {"schemas": SCHEMAS},
    }


async def described(request: Request) -> Response:
    service = bentoml.get_current_service()
    return JSONResponse(
        document(service.worker.manifest, service.settings.max_variations),
    )


async def console(request: Request) -> Response:
    return FileResponse(_CONSOLE)


ROUTES: Final = (Route("/docs.json", described), Route("/docs", console))
