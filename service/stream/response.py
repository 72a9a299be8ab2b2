"""The response that lasts as long as its edit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runtime.worker import Pending
from service.edits import Accepted, Edits
from service.errors import error_object, headers_of
from service.stages import all_of, withdrawing
from service.stream.events import KEEP_ALIVE, Previews, event, queued
from service.stream.face import MEDIA_TYPE
from service.stream.news import News

_PLACES: Final = 1.0  # seconds between looks at the place in the queue
_SILENCE: Final = 15.0  # seconds after which proxies are told that somebody is there


class EventStream(Response):
    """Tells of accepted edits until they have ended, and of nothing after that.

    What fails is the last event, and is raised once the response has ended, for the log.
    """

    media_type = MEDIA_TYPE

    def __init__(self, request: Request, edits: Edits, accepted: Accepted, news: News) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._request, self._edits, self._accepted, self._news = request, edits, accepted, news

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        failure: Exception | None = None
        await send(start)
        try:
            async with withdrawing(self._request, self._accepted.deadline):
                last = event("result", await self._tell(send))
        except Exception as exc:
            failure, last = exc, event("error", self._error(exc))
        await send({"type": "http.response.body", "body": last})
        if failure is not None:
            raise failure

    def _error(self, exc: Exception) -> bytes:
        """As JSON. The headers are gone by now, so `Retry-After` is among the fields."""
        error = error_object(exc, self._request.state.request_id)
        if wait := headers_of(exc).get("Retry-After"):
            error["retry_after"] = int(wait)
        return json.dumps(error).encode()

    async def _tell(self, send: Send) -> bytes:
        """Everything but the last event, which is returned as JSON. Withdraws what it leaves."""
        clock = asyncio.get_running_loop().time
        spoken = clock()
        try:
            async for events in self._rounds():
                if events or clock() > spoken + _SILENCE:
                    body = b"".join(events) or KEEP_ALIVE
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                    spoken = clock()
            results = await all_of(self._accepted.pending)
            return bytes((await self._edits.encoded(self._request, self._accepted, results)).body)
        finally:
            for one in self._accepted.pending:
                one.cancel()

    async def _rounds(self) -> AsyncIterator[list[bytes]]:
        """Events as they come, none of them after a while of silence; until edits have ended."""
        pending, previews = self._accepted.pending, Previews(self._accepted.asked.preview_every)
        for one in pending:
            one.add_done_callback(self._news.wake)
        place, begun, ended = pending[0].ahead, False, False
        yield [queued(pending, place)]
        while not ended:
            ended = _ended(pending)
            news = await self._news.take(0 if ended else _PLACES)
            events = [await previews.event(progress) for progress in news]
            begun = begun or bool(news)
            if not begun and place != (place := pending[0].ahead):
                events.append(queued(pending, place))
            yield events


def _ended(pending: Sequence[Pending]) -> bool:
    """Whether all are done, or one has failed, which ends the others."""
    done = [one for one in pending if one.done()]
    return len(done) == len(pending) or any(one.exception() for one in done)
