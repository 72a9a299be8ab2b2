"""The route of the stream."""

from __future__ import annotations

from typing import Final

import bentoml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.edits import Accepted
from service.stream.face import stream_face
from service.stream.news import News
from service.stream.response import EventStream


async def stream(request: Request) -> Response:
    service = bentoml.get_current_service()
    face = stream_face(service.worker.previews)
    news = News()
    accepted = await service.edits.accept(request, face, news.put)
    assert isinstance(accepted, Accepted), "this face has every edit made"
    return EventStream(request, service.edits, accepted, news)


ROUTES: Final = (Route("/edit/stream", stream, methods=["POST"]),)
