"""The document, and the console that reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import bentoml
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from runtime.manifest import Manifest
from runtime.version import VERSION
from service.jobs.description import jobs
from service.openai.description import openai
from service.openapi.components import SCHEMAS, SECURITY
from service.openapi.operations import editing, translating, watching
from service.openapi.schemas import Json
from service.sheets.description import sheets
from service.weights.description import weights

_CONSOLE: Final = Path(__file__).parent / "console.html"


def document(manifest: Manifest, most: int, *, locked: bool, replaceable: bool) -> Json:
    """OpenAPI 3.1; `most` is the bound of `n`, `locked` says whether API keys are needed,
    `replaceable` whether weights can be replaced.
    """
    known = {"securitySchemes": SECURITY} if locked else {}
    needed: Json = {"security": [{name: []} for name in SECURITY]} if locked else {}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Retouch: {manifest.name}",
            "version": VERSION,
            "summary": "A picture and a sentence in, the edited picture out",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            **editing(manifest, most),
            **jobs(manifest, most),
            **sheets(manifest),
            **translating(),
            **openai(manifest, most),
            **(weights() if replaceable else {}),
            **watching(),
        },
        "components": {"schemas": SCHEMAS, **known},
        **needed,
    }


async def described(request: Request) -> Response:
    service = bentoml.get_current_service()
    settings = service.settings
    told = document(
        service.worker.manifest,
        settings.max_variations,
        locked=not settings.access.open,
        replaceable=settings.weights is not None,
    )
    return JSONResponse(told)


async def console(request: Request) -> Response:
    return FileResponse(_CONSOLE)


ROUTES: Final = (Route("/docs.json", described), Route("/docs", console))
