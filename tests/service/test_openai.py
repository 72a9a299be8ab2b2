"""The OpenAI images API, through OpenAI's own client and against a running server."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import openai
import pytest
from openai import OpenAI
from PIL import Image
from starlette.testclient import TestClient

from tests.service.calls import error_of, post
from tests.service.conftest import Held, worker
from tests.service.pictures import PNG, encoded, picture
from tests.service.server import Server, started

Serving = Callable[..., AbstractContextManager[TestClient]]
Hold = Callable[[], Held]


@pytest.fixture(scope="module")
def server(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(bundle, tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def decoded(entry: Any) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(entry.b64_json)))


def plain(server: Server, **fields: Any) -> Image.Image:
    """The same edit by `POST /edit`."""
    form = {"instruction": "make it night", **fields}
    answer = httpx2.post(f"{server.url}/edit", files={"image": PNG}, data=form)
    return Image.open(io.BytesIO(answer.content))


def test_an_edit_is_that_of_the_plain_route(api: OpenAI, server: Server) -> None:
    own = {"text_guidance": 3.5, "image_guidance": 2, "seed": 7, "steps": 3, "sampler": "ddim"}
    answer = api.images.edit(image=PNG, prompt="make it night", extra_body=own)
    assert answer.data is not None
    (entry,) = answer.data
    assert np.array_equal(np.asarray(decoded(entry)), np.asarray(plain(server, **own)))
    assert answer.size == "48x40"
    assert answer.output_format == "png"
    assert (entry.model_extra or {})["seed"] == 7


def test_a_file_or_a_list_of_one_is_taken(api: OpenAI, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    seed = {"seed": 1}
    with path.open("rb") as file:
        one = api.images.edit(image=file, prompt="night", user="me", extra_body=seed)
    with path.open("rb") as file:
        listed = api.images.edit(image=[file], prompt="night", extra_body=seed)
    assert one.data
    assert listed.data
    assert one.data[0].b64_json == listed.data[0].b64_json


def test_everything_that_can_be_honoured_may_be_said(api: OpenAI) -> None:
    answer = api.images.edit(
        image=PNG,
        prompt="sepia",
        model="fake",
        n=1,
        size="auto",
        quality="auto",
        background="opaque",
        response_format="b64_json",
        output_format="png",
        stream=False,
        user="someone",
    )
    assert answer.data is not None
    assert answer.created > 1e9


def test_n_gives_variations(api: OpenAI) -> None:
    answer = api.images.edit(image=PNG, prompt="sepia", n=3, extra_body={"seed": 4})
    assert answer.data is not None
    assert [(entry.model_extra or {})["seed"] for entry in answer.data] == [4, 5, 6]
    assert len({entry.b64_json for entry in answer.data}) == 3


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_output_format_is_that_of_the_picture(api: OpenAI, kind: Any) -> None:
    answer = api.images.edit(image=PNG, prompt="sepia", output_format=kind)
    assert answer.data is not None
    assert decoded(answer.data[0]).format == kind.upper()
    assert answer.output_format == kind


@pytest.mark.parametrize(
    ("size", "result"),
    [("auto", (64, 32)), ("128x128", (128, 64)), ("200x64", (128, 64)), ("64x200", (64, 32))],
)
def test_the_result_fits_into_size_and_keeps_its_aspect(
    api: OpenAI, size: str, result: tuple[int, int]
) -> None:
    answer = api.images.edit(image=encoded(picture(400, 200)), prompt="sepia", size=size)
    assert answer.data is not None
    assert decoded(answer.data[0]).size == result
    assert answer.size == f"{result[0]}x{result[1]}"


@pytest.mark.parametrize(
    ("asked", "param", "told"),
    [
        ({"prompt": " "}, "prompt", "prompt is blank"),
        ({"prompt": "x" * 1001}, "prompt", "prompt has 1001 characters"),
        ({"n": 9}, "n", "[1, 8]"),
        ({"size": "1024"}, "size", "WIDTHxHEIGHT"),
        ({"size": "32x64"}, "size", "[64, 2048]"),
        ({"size": "99999x64"}, "size", "[64, 2048]"),
        ({"response_format": "url"}, "response_format", "nothing is stored"),
        ({"output_format": "gif"}, "output_format", "png or jpeg or webp"),
        ({"quality": "high"}, "quality", "steps"),
        ({"background": "transparent"}, "background", "transparency"),
        ({"input_fidelity": "high"}, "input_fidelity", "image_guidance"),
        ({"mask": PNG}, "mask", "words alone"),
        ({"image": [PNG, PNG]}, "image", "give it once"),
        ({"image": b"no picture"}, None, "no picture"),
        ({"extra_body": {"steps": 151}}, "steps", "[1, 150]"),
        ({"extra_body": {"sampler": "magic"}}, "sampler", "euler_a"),
        ({"extra_body": {"max_size": 64}}, None, "'max_size'"),
        ({"extra_body": {"colour": "red"}}, None, "'colour'"),
    ],
)
def test_what_is_refused_is_a_bad_request_in_words(
    api: OpenAI, asked: dict[str, Any], param: str | None, told: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        api.images.edit(**{"image": PNG, "prompt": "make it night", **asked})
    error = refusal.value
    assert (error.type, error.param) == ("invalid_request_error", param)
    assert told in error.message
    assert error.code in ("invalid_request", "unsupported_image")
    assert error.request_id


def test_a_stream_is_refused(api: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="answers come whole"):
        api.images.edit(image=PNG, prompt="make it night", stream=True)


def test_the_model_is_listed_and_no_other_is_served(api: OpenAI) -> None:
    (listed,) = api.models.list().data
    assert (listed.id, listed.owned_by, listed.object) == ("fake", "tests", "model")
    assert api.models.retrieve("fake") == listed
    for call in (
        lambda: api.models.retrieve("dall-e-2"),
        lambda: api.images.edit(image=PNG, prompt="sepia", model="dall-e-2"),
    ):
        with pytest.raises(openai.NotFoundError) as refusal:
            call()
        assert (refusal.value.code, refusal.value.param) == ("model_not_found", "model")
        assert "'fake'" in refusal.value.message


def shaped(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    body = answer.json()
    assert list(body) == ["error"]
    assert set(body["error"]) == {"message", "type", "param", "code"}
    error: dict[str, Any] = body["error"]
    return error


def test_every_error_below_v1_has_openais_shape_and_no_other(client: TestClient) -> None:
    path = "/v1/images/edits"
    assert shaped(client.get(path), 405)["type"] == "invalid_request_error"
    assert shaped(client.get("/v1/chat/completions"), 404)["code"] == "not_found"
    assert shaped(client.post(path, content=b"x"), 400)["code"] == "unsupported_media_type"
    big = {"image": ("a.png", PNG + bytes(2**20))}
    assert shaped(client.post(path, files=big), 413)["code"] == "too_large"
    torn = {"content-type": "multipart/form-data"}
    assert shaped(client.post(path, content=b"x", headers=torn), 400)["code"] == "malformed_body"
    error_of(client.get("/v1"), 404)


@pytest.mark.parametrize("odd", [{"size": 5}, {"size": [1]}, {"model": {}}, {"stream": True}])
def test_odd_json_is_the_callers_fault(client: TestClient, odd: dict[str, Any]) -> None:
    body = {"image": base64.b64encode(PNG).decode(), "prompt": "sepia", **odd}
    answer = client.post("/v1/images/edits", json=body)
    assert answer.status_code in (400, 404), answer.text


def in_process(client: TestClient) -> OpenAI:
    url = "http://testserver/v1"
    return OpenAI(base_url=url, api_key="any", max_retries=0, http_client=client)


def test_a_full_queue_is_a_rate_limit_with_the_time_to_return(serving: Serving, hold: Hold) -> None:
    with serving(MAX_RUNNING=1, MAX_QUEUE=0) as client:
        with hold(), pytest.raises(openai.RateLimitError) as refusal:
            in_process(client).images.edit(image=PNG, prompt="sepia")
        assert (refusal.value.type, refusal.value.code) == ("rate_limit_error", "overloaded")
        assert int(refusal.value.response.headers["retry-after"]) >= 1
        assert error_of(post(client, steps=0), 422)  # the plain route keeps its own


def test_a_stopping_instance_is_a_server_error(serving: Serving) -> None:
    with serving() as client:
        worker().drain()
        with pytest.raises(openai.InternalServerError) as refusal:
            in_process(client).images.edit(image=PNG, prompt="sepia")
        assert refusal.value.status_code == 503
        assert (refusal.value.type, refusal.value.code) == ("server_error", "shutting_down")
        assert int(refusal.value.response.headers["retry-after"]) >= 1
