"""One thread that runs an engine for many callers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from runtime.bundle import Bundle
from runtime.editor import EditResult, edit_params, open_engine, result_of
from runtime.engine import Engine
from runtime.errors import BackendFailure, EditError, ShuttingDown, WeightsChanging
from runtime.manifest import Manifest
from runtime.nvidia.options import UNASKED, GpuOptions
from runtime.params import EditParams
from runtime.progress import OnStep
from runtime.request import Request
from runtime.scheduler import Limits
from runtime.stats import Stats
from runtime.translation import Translation
from runtime.weights.package import Package

log = logging.getLogger(__name__)


class Pending(Future[EditResult]):
    """The result of a queued edit. Cancelling it withdraws the edit before the next tick.

    It counts as pending until the edit is finished, so that it can always be cancelled.
    """

    def __init__(self, request: Request, engine: Engine) -> None:
        super().__init__()
        self._request, self._engine = request, engine

    @property
    def params(self) -> EditParams:
        return self._request.params

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the result."""
        height, width = self._request.size
        return width, height

    def twin(self) -> Pending:
        """Another future of the same edit, for whoever passes its result on."""
        return Pending(self._request, self._engine)

    @property
    def ahead(self) -> int:
        """How many edits wait before this one; 0 when it is the next, or has joined."""
        return self._engine.ahead(self._request)


class EngineWorker:
    """Runs an engine in a thread of its own; every method may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._futures: dict[Request, Pending] = {}
        self._wake = threading.Condition()
        self._changing = threading.Lock()  # held while weights are replaced
        self.weights: Package | None = None
        """The package whose weights are served; None: the bundle's own."""
        self._draining = False
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)
        self._thread.start()

    @property
    def manifest(self) -> Manifest:
        return self._engine.manifest

    @property
    def bundle(self) -> Bundle:
        """What was opened, whose weights may have been replaced since."""
        return self._engine.bundle

    @property
    def digest(self) -> str:
        """That of the manifest of what is served."""
        return self._engine.digest

    @property
    def previews(self) -> bool:
        """Whether progress may be shown with a preview."""
        return self.manifest.preview is not None

    @property
    def alive(self) -> bool:
        """Whether the thread runs; it ends after draining, or when the engine breaks."""
        return self._thread.is_alive()

    @property
    def draining(self) -> bool:
        return self._draining

    def params(self, instruction: str, **overrides: Any) -> EditParams:
        """See `edit_params`; raises `InvalidRequest` too for words that cannot be translated."""
        params = edit_params(self.manifest, instruction, overrides)
        self.translate(params)
        return params

    def translate(self, params: EditParams) -> Translation | None:
        """See `Engine.translate`."""
        return self._engine.translate(params)

    def submit(
        self, image: Image.Image, params: EditParams, on_step: OnStep | None = None
    ) -> Pending:
        """Queue an edit; the future holds its result or an `EditError`.

        Raises `InvalidRequest`, `Overloaded` or `ShuttingDown` at once.
        """
        return self.submit_all(image, [params], on_step)[0]

    def submit_all(
        self, image: Image.Image, asked: Sequence[EditParams], on_step: OnStep | None = None
    ) -> list[Pending]:
        """Queue edits of one picture, all or none; raises what `submit` does.

        The picture is prepared once, and the engine's cache spares encoding it again.
        """
        return self._enqueue(self._engine.prepare_all(image, asked, on_step))

    def check_free(self) -> None:
        """Raises what `submit` would raise now, whatever the picture: `Overloaded`, `ShuttingDown`.

        To be asked before a picture is decoded in vain.
        """
        self.check_running()
        self._engine.check_free()

    def check_running(self) -> None:
        """Raises `ShuttingDown` when no more edits are taken."""
        if self._draining or not self.alive:
            raise ShuttingDown("this instance is stopping; ask another one", 5.0)

    def measure(self, image: Image.Image, asked: Sequence[EditParams]) -> int:
        """Pixels of all results together.

        Raises the `InvalidRequest` that `submit_all` would; nothing is queued.
        """
        requests = self._engine.prepare_all(image, asked)
        return sum(height * width for height, width in (request.size for request in requests))

    @property
    def waiting(self) -> int:
        """How many edits wait in the engine."""
        return self._engine.waiting

    def stats(self) -> Stats:
        """A copy of the engine's counters."""
        return self._engine.stats()

    def replace_weights(self, package: Package | None) -> None:
        """Edit with the weights of `package` from now on; None: with those of the bundle.

        Blocks until edits that run are finished and the change is made, or has failed: then the
        weights are what they were. Until the change is made its files are in a temporary folder.
        Raises `BundleError` for a package that does not fit or is damaged, `BackendError` for
        weights that cannot be loaded, `WeightsChanging` and `ShuttingDown`.
        """
        if not self._changing.acquire(blocking=False):
            raise WeightsChanging("weights are being replaced; try again when they are", 5.0)
        try:
            self.check_running()  # before time and room on the disk go into files
            with package.applied(self._engine.bundle) if package else nullcontext() as weights:
                with self._wake:
                    self.check_running()
                    done = self._engine.replace_weights(weights)
                    self._wake.notify()
                done.result()
            self.weights = package
        finally:
            self._changing.release()

    def drain(self) -> None:
        """Refuse new edits; accepted ones go on to their end. Returns at once."""
        with self._wake:
            self._draining = True
            self._wake.notify()

    def close(self, timeout_s: float = 30.0) -> None:
        """Drain, wait at most `timeout_s`, cancel what is left, and free the engine."""
        self.drain()
        self._thread.join(timeout_s)
        with self._wake:
            for request in self._futures:
                request.cancelled = True
        self._thread.join()
        self._engine.close()

    def _enqueue(self, requests: Sequence[Request]) -> list[Pending]:
        futures = {request: Pending(request, self._engine) for request in requests}
        with self._wake:
            self.check_running()
            self._engine.add(*requests)
            self._futures |= futures
            self._wake.notify()
        for request, future in futures.items():
            future.add_done_callback(partial(_withdraw, request))
        return list(futures.values())

    def _loop(self) -> None:
        try:
            while self._wait_for_work():
                for request in self._engine.step():
                    self._resolve(request)
        except BaseException as exc:  # a caller must never wait for a thread that is gone
            log.exception("the engine broke")
            self._fail_all(exc)

    def _wait_for_work(self) -> bool:
        with self._wake:
            self._wake.wait_for(lambda: self._draining or not self._engine.idle)
            return not self._engine.idle

    def _resolve(self, request: Request) -> None:
        with self._wake:
            future = self._futures.pop(request)
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(result_of(request))
        except EditError as exc:
            future.set_exception(exc)

    def _fail_all(self, exc: BaseException) -> None:
        with self._wake:
            self._draining = True
            futures, self._futures = list(self._futures.values()), {}
        error = BackendFailure(f"the engine broke and takes no more edits: {exc!r}")
        error.__cause__ = exc
        self._engine.replacement.drop(error)
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)


def _withdraw(request: Request, future: Future[EditResult]) -> None:
    if future.cancelled():
        request.cancelled = True


def open_worker(
    path: str | Path,
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    gpu: GpuOptions = UNASKED,
    limits: Limits | None = None,
    translator: Path | None = None,
) -> EngineWorker:
    """Open the bundle at `path` for many callers; parameters as in `open_editor`."""
    return EngineWorker(
        open_engine(
            path,
            backend=backend,
            device=device,
            precision=precision,
            gpu=gpu,
            limits=limits,
            translator=translator,
        )
    )
