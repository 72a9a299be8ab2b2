"""The BentoML service: `bentoml serve service.app:EditService`."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future
from typing import Annotated, Any, BinaryIO, Final

import bentoml
from anyio import CapacityLimiter, to_thread
from bentoml.validators import ContentType
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runtime.backends.base import load_backend
from runtime.bundle import Bundle
from runtime.editor import EditResult
from runtime.worker import open_worker
from service.drain import Drain
from service.edit import Failure, decode, encode, facts, finish
from service.form import EditForm, read_form
from service.gate import Gate
from service.metrics import Metrics
from service.settings import Settings

# Seconds by which BentoML's own deadline comes later than ours: its answer has another shape.
_TIMEOUT_MARGIN: Final = 30.0


async def metrics(request: Request) -> Response:
    service = bentoml.get_current_service()
    return Response(service.metrics.render(), media_type="text/plain; version=0.0.4")


web = Starlette(routes=[Route("/metrics", metrics)])


@bentoml.service(
    name="retouch",
    workers=1,  # the engine batches by itself
    traffic={"timeout": Settings.from_env(os.environ).timeout + _TIMEOUT_MARGIN},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},  # the gate writes one line per exchange
)
@bentoml.asgi_app(web, path="/")
class EditService:
    """Edits pictures as an instruction says."""

    @bentoml.on_deployment  # type: ignore[untyped-decorator]  # bentoml's names are untyped
    @staticmethod
    def check() -> None:
        """Fail before any worker is started: a worker that fails is started again, for ever."""
        settings = Settings.from_env(os.environ)
        Bundle.open(settings.bundle)
        load_backend(settings.backend, device=settings.device, precision=settings.precision)

    def __init__(self) -> None:
        """Load the model and run a first small edit, so that no caller waits for compilation."""
        self.settings = Settings.from_env(os.environ)
        self.worker = open_worker(
            self.settings.bundle,
            backend=self.settings.backend,
            device=self.settings.device,
            precision=self.settings.precision,
            limits=self.settings.limits,
        )
        self.metrics = Metrics(self.worker.stats)
        self._drain = Drain(self.worker, self.settings.drain)
        self._codecs = CapacityLimiter(os.cpu_count() or 1)
        warm_up = self.worker.params("warm up", steps=1)
        self.worker.submit(Image.new("RGB", (64, 64)), warm_up).result()

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
            response = await self._edit(request)
        except Exception as exc:
            response = Failure(exc)
        return response  # type: ignore[no-any-return]  # BentoML sends a Response as it is

    async def _edit(self, request: Request) -> Response:
        deadline = asyncio.get_running_loop().time() + self.settings.timeout
        async with read_form(request, deadline) as (upload, given):
            future = await to_thread.run_sync(self._submit, upload, given, limiter=self._codecs)
        result = await finish(future, request, deadline)
        self.metrics.observe_edit(result.timings.total_s)
        png = await to_thread.run_sync(encode, result.image, limiter=self._codecs)
        return Response(png, media_type="image/png", headers=facts(result))

    def _submit(self, upload: BinaryIO, given: dict[str, Any]) -> Future[EditResult]:
        self.worker.check_free()  # before time and memory go into decoding
        params = self.worker.params(**given)
        return self.worker.submit(decode(upload.read()), params)


EditService.add_asgi_middleware(Gate)  # type: ignore[attr-defined]
