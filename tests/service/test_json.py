"""`POST /edit` with a JSON body, and the answers that `Accept` chooses."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from httpx2 import Response
from PIL import Image
from starlette.testclient import TestClient

from runtime.params import EditParams
from tests.service.calls import error_of, pixels, post
from tests.service.conftest import raw_post
from tests.service.pictures import PNG, encoded, png_header


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def post_json(client: TestClient, accept: str = "*/*", **fields: Any) -> Response:
    body = {"image": in_base64(PNG), "instruction": "make it night", **fields}
    return post_text(client, json.dumps(body), accept)


def post_text(client: TestClient, text: str | bytes, accept: str = "*/*") -> Response:
    headers = {"content-type": "application/json", "accept": accept}
    return client.post("/edit", content=text, headers=headers)


FULL: dict[str, Any] = {
    "instruction": "sepia ☃",
    "negative_instruction": "the car",
    "text_guidance": 3.5,
    "image_guidance": 2,
    "guidance_rescale": 0.5,
    "steps": 3,
    "sampler": "ddim",
    "seed": 7,
    "plan": "exact",
    "max_size": 80,
}


def test_a_json_body_is_edited_as_a_form_is(client: TestClient) -> None:
    assert FULL.keys() == EditParams.__dataclass_fields__.keys()
    assert post_json(client, **FULL).content == post(client, **FULL).content


def test_null_is_the_default(client: TestClient) -> None:
    absent = post_json(client, seed=3)
    nulls: dict[str, Any] = {name: None for name in FULL if name not in ("instruction", "seed")}
    assert post_json(client, seed=3, **nulls).content == absent.content


@pytest.mark.parametrize("text", ["null", "", '"quoted"', "123"])
def test_texts_of_json_are_taken_as_they_are(client: TestClient, text: str) -> None:
    if text:
        told = post_json(client, accept="application/json", instruction=text)
        assert told.status_code == 200
    else:
        assert error_of(post_json(client, instruction=text), 422)["field"] == "instruction"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"instruction": 5}, "instruction"),
        ({"instruction": None}, "instruction"),
        ({"instruction": "x" * 1001}, "instruction"),
        ({"instruction": "\ud800"}, "instruction"),
        ({"steps": "4"}, "steps"),
        ({"steps": 4.5}, "steps"),
        ({"steps": True}, "steps"),
        ({"steps": 151}, "steps"),
        ({"steps": [4]}, "steps"),
        ({"seed": 10**30}, "seed"),
        ({"text_guidance": "7"}, "text_guidance"),
        ({"text_guidance": 1e300}, "text_guidance"),
        ({"sampler": {"name": "ddim"}}, "sampler"),
        ({"plan": 1}, "plan"),
        ({"colour": None}, None),
        ({"image": None}, "image"),
        ({"image": 5}, "image"),
        ({"image": {"url": "http://localhost/a.png"}}, "image"),
        ({"image": "http://localhost/a.png"}, "image"),
        ({"image": "data:image/png;base64," + in_base64(PNG)}, "image"),
        ({"image": in_base64(PNG)[:76] + "\n" + in_base64(PNG)[76:]}, "image"),
        ({"image": in_base64(PNG)[:-1]}, "image"),
        ({"image": "☃"}, "image"),
    ],
)
def test_a_wrong_field_is_named(
    client: TestClient, fields: dict[str, Any], field: str | None
) -> None:
    error = error_of(post_json(client, **fields), 422)
    assert error["code"] == "invalid_request"
    assert error.get("field") == field
    assert len(error["message"]) < 300


@pytest.mark.parametrize("upload", [b"", b"hello", PNG[:-40]])
def test_what_is_no_picture_is_unsupported(client: TestClient, upload: bytes) -> None:
    assert error_of(post_json(client, image=in_base64(upload)), 415)["code"] == "unsupported_image"


def test_too_many_pixels_are_refused(client: TestClient) -> None:
    error_of(post_json(client, image=in_base64(png_header(10_000, 10_000))), 413)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"[" * 100_000,
        b'{"seed": NaN}',
        b'{"seed": -Infinity}',
        b'{"seed": ' + b"9" * 5000 + b"}",
        b'{"instruction": "\xff"}',
        '{"instruction": "x"}'.encode("utf-16"),
    ],
    ids=[
        "empty",
        "cut",
        "list",
        "null",
        "string",
        "deep",
        "NaN",
        "infinity",
        "long number",
        "latin-1",
        "utf-16",
    ],
)
def test_what_is_no_json_object_is_malformed(client: TestClient, text: bytes) -> None:
    error = error_of(post_text(client, text), 400)
    assert error["code"] == "malformed_body"
    assert len(error["message"]) <= 200


def test_missing_and_doubled_fields_are_named(client: TestClient) -> None:
    assert error_of(post_text(client, b"{}"), 422)["field"] == "image"
    image = in_base64(PNG)
    assert error_of(post_text(client, json.dumps({"image": image})), 422)["field"] == "instruction"
    twice = f'{{"image": "{image}", "instruction": "x", "steps": 3, "steps": 4}}'
    assert error_of(post_text(client, twice), 422)["field"] == "steps"


def test_a_json_body_has_the_bound_of_every_body(client: TestClient) -> None:
    error = error_of(post_json(client, image=in_base64(bytes(2**20))), 413)
    assert error["code"] == "too_large"


def test_a_json_body_may_come_in_any_pieces(client: TestClient) -> None:
    body = json.dumps({"image": in_base64(PNG), "instruction": "x"}).encode()
    pieces = [body[i : i + 1000] for i in range(0, len(body), 1000)]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if not pieces:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    headers = [(b"content-type", b"application/json; charset=utf-8")]
    assert raw_post(client, headers, receive, sent).result(timeout=60) == [200]


@pytest.mark.parametrize(
    ("media_type", "kind"), [("image/png", "PNG"), ("image/jpeg", "JPEG"), ("image/webp", "WEBP")]
)
def test_accept_chooses_the_format_of_the_picture(
    client: TestClient, media_type: str, kind: str
) -> None:
    smooth = encoded(Image.new("RGB", (64, 48), (200, 120, 40)))
    asked: dict[str, Any] = {"image": in_base64(smooth), "seed": 1, "steps": 2}
    answer = post_json(client, accept=f"{media_type}, image/gif", **asked)
    assert answer.headers["content-type"] == media_type
    assert answer.headers["x-retouch-seed"] == "1"
    assert Image.open(io.BytesIO(answer.content)).format == kind
    exact = pixels(post_json(client, **asked)).astype(int)
    assert np.abs(pixels(answer) - exact).mean() < 6


def test_a_json_answer_holds_the_picture_and_what_the_headers_hold(client: TestClient) -> None:
    as_png = post_json(client, seed=9)
    as_json = post_json(client, accept="application/json", seed=9)
    assert as_json.headers["content-type"] == "application/json"
    (entry,) = as_json.json()["images"]
    assert base64.b64decode(entry.pop("image")) == as_png.content
    assert entry.pop("media_type") == "image/png"
    assert (entry.pop("instruction"), entry.pop("translation")) == ("make it night", None)
    assert entry.pop("timings_ms").keys() == {"queue", "encode", "denoise", "decode"}
    for headers in (as_png.headers, as_json.headers):
        told = {name: headers[f"x-retouch-{name}"] for name in entry if name != "seconds"}
        assert told == {name: str(value) for name, value in entry.items() if name != "seconds"}
        assert "x-retouch-seconds" in headers


@pytest.mark.parametrize("accept", ["image/gif", "text/html", "image/png;q=0", "nonsense"])
def test_what_cannot_be_given_is_not_acceptable(client: TestClient, accept: str) -> None:
    error = error_of(post_json(client, accept=accept), 406)
    assert error["code"] == "not_acceptable"
    for offer in ("image/png", "image/jpeg", "image/webp", "application/json"):
        assert offer in error["message"]
