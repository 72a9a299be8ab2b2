"""Routes of what is drawn."""

from __future__ import annotations

from typing import Final

import bentoml
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.guard.content import CheckingWorker
from service.sheets.poster_face import poster_face
from service.sheets.sweep_face import sweep_face


async def sweep(request: Request) -> Response:
    service = bentoml.get_current_service()
    face = sweep_face(service.worker.manifest, service.settings.max_sweep)
    response: Response = await service.edits.answer(request, face)
    return response


async def poster(request: Request) -> Response:
    service = bentoml.get_current_service()
    worker = service.worker
    check = worker.check if isinstance(worker, CheckingWorker) else _takes_all
    response: Response = await service.edits.answer(request, poster_face(worker.manifest, check))
    return response


def _takes_all(image: Image.Image) -> None:
    """What a server without a content check makes of pictures."""


ROUTES: Final = (
    Route("/sweep", sweep, methods=["POST"]),
    Route("/poster", poster, methods=["POST"]),
)
