"""How far a build has got, as TensorRT calls back to tell it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Progress = Callable[[str, float], None]  # phase by TensorRT's name, share done


def monitor(trt: Any, on_progress: Progress) -> Any:
    """An `IProgressMonitor`. Its `stopped` is what a callback raised, Ctrl-C above all: the library
    would only print that. It cancels the build then, and whoever began the build raises it.
    """

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.sizes: dict[str, int] = {}
            self.stopped: BaseException | None = None

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            self.sizes[name] = steps

        def step_complete(self, name: str, step: int) -> bool:
            return self._tell(name, (step + 1) / max(1, self.sizes.get(name, 1)))

        def phase_finish(self, name: str) -> None:
            self._tell(name, 1.0)

        def _tell(self, name: str, share: float) -> bool:
            try:
                on_progress(name, share)
            except BaseException as exc:
                self.stopped = exc
            return self.stopped is None

    return Monitor()
