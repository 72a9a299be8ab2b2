"""What `POST /edit` makes of what it accepts, and what the service tells about it."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from runtime.params import EditParams
from tests.service.calls import pixels, post
from tests.service.pictures import encoded, picture


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
    base = pixels(post(client, seed=1))
    changed: dict[str, Any] = {
        "instruction": "sepia",
        "negative_instruction": "the car",
        "text_guidance": "3.5",
        "image_guidance": "2",
        "guidance_rescale": "0.7",
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
    scales = ("text_guidance", "image_guidance", "guidance_rescale")
    for name in ("instruction", "negative_instruction", *scales):
        assert not np.array_equal(pixels(answers[name]), base), name
    assert np.array_equal(pixels(post(client, seed=1, plan="exact")), base)


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
