"""What `POST /edit` answers to whom."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from httpx2 import Response
from PIL import Image
from starlette.testclient import TestClient

from runtime.params import EditParams
from tests.service.conftest import raw_post
from tests.service.pictures import PNG, encoded, picture, png_header

Serving = Callable[..., AbstractContextManager[TestClient]]


@pytest.fixture(scope="module")
def client(serving: Serving) -> Iterator[TestClient]:
    with serving(MAX_UPLOAD_MB=1) as running:
        yield running


def post(client: TestClient, image: bytes = PNG, **fields: Any) -> Response:
    data = {"instruction": "make it night", **fields}
    return client.post("/edit", files={"image": ("a.png", image)}, data=data)


def error_of(response: Response, status: int) -> dict[str, str]:
    """Every error is one envelope, with the request id of the header."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["error"]
    error: dict[str, str] = body["error"]
    assert set(error) - {"field"} == {"code", "message", "request_id"}
    assert error["request_id"] == response.headers["x-request-id"]
    assert error["message"]
    return error


def pixels(response: Response) -> np.ndarray[Any, Any]:
    assert response.status_code == 200, response.text
    return np.asarray(Image.open(io.BytesIO(response.content)))


def test_answers_with_a_png_and_what_repeats_it(client: TestClient) -> None:
    first = post(client)
    headers = first.headers
    assert headers["content-type"] == "image/png"
    assert pixels(first).shape == (40, 48, 3)
    assert headers["x-retouch-size"] == "48x40"
    assert (headers["x-retouch-steps"], headers["x-retouch-sampler"]) == ("4", "euler_a")
    assert float(headers["x-retouch-seconds"]) >= 0
    assert {part.partition(";")[0] for part in headers["server-timing"].split(", ")} == {
        "queue",
        "encode",
        "denoise",
        "decode",
    }
    again = post(client, seed=headers["x-retouch-seed"])
    assert again.content == first.content


def test_rows_follow_the_guidance_scales(client: TestClient) -> None:
    def rows(**fields: Any) -> str:
        return post(client, steps=5, **fields).headers["x-retouch-rows"]

    assert rows() == "15"
    assert rows(image_guidance=1) == "10"
    assert rows(image_guidance=1, text_guidance=1) == "5"


def test_defaults_are_those_of_the_bundle_not_of_the_reference(client: TestClient) -> None:
    answer = post(client, encoded(picture(200, 100)))
    assert answer.headers["x-retouch-steps"] == "4"
    assert answer.headers["x-retouch-size"] == "64x32"


def test_every_parameter_reaches_the_engine(client: TestClient) -> None:
    base = post(client, seed=1).content
    changed: dict[str, Any] = {
        "instruction": "sepia",
        "negative_instruction": "the car",
        "text_guidance": "3.5",
        "image_guidance": "2",
        "steps": "1",
        "sampler": "ddim",
        "seed": "2",
        "max_size": "80",
    }
    assert set(changed) == set(EditParams.__dataclass_fields__) - {"plan"}
    answers = {
        name: post(client, **({"seed": 1} | {name: value})) for name, value in changed.items()
    }
    assert answers["steps"].headers["x-retouch-steps"] == "1"
    assert answers["sampler"].headers["x-retouch-sampler"] == "ddim"
    assert answers["seed"].headers["x-retouch-seed"] == "2"
    for name in ("instruction", "negative_instruction", "text_guidance", "image_guidance"):
        assert answers[name].content != base, name
    assert post(client, seed=1, plan="exact").content == base


@pytest.mark.parametrize(
    "text", ["123", "null", "true", "1e5", "[a]", '"', '"half', "☃ naïve", "{}"]
)
def test_an_instruction_is_text_whatever_it_looks_like(client: TestClient, text: str) -> None:
    raw = post(client, instruction=text, seed=3)
    as_json = post(client, instruction=json.dumps(text), seed=3)
    assert pixels(raw).shape == (40, 48, 3)
    assert raw.content == as_json.content


def test_a_json_string_loses_its_quotes(client: TestClient) -> None:
    quoted, plain = (
        post(client, instruction=t, seed=3) for t in ('"make it night"', "make it night")
    )
    assert quoted.content == plain.content


