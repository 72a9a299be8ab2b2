"""`POST /poster`: before, after and the instruction on one A4 page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from httpx2 import Response
from PIL import Image
from starlette.testclient import TestClient

from tests.service.calls import error_of, post
from tests.service.conftest import Held, worker
from tests.service.pictures import PNG, encoded, picture

Serving = Callable[..., AbstractContextManager[TestClient]]
Hold = Callable[[], Held]


def poster(client: TestClient, accept: str = "*/*", **fields: Any) -> Response:
    files: dict[str, bytes] = {
        name: fields.pop(name) for name in ("image", "edited") if name in fields
    }
    data = {"instruction": "make it night", **fields}
    return client.post("/poster", files=files, data=data, headers={"accept": accept})


def page(response: Response) -> Image.Image:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/png"
    return Image.open(io.BytesIO(response.content))


def test_it_is_an_a4_page_with_its_resolution(client: TestClient) -> None:
    answer = poster(client, image=PNG, seed="7")
    drawn = page(answer)
    assert sorted(drawn.size) == [1240, 1754]
    inches = [side / dpi for side, dpi in zip(sorted(drawn.size), drawn.info["dpi"], strict=True)]
    assert [round(25.4 * inch) for inch in inches] == [210, 297]
    assert answer.headers["x-retouch-seed"] == "7"


def test_an_edited_picture_gives_the_poster_of_its_edit(client: TestClient) -> None:
    """The caption comes from the record in its file."""
    image = encoded(picture(64, 48))
    edited = post(client, image, seed="7").content
    done = worker().stats().done
    assert page(poster(client, image=image, edited=edited)) == page(
        poster(client, image=image, seed="7")
    )
    assert worker().stats().done == done + 1  # by the second poster alone


def test_it_takes_json(client: TestClient) -> None:
    edited = post(client, seed="7").content
    body = {
        "image": base64.b64encode(PNG).decode(),
        "edited": base64.b64encode(edited).decode(),
        "instruction": "make it night",
    }
    as_form = poster(client, image=PNG, edited=edited)
    assert client.post("/poster", json=body).content == as_form.content
    error = error_of(client.post("/poster", json=body | {"edited": "???"}), 422)
    assert error["field"] == "edited"


def test_an_edited_picture_without_a_record_has_no_caption(client: TestClient) -> None:
    """What is not known is not said."""
    plain, told = picture(64, 48), post(client, encoded(picture(64, 48)), seed="7").content
    without = page(poster(client, image=encoded(plain), edited=encoded(plain)))
    caption = (0, without.height - 140, without.width, without.height)
    assert np.asarray(without.crop(caption)).min() == 255
    with_record = page(poster(client, image=encoded(plain), edited=told))
    assert np.asarray(with_record.crop(caption)).min() < 255


def test_pictures_of_two_shapes_are_both_whole(client: TestClient) -> None:
    red, blue = Image.new("RGB", (300, 100), "#f00"), Image.new("RGB", (100, 300), "#00f")
    drawn = np.asarray(page(poster(client, image=encoded(red), edited=encoded(blue))))
    for colour, aspect in (((255, 0, 0), 3.0), ((0, 0, 255), 1 / 3)):
        rows, columns = np.nonzero((drawn == colour).all(-1))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width
        assert width / height == pytest.approx(aspect, rel=0.02)


@pytest.mark.parametrize(
    "words",
    [
        "把天空变成夜晚，加一轮满月",
        "add 🌙 and 👩‍👩‍👧 please",
        "اجعلها ليلا، ثم أضف القمر",
        "הפוך את זה ללילה",
        "é̂̃́" * 50,
        "w" * 1000,
        "雪" * 1000,
        "\u200b\u202e\ufeff",
        "\t\r\n a\u2028b\x00",
        "𠀀𝒳\U0010ffff",
    ],
    ids=range(10),
)
def test_any_text_is_drawn(client: TestClient, words: str) -> None:
    file = base64.b64encode(PNG).decode()
    body = {"image": file, "edited": file, "instruction": words}
    page(client.post("/poster", json=body)).load()


@pytest.mark.parametrize(
    ("fields", "status", "field", "told"),
    [
        ({"n": "2", "image": PNG}, 422, "n", "one edit"),
        ({"image": PNG, "steps": "0"}, 422, "steps", "[1, 150]"),
        ({"image": PNG, "edited": PNG, "seed": "7"}, 422, "seed", "leave it out"),
        ({"image": PNG, "edited": PNG, "instruction": " "}, 422, "instruction", "blank"),
        ({"image": PNG, "edited": PNG, "instruction": "x" * 1001}, 422, "instruction", "1001"),
        ({"image": PNG, "edited": b"no picture"}, 415, "edited", "no picture"),
        ({"image": b"no picture", "edited": PNG}, 415, None, "no picture"),
        ({"edited": PNG}, 422, "image", "missing"),
    ],
)
def test_refusals(
    client: TestClient, fields: dict[str, Any], status: int, field: str | None, told: str
) -> None:
    error = error_of(poster(client, **fields), status)
    assert error.get("field") == field
    assert told in error["message"]


def test_edited_is_a_file(client: TestClient) -> None:
    data = {"instruction": "make it night", "edited": "http://example.com/a.png"}
    error = error_of(client.post("/poster", files={"image": PNG}, data=data), 422)
    assert error["field"] == "edited"
    assert "URLs are not fetched" in error["message"]


def test_no_other_format_is_written(client: TestClient) -> None:
    assert "image/png" in error_of(poster(client, "image/jpeg", image=PNG), 406)["message"]


def test_edited_is_unknown_elsewhere(client: TestClient) -> None:
    files = {"image": PNG, "edited": PNG}
    error = error_of(client.post("/edit", files=files, data={"instruction": "a"}), 422)
    assert "'edited' is unknown" in error["message"]


def test_a_poster_of_two_pictures_needs_no_place_in_the_queue(serving: Serving, hold: Hold) -> None:
    with serving(MAX_RUNNING=1, MAX_QUEUE=0) as client, hold():
        page(poster(client, image=PNG, edited=PNG))
        assert error_of(poster(client, image=PNG), 429)["code"] == "overloaded"
        worker().drain()
        page(poster(client, image=PNG, edited=PNG))
        assert error_of(poster(client, image=PNG), 503)["code"] == "shutting_down"
