"""Routes of the OpenAI images API."""

from __future__ import annotations

import time
from typing import Any, Final

import bentoml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runtime.manifest import Manifest
from service.openai.face import check_model, openai_face

_STARTED: Final = int(time.time())


async def edits(request: Request) -> Response:
    service = bentoml.get_current_service()
    face = openai_face(service.worker.manifest.name)
    response: Response = await service.edits.answer(request, face)
    return response


async def models(request: Request) -> Response:
    served = _entry(bentoml.get_current_service().worker.manifest)
    return JSONResponse({"object": "list", "data": [served]})


async def model(request: Request) -> Response:
    manifest = bentoml.get_current_service().worker.manifest
    check_model(request.path_params["model"], manifest.name)
    return JSONResponse(_entry(manifest))


def _entry(manifest: Manifest) -> dict[str, Any]:
    """`created` is when the server was started: a bundle does not tell its age."""
    return {
        "id": manifest.name,
        "object": "model",
        "created": _STARTED,
        "owned_by": manifest.created_by,
    }


ROUTES: Final = (
    Route("/v1/images/edits", edits, methods=["POST"]),
    Route("/v1/models", models),
    Route("/v1/models/{model:path}", model),
)
