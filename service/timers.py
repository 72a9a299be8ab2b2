"""BentoML's deadline, taken out: ours tells more, and leaves nothing behind."""

from __future__ import annotations

from bentoml._internal.server.http.traffic import TimeoutMiddleware
from starlette.types import Receive, Scope, Send


async def _straight_on(self: TimeoutMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
    await self.app(scope, receive, send)


def take_out() -> None:
    """Let requests pass BentoML's timeout middleware without a timer.

    It keeps the timer of every request, and through it 8 KB, until the deadline of that request has
    passed, and cannot be turned off: its configuration asks for a number.
    """
    TimeoutMiddleware.__call__ = _straight_on  # type: ignore[method-assign]
