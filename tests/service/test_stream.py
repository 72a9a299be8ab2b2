"""`POST /edit/stream`: what it takes, what it refuses, and how it ends."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.service.calls import error_of, post
from tests.service.listening import listen, named, told_by
from tests.service.pictures import PNG


def without_times(image: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in image.items() if key not in ("seconds", "timings_ms")}


@pytest.mark.parametrize("n", [1, 3])
def test_a_stream_ends_with_what_edit_answers(client: TestClient, n: int) -> None:
    told = told_by(listen(client, n=n, seed=2**32 - 2, steps=5))
    plain = client.post(
        "/edit",
        files={"image": PNG},
        data={"instruction": "make it night", "n": n, "seed": 2**32 - 2, "steps": 5},
        headers={"accept": "application/json"},
    ).json()
    seeds = [2**32 - 2, 2**32 - 1, 0][:n]
    assert told[0].data == {"position": 0, "seeds": seeds, "size": "48x40", "steps": 5}
    assert told[-1].name == "result"
    result = told[-1].data
    assert list(result) == list(plain) == ["images"]
    assert list(map(without_times, result["images"])) == list(map(without_times, plain["images"]))


def test_a_stream_is_neither_stored_nor_held_back(client: TestClient) -> None:
    headers = listen(client).headers
    assert headers["content-type"].partition(";")[0] == "text/event-stream"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert "content-length" not in headers
    assert headers["x-request-id"]


def test_json_is_taken_too(client: TestClient) -> None:
    image = base64.b64encode(PNG).decode()
    body = {"image": image, "instruction": "make it night", "n": 2, "preview_every": 1}
    told = told_by(client.post("/edit/stream", json=body))
    assert len(told[-1].data["images"]) == 2


def test_without_previews_none_is_made(client: TestClient) -> None:
    for fields in ({}, {"preview_every": 0}, {"preview_every": ""}):
        told = told_by(listen(client, **fields))
        assert not [progress for progress in named("progress", told) if "preview" in progress]


@pytest.mark.parametrize("every", [-1, 151, 1.5, "two", True])
def test_a_preview_every_out_of_bounds_is_named(client: TestClient, every: Any) -> None:
    image = base64.b64encode(PNG).decode()
    body = {"image": image, "instruction": "make it night", "preview_every": every}
    error = error_of(client.post("/edit/stream", json=body), 422)
    assert error["field"] == "preview_every"
    assert "[0, 150]" in error["message"]


def test_edit_itself_knows_no_previews(client: TestClient) -> None:
    assert "preview_every" in error_of(post(client, preview_every=1), 422)["message"]
