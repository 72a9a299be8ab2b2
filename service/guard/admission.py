"""Which requests need a key, and whether they bring one that may do what they ask."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Final

import bentoml
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import NOT_ALLOWED, UNAUTHORIZED, HttpError
from service.guard.access import Access
from service.guard.keys import WEIGHTS, Key, Keyring
from service.guard.pages import check_page
from service.guard.rates import Rates

log = logging.getLogger("bentoml.retouch")

CALLER: Final = "retouch.caller"
"""Where a request's scope has the name of its key."""

_KEY: Final = "retouch.key"

PROBES: Final = ("/livez", "/readyz", "/healthz", "/metrics")
"""Paths that supervisors ask for again and again."""

# What shows nothing of an edit: probes, metrics, and pages with what they load.
_OPEN: Final = (
    *("/", "/about", "/docs", "/docs.json", "/favicon.ico"),
    *PROBES,
)
_OPEN_FOLDERS: Final = ("/page/", "/static_content/")
_RESULT: Final = re.compile(r"/jobs/[^/]+/result")
_READING: Final = ("GET", "HEAD", "OPTIONS")
_BEARER: Final = "bearer "
_REMEDY: Final = "send it as 'Authorization: Bearer KEY' or as 'X-API-Key: KEY'"


class Guard:
    """Admits requests. Raises `ValueError` when the file of keys cannot be used."""

    def __init__(self, access: Access, clock: Callable[[], float] = time.monotonic) -> None:
        self._access = access
        self._keyring = Keyring(access.keys, access.file, clock)
        self._rates = Rates(clock)

    def report(self) -> None:
        """Tell the log who may come in."""
        if self._access.open:
            log.warning("no API keys are set: whoever reaches this server may use it")
        else:
            log.info("API keys known: %d", len(self._keyring))

    @contextmanager
    def admitted(self, scope: MutableMapping[str, Any]) -> Iterator[Mapping[str, str]]:
        """Lets a request in for as long as the block lasts; gives headers for its answer.

        Raises `HttpError` 401 without a known key, 403 for a page of another origin, 429 when the
        key has used up what it may.
        """
        if scope["method"] not in _READING:
            check_page(Headers(scope=scope), self._access.origins)
        if self._access.open or _needs_none(scope):
            yield {}
            return
        key = self._key(Headers(scope=scope))
        scope[CALLER], scope[_KEY] = key.name, key
        if not _counts(scope):
            yield {}
            return
        rate = self._access.rate if key.rate is None else key.rate
        bound = self._access.concurrency if key.concurrency is None else key.concurrency
        with self._rates.admitted(key.name, rate, bound) as told:
            yield told

    def check_weights(self, scope: Mapping[str, Any]) -> None:
        """Raises `HttpError` 403 when an admitted request may not replace weights: with keys, one
        has to be marked for it.
        """
        if not self._access.open and not scope[_KEY].weights:
            raise HttpError(
                NOT_ALLOWED,
                f"the key {scope[CALLER]} may not replace weights; the operator writes the word "
                f"{WEIGHTS!r} at the end of its line",
            )

    def _key(self, headers: Headers) -> Key:
        tokens = _tokens(headers)
        if not tokens:
            raise _unauthorized(f"an API key is missing; {_REMEDY}")
        if len(tokens) > 1:
            raise _unauthorized(f"{len(tokens)} API keys are given; give one")
        key = self._keyring.find(tokens[0].encode("latin-1"))  # as headers were decoded
        if key is None:
            raise _unauthorized("the API key is not known; ask the operator for another one")
        return key


class Admission:
    """ASGI layer inside the gate, which answers what is raised here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        with bentoml.get_current_service().guard.admitted(scope) as told:

            async def telling(message: Message) -> None:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message).update(told)
                await send(message)

            await self._app(scope, receive, telling)


def _needs_none(scope: Mapping[str, Any]) -> bool:
    path: str = scope["path"]
    reads = scope["method"] in ("GET", "HEAD")
    return reads and (path in _OPEN or path.startswith(_OPEN_FOLDERS))


def _counts(scope: Mapping[str, Any]) -> bool:
    """Whether a request costs more than a look: it edits, or a job's result is encoded for it."""
    return scope["method"] == "POST" or _RESULT.fullmatch(scope["path"]) is not None


def _tokens(headers: Headers) -> list[str]:
    """Every key that is sent, where it is looked for: never in the URL, which logs keep."""
    given = [value.strip() for value in headers.getlist("authorization")]
    bearers = [one[len(_BEARER) :].strip() for one in given if one.lower().startswith(_BEARER)]
    return [token for token in (*bearers, *headers.getlist("x-api-key")) if token]


def _unauthorized(message: str) -> HttpError:
    return HttpError(UNAUTHORIZED, message, {"WWW-Authenticate": "Bearer"})
