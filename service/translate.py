"""`POST /translate`: what the text encoder would be given, before any edit."""

from __future__ import annotations

import json
from typing import Final

import bentoml
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runtime.errors import InvalidRequest
from runtime.translation import language_of
from runtime.worker import EngineWorker
from service.errors import MALFORMED, HttpError


async def translate(request: Request) -> Response:
    """Raises `HttpError` for what is no JSON object, `InvalidRequest` for a wrong instruction."""
    body = await request.body()
    worker: EngineWorker = bentoml.get_current_service().worker
    return JSONResponse(await to_thread.run_sync(_answer, worker, body))


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
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise HttpError(MALFORMED, f"the body is no JSON in UTF-8: {exc}"[:200]) from exc
    if not isinstance(found, dict):
        raise HttpError(MALFORMED, f"the body holds {type(found).__name__}; send a JSON object")
    if unknown := found.keys() - {"instruction"}:
        raise InvalidRequest(f"field {min(unknown)!r:.60} is unknown; known: instruction")
    if "instruction" not in found:
        raise InvalidRequest("instruction is missing; give it")
    instruction: str = found["instruction"]
    return instruction


ROUTES: Final = (Route("/translate", translate, methods=["POST"]),)
