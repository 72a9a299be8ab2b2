"""A service over the fake backend, in this process."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from runtime.progress import Progress
from runtime.worker import EngineWorker
from tests.fake_bundle import write_fake_bundle

# Before anything imports bentoml: no telemetry, and a home of its own.
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
HOME = os.environ["BENTOML_HOME"] = tempfile.mkdtemp(prefix="bentoml-home-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # bentoml uses what pydantic and pathspec deprecate
    import bentoml

    from service.app import EditService


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_bundle(tmp_path_factory.mktemp("service") / "fake")


@pytest.fixture(scope="session")
def serving(bundle: Path) -> Callable[..., contextlib.AbstractContextManager[TestClient]]:
    """Start the service: `serving(MAX_QUEUE=1)` sets RETOUCH_MAX_QUEUE. One at a time."""

    @contextlib.contextmanager
    def start(**variables: object) -> Iterator[TestClient]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RETOUCH_BUNDLE", str(bundle))
            patch.setenv("RETOUCH_BACKEND", "fake")
            patch.setenv("RETOUCH_JOBS_DIR", tempfile.mkdtemp(prefix="jobs-", dir=HOME))
            for name, value in variables.items():
                patch.setenv(f"RETOUCH_{name}", str(value))
            with TestClient(EditService.to_asgi()) as client:  # type: ignore[attr-defined]
                yield client

    return start


@pytest.fixture(scope="module")
def client(
    serving: Callable[..., contextlib.AbstractContextManager[TestClient]],
) -> Iterator[TestClient]:
    with serving(MAX_UPLOAD_MB=1) as running:
        yield running


class Held:
    """Stops the engine in the middle of an edit, for as long as the `with` block lasts."""

    def __init__(self, worker: EngineWorker) -> None:
        self._worker = worker
        self._reached, self._free = threading.Event(), threading.Event()

    def _wait(self, progress: Progress) -> None:
        if progress.step == 1:
            return  # a request counts as running from its second step on
        self._reached.set()
        self._free.wait(timeout=60)

    def __enter__(self) -> None:
        params = self._worker.params("make it night", steps=2)
        self._future = self._worker.submit(Image.new("RGB", (64, 64)), params, self._wait)
        assert self._reached.wait(timeout=60)

    def __exit__(self, *exc: object) -> None:
        self._free.set()
        self._future.result(timeout=60)


@pytest.fixture
def hold() -> Callable[[], Held]:
    return lambda: Held(worker())


def worker() -> EngineWorker:
    """The engine worker of the running service."""
    found: EngineWorker = bentoml.get_current_service().worker
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited for a minute"
        time.sleep(0.005)


def raw_post(
    client: TestClient,
    headers: list[tuple[bytes, bytes]],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    sent: list[Any] | None = None,
    path: str = "/edit",
    hear: Callable[[Any], Awaitable[None]] | None = None,
    method: str = "POST",
) -> Future[list[int]]:
    """A request with every message of the body in the caller's hands; holds the statuses sent.

    `sent` is given every message of the response, and `hear` is awaited with it.
    """
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
        "client": None,
        "server": ("testserver", 80),
    }
    statuses: list[int] = []

    async def send(message: Any) -> None:
        if sent is not None:
            sent.append(message)
        if hear is not None:
            await hear(message)
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def exchange() -> list[int]:
        await client.app(scope, receive, send)
        return statuses

    assert client.portal is not None
    return client.portal.start_task_soon(exchange)
