"""Progress on its way from the engine's thread to a client."""

from __future__ import annotations

import asyncio
from typing import Any

from anyio import move_on_after

from runtime.progress import Progress


class News:
    """Keeps the newest progress of each picture.

    What is not taken is replaced: a slow reader costs the engine no time and the server no memory.
    To be made in the event loop.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._newest: dict[int, Progress] = {}
        self._come = asyncio.Event()

    def put(self, progress: Progress) -> None:
        """For any thread."""
        self._loop.call_soon_threadsafe(self._keep, progress)

    def wake(self, *_: Any) -> None:
        """Ends a `take` that waits. For any thread."""
        self._loop.call_soon_threadsafe(self._come.set)

    async def take(self, seconds: float) -> list[Progress]:
        """What came since the last time; waits at most `seconds` for it."""
        await asyncio.sleep(0)  # lets in what is on its way from the thread
        with move_on_after(seconds):
            await self._come.wait()
        self._come.clear()
        newest, self._newest = self._newest, {}
        return list(newest.values())

    def _keep(self, progress: Progress) -> None:
        self._newest[progress.index] = progress
        self._come.set()
