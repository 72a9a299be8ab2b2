"""What every HTTP exchange passes through: request id, body bound, error envelope, log line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
import uuid
from typing import Any, Final

import bentoml
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.answer import TRANSLATION
from service.errors import TOO_LARGE, HttpError, foreign, kind_of, to_response
from service.guard.admission import CALLER, PROBES
from service.openai.errors import PREFIX, to_openai
from service.traces import Attributes, Exchanged

log = logging.getLogger("bentoml.retouch")

_SANE_ID: Final = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_OWN_HEADERS: Final = "x-retouch-"
_PATIENCE: Final = 5.0  # seconds
_DISCARD: Final = 4  # times the bound of a body


class Exchange:
    """One request and the response to it.

    An error response is held back, whoever made it; `run` returns the failure instead. So there is
    one way out for all of them, `answer`.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body: int) -> None:
        self.scope = scope
        given = Headers(scope=scope)
        self.request_id = given.get("x-request-id", "")
        if not _SANE_ID.fullmatch(self.request_id):
            self.request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = self.request_id
        self.status = 0
        self.ended = False
        self.facts: dict[str, str] = {}
        self._length = given.get("content-length", "")
        self._receive, self._send = receive, send
        self._max_body, self._received, self._complete = max_body, 0, False
        self._expects = "expect" in given
        self._foreign: HttpError | None = None

    async def run(self, app: ASGIApp) -> Exception | None:
        """Let the application answer; returns the failure that is yet to be answered."""
        try:
            if self._length.isdecimal() and int(self._length) > self._max_body:
                raise self._too_large()
            await app(self.scope, self._to_app, self._from_app)
        except Exception as exc:
            return exc
        return self._foreign

    async def answer(self, failure: Exception) -> None:
        """Send the failure at once, and end the response when the rest of the body is here."""
        shape = to_openai if self.scope["path"].startswith(PREFIX) else to_response
        response = shape(failure, self.request_id)
        await response(self.scope, self._receive, self._out_early)

    async def _out_early(self, message: Message) -> None:
        if message["type"] != "http.response.body":
            return await self._out(message)
        await self._out({**message, "more_body": True})
        await self._read_on()
        await self._out({**message, "body": b""})

    async def _to_app(self) -> Message:
        message = await self._next()
        if self._received > self._max_body:
            raise self._too_large()
        return message

    async def _next(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        return message

    async def _read_on(self) -> None:
        """Discard the rest of a body, within bounds.

        A client that is still sending would meet a closed connection and might not see the answer;
        one that asked first (`Expect: 100-continue`) sends nothing until it is told to.
        """
        if self._expects and not self._received:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while not self._complete and self._received < _DISCARD * self._max_body:
                    await self._next()

    async def _from_app(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            self._foreign = foreign(message["status"], Headers(raw=message["headers"]).get("allow"))
        if self._foreign is None:
            await self._out(message)

    async def _out(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            self.facts = {
                name.removeprefix(_OWN_HEADERS): value
                for name, value in headers.items()
                if name.startswith(_OWN_HEADERS) and name != TRANSLATION.lower()
            }
        await self._send(message)
        self.ended = message["type"] == "http.response.body" and not message.get("more_body")

    def _too_large(self) -> HttpError:
        bound = self._max_body / 2**20
        return HttpError(TOO_LARGE, f"the body is larger than {bound:g} MiB; send a smaller file")


class Gate:
    """ASGI layer around everything that BentoML routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start = time.perf_counter()
        service = bentoml.get_current_service()
        exchange = Exchange(scope, receive, send, service.settings.max_upload)
        failure = await exchange.run(self._app)
        if failure is not None and exchange.status and not exchange.ended:
            log.error("id=%s broke off its response", exchange.request_id, exc_info=failure)
            raise failure  # half a response is out: the server can only cut the connection
        if failure is not None and not exchange.ended:  # else the response has told of it
            await exchange.answer(failure)
        service.metrics.count_response(route_of(scope), exchange.status, _code(failure))
        if scope["path"] not in PROBES:
            _log(exchange, failure, time.perf_counter() - start)
            service.traces.record(_exchanged(exchange, failure, start))


def _log(exchange: Exchange, failure: Exception | None, seconds: float) -> None:
    scope = exchange.scope
    told = "".join(f" {name}={value}" for name, value in exchange.facts.items())
    if failure is not None:
        told = f" code={kind_of(failure).code} {str(failure)!r:.200}"
    if CALLER in scope:
        told = f" key={scope[CALLER]}{told}"
    broken = failure is not None and kind_of(failure).status == 500
    log.log(
        logging.ERROR if broken else logging.INFO,
        "%s %r %d %.3fs id=%s%s",
        scope["method"],
        scope["path"][:100],
        exchange.status,
        seconds,
        exchange.request_id,
        told,
        exc_info=failure if broken else None,
        extra=_fields(exchange, failure, seconds),
    )


def _fields(exchange: Exchange, failure: Exception | None, seconds: float) -> dict[str, Any]:
    """The line once more, for logs that are read by programs."""
    scope = exchange.scope
    told: dict[str, Any] = {
        "request_id": exchange.request_id,
        "method": scope["method"],
        "route": route_of(scope),
        "status": exchange.status,
        "seconds": round(seconds, 3),
        "code": _code(failure),
    }
    if CALLER in scope:
        told["key"] = scope[CALLER]
    if exchange.facts:
        told["edit"] = exchange.facts
    return told


def _code(failure: Exception | None) -> str:
    return kind_of(failure).code if failure else "ok"


def _exchanged(exchange: Exchange, failure: Exception | None, start: float) -> Exchanged:
    scope, route = exchange.scope, route_of(exchange.scope)
    attributes: Attributes = {
        "http.request.method": scope["method"],
        "http.route": route,
        "http.response.status_code": exchange.status,
        "retouch.request_id": exchange.request_id,
        "retouch.code": _code(failure),
    }
    return Exchanged(
        name=f"{scope['method']} {route}",
        headers=Headers(scope=scope),
        start=start,
        attributes=attributes,
        # Not by the status: that of a stream is 200 however it ends.
        failed=failure is not None and kind_of(failure).status >= 500,
        edits=scope.get("state", {}).get("edits", ()),
    )


def route_of(scope: Scope) -> str:
    """The pattern of the path, of which there are few."""
    return getattr(scope.get("route"), "path", "") or "unknown"
