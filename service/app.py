"""The BentoML service: `bentoml serve service.app:EditService`."""

from __future__ import annotations

import os
from typing import Annotated, Any, Final

import bentoml
from anyio import to_thread
from bentoml.exceptions import BentoMLException
from bentoml.validators import ContentType
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from service.drain import Drain
from service.edit import EDIT
from service.edits import Edits
from service.gate import Gate
from service.guard.admission import Admission, Guard
from service.guard.headers import SecurityHeaders, cors
from service.jobs.desk import Desk
from service.jobs.routes import ROUTES as JOBS
from service.logs import write_lines_as
from service.media import PNG
from service.metrics import Metrics
from service.openai.routes import ROUTES as OPENAI
from service.openapi.document import ROUTES as DOCUMENT
from service.page.routes import ROUTES as PAGE
from service.schema import EditForm
from service.settings import Settings
from service.sheets.routes import ROUTES as SHEETS
from service.stages import Failure
from service.stream.routes import ROUTES as STREAM
from service.timers import take_out
from service.traces import Traces
from service.translate import ROUTES as TRANSLATE
from service.trial import open_warm, trial
from service.weights.routes import ROUTES as WEIGHTS
from service.weights.shelf import Shelf


async def metrics(request: Request) -> Response:
    service = bentoml.get_current_service()
    return Response(service.metrics.render(), media_type="text/plain; version=0.0.4")


_ROUTES: Final = (*OPENAI, *STREAM, *TRANSLATE, *SHEETS, *JOBS, *WEIGHTS, *DOCUMENT, *PAGE)
web = Starlette(routes=[Route("/metrics", metrics), *_ROUTES])


def _settings() -> Settings:
    try:
        return Settings.from_env(os.environ)
    except ValueError as exc:
        raise BentoMLException(str(exc)) from exc  # told without a traceback


def _check_traces() -> None:
    try:
        Traces.from_env(os.environ).close()
    except ValueError as exc:
        raise BentoMLException(str(exc)) from exc


@bentoml.service(
    name="retouch",
    workers=1,  # the engine batches by itself
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
        settings = _settings()
        write_lines_as(settings.log)
        _check_traces()
        os.environ["RETOUCH_BUNDLE"] = str(settings.bundle)
        os.environ["RETOUCH_JOBS_DIR"] = str(settings.jobs.folder)
        if settings.translator:
            os.environ["RETOUCH_TRANSLATOR"] = str(settings.translator)
        if settings.weights:
            os.environ["RETOUCH_WEIGHTS_DIR"] = str(settings.weights)
        if settings.access.file:
            os.environ["RETOUCH_API_KEYS_FILE"] = str(settings.access.file)
        if reason := trial():
            raise BentoMLException(reason)

    def __init__(self) -> None:
        self.settings = _settings()
        write_lines_as(self.settings.log)
        self.traces = Traces.from_env(os.environ)
        self.guard = Guard(self.settings.access)
        self.worker = open_warm(self.settings)
        self.metrics = Metrics(self.worker.stats)
        self._drain = Drain(self.worker, self.settings.drain)
        self.edits = Edits(self.worker, self.settings)
        self.jobs = Desk(self.worker, self.settings)
        self.shelf = Shelf(self.worker, self.settings.weights)
        self.metrics.watch_jobs(lambda: self.jobs.runner.counts)

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    async def start(self) -> None:
        self.guard.report()
        self._drain.install()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    async def stop(self) -> None:
        await to_thread.run_sync(self.worker.close, 0.0)
        await to_thread.run_sync(self.traces.close)
        await to_thread.run_sync(self.jobs.close)

    async def __is_alive__(self) -> bool:
        return self.worker.alive or self._drain.begun

    async def __is_ready__(self) -> bool:
        return self.worker.alive and not self.worker.draining

    @bentoml.api(route="/edit", input_spec=EditForm)  # type: ignore[untyped-decorator]
    async def edit(self, request: Request) -> Annotated[Image.Image, ContentType(PNG)]:
        """Edit one picture; docs/http.md is the contract. Answers with a `Response` of its own."""
        response: Any
        try:
            response = await self.edits.answer(request, EDIT)
        except Exception as exc:
            response = Failure(exc)
        return response  # type: ignore[no-any-return]  # BentoML sends a Response as it is


def _layers(app: ASGIApp) -> ASGIApp:
    """What every exchange passes through, the outermost first."""
    return SecurityHeaders(cors(Gate(Admission(app)), _settings().access.origins))


take_out()
EditService.add_asgi_middleware(_layers)  # type: ignore[attr-defined]
