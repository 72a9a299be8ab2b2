"""The BentoML service: `bentoml serve service.app:EditService`."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import Annotated, Any, Final

import bentoml
from anyio import CapacityLimiter, from_thread, to_thread
from bentoml.exceptions import BentoMLException
from bentoml.validators import ContentType
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runtime.editor import EditResult
from runtime.image import fitting
from runtime.worker import EngineWorker
from service.body import received
from service.drain import Drain
from service.edit import EDIT
from service.face import Asked, Face, Fields
from service.gate import Gate
from service.intake import Intake
from service.metrics import Metrics
from service.schema import EditForm
from service.settings import Settings
from service.stages import Failure, all_of, check_variations, decode, withdrawing
from service.trial import open_warm, trial
from service.v1 import ROUTES

# Seconds by which BentoML's own deadline comes later than ours: its answer has another shape.
_TIMEOUT_MARGIN: Final = 30.0
_MOST_CODECS: Final = 4  # pictures that are decoded or encoded at a time; each may take 500 MB


async def metrics(request: Request) -> Response:
    service = bentoml.get_current_service()
    return Response(service.metrics.render(), media_type="text/plain; version=0.0.4")


web = Starlette(routes=[Route("/metrics", metrics), *ROUTES])


def _settings() -> Settings:
    try:
        return Settings.from_env(os.environ)
    except ValueError as exc:
        raise BentoMLException(str(exc)) from exc  # told without a traceback


@bentoml.service(
    name="retouch",
    workers=1,  # the engine batches by itself
    traffic={"timeout": _settings().timeout + _TIMEOUT_MARGIN},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},  # the gate writes one line per exchange
)
@bentoml.asgi_app(web, path="/")
class EditService:
    """Edits pictures as an instruction says."""

    @bentoml.on_deployment  # type: ignore[untyped-decorator]  # bentoml's names are untyped
    @staticmethod
    def check() -> None:
        """Open the model once before any worker does: one that fails is started again, for ever.

        Runs in the folder where the server was started, as workers do not.
        """
        os.environ["RETOUCH_BUNDLE"] = str(_settings().bundle)
        if reason := trial():
            raise BentoMLException(reason)

    def __init__(self) -> None:
        self.settings = _settings()
        self.worker = EngineWorker(open_warm(self.settings))
        self.metrics = Metrics(self.worker.stats)
        self._drain = Drain(self.worker, self.settings.drain)
        self._intake = Intake(self.settings.max_uploads)
        self._codecs = CapacityLimiter(min(os.cpu_count() or 1, _MOST_CODECS))

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    async def start(self) -> None:
        self._drain.install()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    async def stop(self) -> None:
        await to_thread.run_sync(self.worker.close, 0.0)

    async def __is_alive__(self) -> bool:
        return self.worker.alive or self._drain.begun

    async def __is_ready__(self) -> bool:
        return self.worker.alive and not self.worker.draining

    @bentoml.api(route="/edit", input_spec=EditForm)  # type: ignore[untyped-decorator]
    async def edit(self, request: Request) -> Annotated[Image.Image, ContentType("image/png")]:
        """Edit one picture; docs/http.md is the contract. Answers with a `Response` of its own."""
        response: Any
        try:
            response = await self.answer(request, EDIT)
        except Exception as exc:
            response = Failure(exc)
        return response  # type: ignore[no-any-return]  # BentoML sends a Response as it is

    async def answer(self, request: Request, face: Face) -> Response:
        """Edit as `request` asks. Raises `EditError` or `HttpError`."""
        deadline = asyncio.get_running_loop().time() + self.settings.timeout
        asked, futures = await self._accept(request, face, deadline)
        async with withdrawing(request, deadline):
            results = await all_of(futures)
            for result in results:
                self.metrics.observe_edit(result.timings.total_s)
            return await to_thread.run_sync(face.answer, asked, results, limiter=self._codecs)

    async def _accept(
        self, request: Request, face: Face, deadline: float
    ) -> tuple[Asked, list[Future[EditResult]]]:
        """Read, check and queue edits; cancelling a future withdraws its edit."""
        self.worker.check_free()  # before time and memory go into an upload
        with self._intake.place():
            async with (
                received(request, self.settings.upload, face.vocabulary) as read,
                withdrawing(request, deadline),
            ):
                self.worker.check_free()
                accept = ",".join(request.headers.getlist("accept"))
                return await to_thread.run_sync(
                    self._queue, face, read, accept, limiter=self._codecs
                )

    def _queue(
        self, face: Face, read: Callable[[], Fields], accept: str
    ) -> tuple[Asked, list[Future[EditResult]]]:
        fields = read()
        check_variations(fields.n, self.settings.max_variations)
        asked = face.ask(fields, accept)
        params = self.worker.params(**asked.params)
        image = decode(fields.image)
        if asked.box:
            params = dataclasses.replace(params, max_size=fitting(image.size, asked.box))
        from_thread.check_cancelled()
        return asked, self.worker.submit_variations(image, params, fields.n)


EditService.add_asgi_middleware(Gate)  # type: ignore[attr-defined]
