"""Headers that tell browsers what answers may be used for, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",  # requests by CORS are not meant
}
# Pages load from this server alone. Swagger UI writes style attributes.
_PAGE: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' blob: data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_REST: Final = "default-src 'none'; frame-ancestors 'none'"
_CORS_AGE_S: Final = 600


class SecurityHeaders:
    """ASGI layer; a header that an answer has already stays as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                del headers["server"]  # BentoML's
                # Browsers take headers of a 304 for the kept page, whose type it does not tell.
                if message["status"] != 304:
                    _add(headers)
            await send(message)

        await self._app(scope, receive, adding)


def _add(headers: MutableHeaders) -> None:
    for name, value in _ALWAYS.items():
        headers.setdefault(name, value)
    page = headers.get("content-type", "").startswith("text/html")
    headers.setdefault("Content-Security-Policy", _PAGE if page else _REST)
    if "etag" not in headers:  # static files have one: they may be kept, pictures may not
        headers.setdefault("Cache-Control", "no-store")


def cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Lets web pages of other `origins` call the service; without any, browsers do not.

    Nothing here rests on cookies: pages have to send a key themselves.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=["*"],
        max_age=_CORS_AGE_S,
    )
