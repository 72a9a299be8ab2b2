"""Whatever face and format a result comes by, its file says what repeats it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from runtime import Provenance, read_provenance
from runtime.version import VERSION
from tests.service.conftest import worker
from tests.service.pictures import PNG

ASKED: dict[str, Any] = {"text_guidance": 3.5, "image_guidance": 2, "steps": 3, "seed": 7}


def expected(**overrides: Any) -> Provenance:
    params = worker().params("make it ☃ night", **ASKED | overrides)
    return Provenance(params, worker().manifest.digest(), VERSION)


def edit(client: TestClient, accept: str, **fields: Any) -> Response:
    return client.post(
        "/edit",
        files={"image": PNG},
        data={"instruction": "make it ☃ night", **ASKED, **fields},
        headers={"accept": accept},
    )


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/webp"])
def test_a_picture_repeats_itself(client: TestClient, media_type: str) -> None:
    answer = edit(client, media_type)
    record = read_provenance(answer.content)
    assert record == expected()
    told = {name: getattr(record.params, name) for name in ("instruction", *ASKED, "sampler")}
    again = edit(client, media_type, **told)
    assert again.content == answer.content


def test_each_variation_has_its_own_seed(client: TestClient) -> None:
    entries = edit(client, "application/json", n=3).json()["images"]
    found = [read_provenance(base64.b64decode(entry["image"])) for entry in entries]
    assert found == [expected(seed=seed) for seed in (7, 8, 9)]


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_openais_face_writes_the_same(client: TestClient, kind: str) -> None:
    form = {"prompt": "make it ☃ night", "output_format": kind, **ASKED}
    answer = client.post("/v1/images/edits", files={"image": PNG}, data=form)
    (entry,) = answer.json()["data"]
    assert read_provenance(base64.b64decode(entry["b64_json"])) == expected()
