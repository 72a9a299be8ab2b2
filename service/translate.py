"""`POST /translate`: what the text encoder would be given, before any edit."""

from __future__ import annotations

from typing import Final

import bentoml
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runtime.errors import InvalidRequest
from runtime.translation import language_of
from runtime.worker import EngineWorker
from service.reading.body import MOST_TEXT, whole
from service.reading.json_body import pairs


async def translate(request: Request) -> Response:
    """Raises `HttpError` for what is no JSON object, `InvalidRequest` for a wrong instruction."""
    service = bentoml.get_current_service()
    body = await whole(request, MOST_TEXT, service.settings.upload)
    return JSONResponse(await to_thread.run_sync(_answer, service.worker, body))


def _answer(worker: EngineWorker, body: bytes) -> dict[str, str | None]:
    instruction = _instruction(body)
    told = worker.translate(worker.params(instruction))
    return {
        "instruction": instruction,
        "language": language_of(instruction),
        "translation": told.instruction if told else None,
        "engine": told.engine if told else None,
    }


def _instruction(body: bytes) -> str:
    given = pairs(body)
    if unknown := {name for name, _ in given} - {"instruction"}:
        raise InvalidRequest(f"field {min(unknown)!r:.60} is unknown; known: instruction")
    if not given:
        raise InvalidRequest("instruction is missing; give it")
    if len(given) > 1:
        raise InvalidRequest(f"instruction is given {len(given)} times; give it once")
    instruction: str = given[0][1]
    return instruction


ROUTES: Final = (Route("/translate", translate, methods=["POST"]),)
