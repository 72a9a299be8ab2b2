"""Listening to `POST /edit/stream`, with the engine's ticks and the reading in a test's hands."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, NamedTuple

import httpx2
from httpx2 import Response
from starlette.testclient import TestClient

from runtime.backends import fake
from runtime.backends.base import Arrays
from runtime.manifest import Model
from tests.runtime.broken_backend import Fault
from tests.service.conftest import raw_post, wait_until
from tests.service.pictures import PNG

LAST = ("result", "error")


class Event(NamedTuple):
    name: str
    data: dict[str, Any]


def events(text: str) -> list[Event]:
    """Every event of a stream that has ended, comments left out."""
    assert text.endswith("\n\n")
    return [_event(block) for block in text[:-2].split("\n\n") if not block.startswith(":")]


def _event(block: str) -> Event:
    name, data = block.split("\n")
    assert name.startswith("event: ")
    assert data.startswith("data: ")
    return Event(name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))


def named(name: str, told: list[Event]) -> list[dict[str, Any]]:
    return [event.data for event in told if event.name == name]


def listen(client: TestClient, image: bytes = PNG, **fields: Any) -> Response:
    data = {"instruction": "make it night", **fields}
    return client.post("/edit/stream", files={"image": ("a.png", image)}, data=data)


def told_by(response: Response) -> list[Event]:
    assert response.status_code == 200, response.text
    told = events(response.text)
    check_order(told)
    return told


def check_order(told: list[Event]) -> None:
    """Queued first, one last event; of each picture the steps go up."""
    assert told[0].name == "queued"
    assert [event.name in LAST for event in told] == [False] * (len(told) - 1) + [True]
    for progress in named("progress", told):
        assert 0 < progress["step"] <= progress["steps"]
        assert progress["remaining_seconds"] >= 0
    steps: dict[int, int] = {}
    for progress in named("progress", told):
        assert progress["step"] > steps.get(progress["image"], 0)
        steps[progress["image"]] = progress["step"]


class Listener:
    """Posts an edit and hears the stream as it comes, as long as `read` is true."""

    def __init__(self, client: TestClient, image: bytes = PNG, **fields: Any) -> None:
        data = {"instruction": "make it night", **{k: str(v) for k, v in fields.items()}}
        request = httpx2.Request("POST", "http://testserver/", files={"image": image}, data=data)
        self._body: bytes | None = request.read()
        self._left = False
        self.read = True
        self.text = ""
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        self.ended = raw_post(client, headers, self._receive, path="/edit/stream", hear=self._hear)

    def leave(self) -> None:
        self._left = True

    def events(self) -> list[Event]:
        """All of them, once the stream has ended."""
        self.ended.result(60)
        return events(self.text)

    def hears(self, name: str, count: int = 1) -> None:
        wait_until(lambda: self.text.count(f"event: {name}\n") >= count)

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        while not self._left:
            await asyncio.sleep(0.005)
        return {"type": "http.disconnect"}

    async def _hear(self, message: Any) -> None:
        while not self.read and not self._left:
            await asyncio.sleep(0.005)
        self.text += message.get("body", b"").decode()


class Ticks:
    """Lets the fake model compute one tick for each permit; `fault` may spoil them."""

    def __init__(self, fault: Fault | None = None) -> None:
        self._permits = threading.Semaphore(0)
        self._fault = fault
        self._tick = fake._GRAPHS["tick"]

    def allow(self, count: int = 1) -> None:
        self._permits.release(count)

    def __call__(self, model: Model, inputs: Arrays) -> Arrays:
        assert self._permits.acquire(timeout=60)
        outputs = self._tick(model, inputs)
        if self._fault is not None:
            self._fault("tick", inputs, outputs)
        return outputs
