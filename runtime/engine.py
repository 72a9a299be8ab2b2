"""The engine: takes requests at any time and moves all of them, one tick a step."""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future

from PIL import Image

from runtime.backends.base import Backend
from runtime.bundle import Bundle
from runtime.cache import Cache
from runtime.errors import (
    Cancelled,
    InvalidRequest,
    Overloaded,
    ShuttingDown,
)
from runtime.image import edit_size, to_pixels, to_rgb
from runtime.params import EditParams
from runtime.progress import OnStep, Progress
from runtime.replacement import Replacement
from runtime.request import Request, Status
from runtime.runner import Runner
from runtime.samplers import Table, sampler_table
from runtime.scheduler import Limits, Scheduler
from runtime.stats import Stats
from runtime.translation import (
    Interpreter,
    Rules,
    Translation,
    Translator,
    reads_english_alone,
)

log = logging.getLogger(__name__)


class Engine:
    """Schedule, run, update. One thread may call `step`; the other methods are for any thread."""

    def __init__(
        self,
        bundle: Bundle,
        backend: Backend,
        limits: Limits | None = None,
        translator: Translator | None = None,
    ) -> None:
        """Compile the bundle's graphs. Raises `BundleError` or `BackendError`.

        `translator` (without one, `Rules`) is asked for Chinese if the bundle does not read it.
        """
        english = reads_english_alone(bundle.manifest.model.languages)
        self._interpreter = Interpreter(translator or Rules()) if english else None
        self.bundle = bundle
        self.manifest = bundle.manifest
        self.digest = bundle.manifest.digest()
        self.replacement = Replacement()
        limits = limits or Limits()
        self._cache = Cache(limits.max_cache_bytes)
        self._runner = Runner(bundle, backend, self._cache)
        built_for = self._runner.built_for
        self._side = built_for.side if built_for else None
        self._scheduler = Scheduler(limits.within(built_for.rows) if built_for else limits)
        self._stats = Stats()
        self._lock = threading.Lock()
        self._closed = False

    def warm_up(self) -> None:
        """Run a first small edit, so that no caller waits for what libraries do once.

        No counter keeps it, nor does the cache. To be called before any other edit; raises the
        edit's error.
        """
        side = max(64, self._side.least) if self._side else 64
        asked = {"instruction": "warm up", "steps": 1, "max_size": side}
        params = EditParams(**{**self.manifest.defaults, **asked})  # type: ignore[arg-type]
        request = self.prepare(Image.new("RGB", (side, side)), params)
        self.add(request)
        while not request.finished:
            self.step()
        self._cache.clear()
        self._stats = Stats()
        if request.error is not None:
            raise request.error

    def close(self) -> None:
        self._closed = True
        self.replacement.drop(ShuttingDown("the engine is closed; open another one", 1.0))
        self._runner.close()

    @property
    def idle(self) -> bool:
        """Whether `step` has nothing to do."""
        return self._scheduler.idle and not self.replacement.pending

    def replace_weights(self, weights: Bundle | None) -> Future[None]:
        """Edit with `weights`, a bundle that a package made of this one; None: with its own.

        Edits that run are finished with the weights that they began with; then `step` makes the
        change, while those that wait go on waiting. The future holds the error of one that
        failed, after which the weights are what they were. The files are not needed once it is
        done. One change at a time.
        """
        with self._lock:
            self._check_open()
            return self.replacement.ask(weights)

    @property
    def full(self) -> bool:
        """Whether `add` would refuse."""
        return self._scheduler.room < 1

    def translate(self, params: EditParams) -> Translation | None:
        """What the text encoder is given in the place of Chinese words; None: what `params` hold.

        Raises `InvalidRequest` for words that cannot be translated.
        """
        return self._interpreter.translate(params) if self._interpreter else None

    def prepare(
        self, image: Image.Image, params: EditParams, on_step: OnStep | None = None
    ) -> Request:
        """Check and resize, in the caller's thread. Raises `InvalidRequest`."""
        return self.prepare_all(image, [params], on_step)[0]

    def prepare_all(
        self, image: Image.Image, asked: Sequence[EditParams], on_step: OnStep | None = None
    ) -> list[Request]:
        """`prepare` edits of one picture, which share its pixels where they share a size."""
        image = to_rgb(image)  # first, because turning it upright changes its size
        sizes = [self._size(image, params) for params in asked]
        pixels = {size: to_pixels(image, size) for size in set(sizes)}
        return [
            Request(
                params,
                self._table(params),
                pixels[size],
                on_step,
                index,
                translation=self.translate(params),
            )
            for index, (params, size) in enumerate(zip(asked, sizes, strict=True))
        ]

    def add(self, *requests: Request) -> None:
        """Queue prepared requests, all or none.

        Raises `Overloaded` when the queue is too full for them, `InvalidRequest` when it never
        takes so many.
        """
        with self._lock:
            self._check_room(len(requests))
            self._scheduler.add(*requests)

    def check_free(self) -> None:
        """Raises `Overloaded` when the queue is full: cheaper to learn than after `prepare`."""
        with self._lock:
            self._check_room(1)

    def ahead(self, request: Request) -> int:
        """How many wait before `request`; 0 when it is the next, or does not wait any more."""
        with self._lock:
            waiting = self._scheduler.waiting
            return waiting.index(request) if request in waiting else 0

    def step(self) -> list[Request]:
        """Run one tick; returns the requests that it finished, failed or dropped as cancelled.

        A request that is cancelled meanwhile is spared what is left of the tick: encoding, its rows
        or decoding. The next call drops it.
        """
        with self._lock:
            dropped = self._scheduler.drop_cancelled()
            tick = self._scheduler.schedule(joins=not self.replacement.pending)
        if self.replacement.pending and not tick.moving:
            self.replacement.make(self._serve)
        for request in tick.joining:
            request.bundle = self.digest
            if not request.withdrawn:
                self._runner.encode(request)
        self._move([request for request in tick.moving if not request.withdrawn])
        with self._lock:
            finished = [*dropped, *self._scheduler.update(tick)]
            self._count(finished)
        return finished

    @property
    def waiting(self) -> int:
        """How many edits wait; `stats` copies all counters."""
        with self._lock:
            return len(self._scheduler.waiting)

    def stats(self) -> Stats:
        """A copy of the counters."""
        with self._lock:
            stats = copy.deepcopy(self._stats)
            stats.waiting = len(self._scheduler.waiting)
            stats.running = len(self._scheduler.running)
        return stats

    def _serve(self, weights: Bundle | None) -> None:
        self._runner.replace_weights(weights)
        self.manifest = (weights or self.bundle).manifest
        self.digest = self.manifest.digest()

    def _size(self, image: Image.Image, params: EditParams) -> tuple[int, int]:
        """(width, height) of the edit."""
        limits, multiple = self._scheduler.limits, self.manifest.model.size_multiple
        width, height = edit_size(*image.size, params.max_size, multiple)
        if width * height > limits.max_pixels:
            raise InvalidRequest(
                f"the edit would have {width}x{height} = {width * height} pixels, this engine "
                f"takes {limits.max_pixels}; lower max_size {params.max_size}"
            )
        if self._side and not (width in self._side and height in self._side):
            raise InvalidRequest(
                f"the edit would have {width}x{height} pixels, these engines were built for sides "
                f"of {self._side}; send a picture of another size or max_size {params.max_size}, "
                "or serve the bundle's ONNX graphs"
            )
        return width, height

    def _table(self, params: EditParams) -> Table:
        schedule, prediction = self.manifest.noise_schedule, self.manifest.model.prediction_type
        return sampler_table(params.sampler, schedule, prediction, params.steps)

    def _move(self, requests: list[Request]) -> None:
        """One step of each, and the picture of those that took their last."""
        if not requests:
            return
        fresh = [request for request in requests if request.step == 0]
        start = time.perf_counter()
        rows = self._runner.tick(requests)
        end = time.perf_counter()
        with self._lock:
            if rows:
                height, width = requests[0].size
                self._stats.count_tick(rows, height * width, end - start)
            for request in fresh:
                if request.step == 1:
                    self._stats.first_step_s.observe(end - request.marks["submitted"])
        for request in requests:
            self._after_step(request)

    def _after_step(self, request: Request) -> None:
        if request.status is Status.RUNNING and request.on_step is not None:
            try:
                request.on_step(self._progress(request))
            except Exception:
                log.exception("on_step of request %d failed; the edit goes on", request.id)
        if request.step == request.table.steps and not request.withdrawn:
            self._runner.decode(request)

    def _progress(self, request: Request) -> Progress:
        assert request.latents is not None
        return Progress(
            request.index,
            request.step,
            request.table.steps,
            time.perf_counter() - request.marks["encoded"],
            request.latents.history,
            self.manifest.preview,
        )

    def _count(self, finished: list[Request]) -> None:
        self._stats.cache_hits, self._stats.cache_misses = self._cache.hits, self._cache.misses
        self._stats.cache_bytes = self._cache.bytes
        for request in finished:
            if request.status is Status.DONE:
                timings = request.timings()
                self._stats.count_done(timings.total_s, timings.queue_s)
            elif request.status is Status.FAILED:
                self._stats.failed += 1
            else:
                request.error = Cancelled(f"cancelled after {request.step} steps")
                self._stats.cancelled += 1

    def _check_open(self) -> None:
        if self._closed:
            raise ShuttingDown("the engine is closed; open another one", 1.0)

    def _check_room(self, count: int) -> None:
        self._check_open()
        limits, waiting = self._scheduler.limits, len(self._scheduler.waiting)
        if count > limits.capacity:
            raise InvalidRequest(
                f"{count} edits at once are too many; this engine takes {limits.capacity}"
            )
        if count <= self._scheduler.room:
            return
        self._stats.rejected += count
        retry_after = self._stats.retry_after(waiting, limits.max_running)
        raise Overloaded(
            f"{waiting} edits are waiting, the queue takes {limits.max_queue}; "
            f"try again in {retry_after:.0f} s",
            retry_after,
        )
