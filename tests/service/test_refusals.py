"""What `POST /edit` does not accept, and how it says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from runtime.params import EditParams
from tests.service.calls import error_of, post
from tests.service.conftest import raw_post
from tests.service.pictures import PNG, encoded, picture, png_header


@pytest.mark.parametrize(
    "upload",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        PNG[:-40],
        PNG[:30],
        b"\xff\xd8\xff",
    ],
    ids=["empty", "text", "svg", "truncated", "header only", "jpeg start"],
)
def test_what_is_no_picture_is_unsupported(client: TestClient, upload: bytes) -> None:
    assert error_of(post(client, upload), 415)["code"] == "unsupported_image"


@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (60_000, 60_000), (2**31 - 1, 1)])
def test_a_picture_of_too_many_pixels_is_refused_by_its_header(
    client: TestClient, width: int, height: int
) -> None:
    error = error_of(post(client, png_header(width, height)), 413)
    assert error["code"] == "too_large"
    assert str(width * height) in error["message"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"instruction": ""}, "instruction"),
        ({"instruction": "   "}, "instruction"),
        ({"instruction": "x" * 1001}, "instruction"),
        ({"instruction": '"\\ud800"'}, "instruction"),
        ({"negative_instruction": "x" * 1001}, "negative_instruction"),
        ({"steps": "0"}, "steps"),
        ({"steps": "151"}, "steps"),
        ({"steps": "2.5"}, "steps"),
        ({"steps": "many"}, "steps"),
        ({"steps": "9" * 400}, "steps"),
        ({"text_guidance": "nan"}, "text_guidance"),
        ({"text_guidance": "inf"}, "text_guidance"),
        ({"image_guidance": "-1"}, "image_guidance"),
        ({"image_guidance": "1,5"}, "image_guidance"),
        ({"seed": "-1"}, "seed"),
        ({"seed": str(2**32)}, "seed"),
        ({"sampler": "magic"}, "sampler"),
        ({"sampler": "magic" * 1000}, "sampler"),
        ({"plan": "magic"}, "plan"),
        ({"max_size": "4096"}, "max_size"),
        ({"colour": "red"}, None),
        ({"steps": ["3", "4"]}, "steps"),
    ],
)
def test_a_wrong_field_is_named(
    client: TestClient, fields: dict[str, Any], field: str | None
) -> None:
    error = error_of(post(client, **fields), 422)
    assert error["code"] == "invalid_request"
    assert error.get("field") == field
    assert len(error["message"]) < 300


def test_an_unknown_field_is_told_with_the_known_ones(client: TestClient) -> None:
    message = error_of(post(client, colour="red"), 422)["message"]
    assert "'colour'" in message
    assert all(name in message for name in EditParams.__dataclass_fields__)


@pytest.mark.parametrize(
    ("files", "data", "field"),
    [
        ({"image": ("a.png", PNG)}, {}, "instruction"),
        ({"other": ("a.png", PNG)}, {"instruction": "x"}, None),
        ([("image", ("a.png", PNG)), ("image", ("b.png", PNG))], {"instruction": "x"}, "image"),
        ({"image": ("a.png", PNG), "steps": ("s.txt", b"3")}, {"instruction": "x"}, "steps"),
        ({"instruction": (None, b"x")}, {}, "image"),
        ({"image": (None, b"http://localhost/a.png"), "instruction": (None, b"x")}, {}, "image"),
    ],
    ids=[
        "no instruction",
        "unknown file",
        "two images",
        "file for text",
        "no image",
        "image by URL",
    ],
)
def test_missing_doubled_and_misplaced_parts(
    client: TestClient, files: Any, data: dict[str, str], field: str | None
) -> None:
    assert error_of(client.post("/edit", files=files, data=data), 422).get("field") == field


def test_a_shape_beyond_the_aspect_is_refused(client: TestClient) -> None:
    error_of(post(client, encoded(picture(400, 10))), 422)


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"instruction=x", 415),
        ("image/png", PNG, 415),
        ("application/vnd.bentoml+pickle", b"cos\nsystem\n", 415),
        ("", b"", 415),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=b", b"no boundary here", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx", 400),
        ("multipart/form-data; boundary=b", b"", 422),
        (
            "multipart/form-data; boundary=b; charset=undefined",
            b'--b\r\nContent-Disposition: form-data; name="instruction"\r\n\r\nx\r\n--b--\r\n',
            400,
        ),
    ],
)
def test_a_body_that_is_no_form(
    client: TestClient, content_type: str, body: bytes, status: int
) -> None:
    error_of(client.post("/edit", content=body, headers={"content-type": content_type}), status)


def test_too_many_parts_are_a_malformed_body(client: TestClient) -> None:
    parts = [("image", (f"{i}.png", PNG)) for i in range(3)]
    error = error_of(client.post("/edit", files=parts), 400)
    assert error["code"] == "malformed_body"


def test_a_body_past_the_bound_is_refused_by_its_length(client: TestClient) -> None:
    error = error_of(post(client, PNG + bytes(2**20)), 413)
    assert error["code"] == "too_large"
    assert "1 MiB" in error["message"]


def test_a_refusal_by_length_is_whole_before_the_body_is_read(client: TestClient) -> None:
    sent: list[Any] = []
    told: list[bytes] = []

    async def receive() -> dict[str, Any]:
        told.append(b"".join(message.get("body", b"") for message in sent))
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"content-length", b"99999999")]
    assert raw_post(client, headers, receive, sent).result(timeout=60) == [413]
    assert json.loads(told[0])["error"]["code"] == "too_large"
    assert not sent[-1].get("more_body")


@pytest.mark.parametrize(("chunks", "taken"), [(40, 40), (1000, 64)])
def test_a_body_past_the_bound_is_refused_while_it_is_counted(
    client: TestClient, chunks: int, taken: int
) -> None:
    """It is read to its end, or the client would meet a closed connection instead of the answer;
    but not for ever: to four times the bound of 1 MiB.
    """
    part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    left = chunks

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        body = (part if left == chunks - 1 else b"").ljust(2**16, b"\0")
        return {"type": "http.request", "body": body, "more_body": left > 0}

    content_type = (b"content-type", b"multipart/form-data; boundary=b")
    assert raw_post(client, [content_type], receive).result(timeout=60) == [413]
    assert chunks - left == taken


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_told_the_right_one(client: TestClient, method: str) -> None:
    response = client.request(method, "/edit")
    assert error_of(response, 405)["code"] == "method_not_allowed"
    assert response.headers["allow"] == "POST"


def test_an_unknown_path_has_the_same_envelope(client: TestClient) -> None:
    assert error_of(client.get("/edits"), 404)["code"] == "not_found"
