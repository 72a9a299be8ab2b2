"""SIGTERM: refuse new edits at once, finish the accepted ones, then let the server stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from typing import Final

from anyio import to_thread

from runtime.worker import EngineWorker

log = logging.getLogger("bentoml.retouch")

_NOTICE: Final = 1.0  # seconds in which probes and balancers see that readiness is gone
_POLL: Final = 0.05
LONGEST_GOODBYE: Final = 3.0  # seconds for answers on their way, then stalled clients are cut off


class Drain:
    """Stands between SIGTERM and the server, which alone would stop listening at once."""

    def __init__(self, worker: EngineWorker, seconds: float) -> None:
        self._worker = worker
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    @property
    def begun(self) -> bool:
        return self._task is not None

    def install(self) -> None:
        """Take SIGTERM over from the server. Call it in the event loop, after the server has."""
        if threading.current_thread() is not threading.main_thread():
            return  # served in-process by another program, whose signals are its own
        stop_server = signal.getsignal(signal.SIGTERM)
        assert callable(stop_server)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._begin, stop_server)

    def _begin(self, stop_server: Callable[..., object]) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(stop_server))

    async def _run(self, stop_server: Callable[..., object]) -> None:
        self._worker.drain()
        log.info("draining: new edits are refused, accepted ones finish (%g s)", self._seconds)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        await asyncio.sleep(_NOTICE)
        while self._worker.alive and loop.time() < deadline:
            await asyncio.sleep(_POLL)
        await to_thread.run_sync(self._worker.close, 0.0)
        stop_server(signal.SIGTERM, None)
        await asyncio.sleep(LONGEST_GOODBYE)  # ends here when the server has stopped
        log.warning("some clients stall: cutting them off")
        stop_server(signal.SIGINT, None)  # the server takes it for the second Ctrl+C