def test_null_or_empty_leaves_the_default(client: TestClient) -> None:
    absent = post(client, seed=3)
    for empty in ("", "null"):
        given = post(client, seed=3, steps=empty, sampler=empty, text_guidance=empty)
        assert given.content == absent.content


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "RGBA"),
        ("PNG", "L"),
        ("PNG", "I;16"),
        ("PNG", "P"),
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("WEBP", "RGB"),
        ("GIF", "P"),
        ("TIFF", "RGB"),
        ("BMP", "RGB"),
    ],
)
def test_takes_every_common_picture_whatever_its_name(
    client: TestClient, kind: str, mode: str
) -> None:
    image = picture(mode="L").convert("I;16") if mode == "I;16" else picture(mode=mode)
    assert pixels(post(client, encoded(image, kind))).shape == (40, 48, 3)


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
        ("application/json", b"{}", 415),
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


def test_a_request_id_is_kept_when_it_is_harmless(client: TestClient) -> None:
    def id_for(given: str) -> str:
        return client.get("/nowhere", headers={"x-request-id": given}).headers["x-request-id"]

    assert id_for("trace-1.a:b") == "trace-1.a:b"
    assert id_for("two words") != "two words"
    assert id_for("x" * 65) != "x" * 65
    assert id_for("") != id_for("")
    assert post(client).headers["x-request-id"]


def test_a_result_is_the_same_alone_and_among_others(client: TestClient) -> None:
    edits: list[dict[str, Any]] = [
        {
            "seed": seed,
            "steps": 3 + seed,
            "text_guidance": 2.0 + seed,
            "max_size": 64 + 16 * (seed % 2),
        }
        for seed in range(6)
    ]
    alone = [post(client, **edit).content for edit in edits]
    with ThreadPoolExecutor(len(edits)) as pool:
        together = [r.content for r in pool.map(lambda edit: post(client, **edit), edits)]
    assert together == alone


def test_one_line_is_logged_for_each_exchange(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bentoml.retouch")
    good, bad = post(client, seed=5), post(client, steps=0)
    client.get("/livez")
    lines = [r.getMessage() for r in caplog.records if r.name == "bentoml.retouch"]
    assert len(lines) == 2
    assert good.headers["x-request-id"] in lines[0]
    assert "seed=5" in lines[0]
    assert bad.headers["x-request-id"] in lines[1]
    assert "invalid_request" in lines[1]


def test_metrics_count_edits_and_errors_by_route_pattern(client: TestClient) -> None:
    def value(line: str) -> float:
        text = client.get("/metrics").text
        return next((float(s.split()[-1]) for s in text.splitlines() if s.startswith(line)), 0.0)

    edits, rows = value("retouch_edit_seconds_count"), value("retouch_engine_rows_total")
    unknown = 'retouch_responses_total{code="not_found",route="unknown",status="404"}'
    wrong = 'retouch_responses_total{code="invalid_request",route="/edit",status="422"}'
    before = value(unknown), value(wrong)
    post(client, steps=4)
    post(client, steps=0)
    for path in ("/a", "/b"):
        client.get(path)
    assert value("retouch_edit_seconds_count") == edits + 1
    assert value("retouch_engine_rows_total") == rows + 12
    assert (value(unknown), value(wrong)) == (before[0] + 2, before[1] + 1)
    assert '"/a"' not in client.get("/metrics").text


def test_the_published_schema_has_the_bounds_of_the_parameters(client: TestClient) -> None:
    route = client.get("/schema.json").json()["routes"][0]
    published = route["input"]["properties"]
    assert set(published) == {"image", *EditParams.__dataclass_fields__}
    assert route["input"]["required"] == ["image", "instruction"]
    for name, spec in EditParams.__dataclass_fields__.items():
        if bounds := spec.metadata.get("bounds"):
            keys = {"minimum", "maximum", "minLength", "maxLength"} & set(published[name])
            assert {published[name][key] for key in keys} == {bounds.low, bounds.high}
    assert "/edit" in client.get("/docs.json").json()["paths"]


def test_the_console_is_at_the_root(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "swagger" in answer.text
