"""The content check: pictures that are refused before they are edited, or after."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from PIL import Image

from runtime.content import Classifier, Verdict
from runtime.editor import EditResult
from runtime.engine import Engine
from runtime.params import EditParams
from runtime.progress import OnStep
from runtime.worker import EngineWorker, Pending
from service.errors import CONTENT_REFUSED, HttpError


class CheckingWorker(EngineWorker):
    """An engine worker that gives no picture away whose score reaches the threshold.

    What every route edits passes through here. An input is checked in the thread that submits it,
    a result in a thread of its own, so that neither the event loop nor the engine waits.
    """

    def __init__(self, engine: Engine, classifier: Classifier, threshold: float) -> None:
        super().__init__(engine)
        self._classifier, self._threshold = classifier, threshold
        self._thread_of_checks = ThreadPoolExecutor(1, thread_name_prefix="content")

    @property
    def previews(self) -> bool:
        """None, because they would show what has not been checked."""
        return False

    def submit_all(
        self, image: Image.Image, asked: Sequence[EditParams], on_step: OnStep | None = None
    ) -> list[Pending]:
        """As `EngineWorker`; raises `HttpError` 422 for the input too, and the futures hold it."""
        score = self._input_passed(image)
        futures = super().submit_all(image, asked, on_step)
        return [self._checked(future, score) for future in futures]

    def measure(self, image: Image.Image, asked: Sequence[EditParams]) -> int:
        """As `EngineWorker`; raises `HttpError` 422 for an input that `submit_all` would refuse."""
        self._input_passed(image)
        return super().measure(image, asked)

    def close(self, timeout_s: float = 30.0) -> None:
        super().close(timeout_s)
        self._thread_of_checks.shutdown()

    def check(self, image: Image.Image) -> None:
        """Raises `HttpError` 422 for an input that `submit_all` would refuse."""
        self._input_passed(image)

    def _checked(self, edited: Pending, score: float) -> Pending:
        """A future that stands for `edited` and a check of its result."""
        checked = edited.twin()
        checked.add_done_callback(lambda done: edited.cancel() if done.cancelled() else None)
        edited.add_done_callback(partial(self._check_later, checked, score))
        return checked

    def _check_later(
        self, checked: Future[EditResult], score: float, edited: Future[EditResult]
    ) -> None:
        if edited.cancelled():
            checked.cancel()
        else:
            self._thread_of_checks.submit(self._check, checked, score, edited)

    def _check(self, checked: Future[EditResult], score: float, edited: Future[EditResult]) -> None:
        if not checked.set_running_or_notify_cancel():
            return
        try:
            result = edited.result()
            found = self._passed(
                result.image, "the result is withheld by the content check", "ask for another edit"
            )
            checked.set_result(dataclasses.replace(result, content=Verdict(score, found)))
        except Exception as exc:
            checked.set_exception(exc)

    def _input_passed(self, image: Image.Image) -> float:
        return self._passed(image, "the picture is refused by the content check", "send another")

    def _passed(self, image: Image.Image, refused: str, remedy: str) -> float:
        """The score, when it is below the threshold; a score that is no number is not."""
        score = self._classifier.score(image)
        if not score < self._threshold:
            raise HttpError(
                CONTENT_REFUSED,
                f"{refused}: its score {score:.3f} is not below {self._threshold:g}; {remedy}",
            )
        return score
