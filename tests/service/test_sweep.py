"""`POST /sweep`: a grid of edits of one picture, as a contact sheet or as JSON."""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from httpx2 import Response
from PIL import ExifTags, Image
from starlette.testclient import TestClient

from runtime import read_provenance
from service.face import Asked
from service.sheets.sweep_face import answer
from tests.service.calls import error_of, post
from tests.service.conftest import Held, wait_until, worker
from tests.service.pictures import PNG, encoded, picture

Serving = Callable[..., AbstractContextManager[TestClient]]
Hold = Callable[[], Held]


def sweep(client: TestClient, accept: str = "*/*", image: bytes = PNG, **fields: Any) -> Response:
    """As a form; a list gives its field several times."""
    data = {"instruction": "make it night", "seed": "7", **fields}
    return client.post("/sweep", files={"image": image}, data=data, headers={"accept": accept})


def sweep_json(client: TestClient, accept: str = "application/json", **fields: Any) -> Response:
    image = base64.b64encode(PNG).decode()
    body = {"image": image, "instruction": "make it night", "seed": 7, **fields}
    return client.post("/sweep", json=body, headers={"accept": accept})


def cells(response: Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["images"]
    return found


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_every_cell_is_the_single_edit_bit_for_bit(client: TestClient) -> None:
    answer = sweep_json(client, text_guidance=[1, 3, 7.5], image_guidance=[1, 1.5], steps=2)
    assert answer.json()["axes"] == {
        "rows": {"field": "text_guidance", "values": [1, 3, 7.5]},
        "columns": {"field": "image_guidance", "values": [1, 1.5]},
    }
    names = ("row", "column", "text_guidance", "image_guidance")
    assert [tuple(cell[name] for name in names) for cell in cells(answer)] == [
        *((0, 0, 1, 1), (0, 1, 1, 1.5), (1, 0, 3, 1)),
        *((1, 1, 3, 1.5), (2, 0, 7.5, 1), (2, 1, 7.5, 1.5)),
    ]
    for cell in cells(answer):
        single = post(
            client,
            seed="7",
            steps="2",
            text_guidance=str(cell["text_guidance"]),
            image_guidance=str(cell["image_guidance"]),
        )
        assert base64.b64decode(cell["image"]) == single.content
    assert len({cell["image"] for cell in cells(answer)}) == 6


def test_a_cell_says_what_edit_says_of_it_and_repeats_itself(client: TestClient) -> None:
    [cell, _] = cells(sweep_json(client, seed=[5, 6]))
    plain = client.post(
        "/edit",
        files={"image": PNG},
        data={"instruction": "make it night", "seed": "5"},
        headers={"accept": "application/json"},
    ).json()["images"][0]
    assert set(plain) < set(cell)
    assert cell["instruction"] == "make it night"
    assert read_provenance(base64.b64decode(cell["image"])).params.seed == 5


@pytest.mark.parametrize(
    ("varied", "rows", "columns"),
    [
        ({"seed": [1, 2], "instruction": ["a", "b"]}, "instruction", "seed"),
        ({"image_guidance": [1, 2], "instruction": ["a", "b"]}, "instruction", "image_guidance"),
        ({"seed": [1, 2], "text_guidance": [1, 2]}, "text_guidance", "seed"),
        ({"image_guidance": [1, 2], "text_guidance": [2, 1]}, "text_guidance", "image_guidance"),
        ({"seed": [1, 2], "image_guidance": [1, 2]}, "image_guidance", "seed"),
        ({"instruction": ["b", "a"]}, None, "instruction"),
        ({"seed": [3, 1, 2]}, None, "seed"),
    ],
)
def test_rows_and_columns(
    client: TestClient, varied: dict[str, Any], rows: str | None, columns: str
) -> None:
    answer = sweep_json(client, **varied)
    axes = answer.json()["axes"]
    assert (axes["rows"]["field"] if axes["rows"] else None) == rows
    assert axes["columns"]["field"] == columns
    for cell in cells(answer):
        assert cell[columns] == varied[columns][cell["column"]]
        assert cell["row"] == 0 if rows is None else cell[rows] == varied[rows][cell["row"]]


def test_a_form_gives_numbers_between_commas_or_the_field_again(client: TestClient) -> None:
    asked: list[dict[str, Any]] = [
        {"seed": "1,2, 3"},
        {"seed": ["1", "2", "3"]},
        {"seed": ["1,2", "3"]},
    ]
    answers = [cells(sweep(client, "application/json", **fields)) for fields in asked]
    assert [[cell["seed"] for cell in found] for found in answers] == [[1, 2, 3]] * 3
    images = [[cell["image"] for cell in found] for found in answers]
    assert images[0] == images[1] == images[2]


def test_an_instruction_keeps_its_commas(client: TestClient) -> None:
    words = ["add a red car, a tree, and fog", "把天空变成夜晚，加一轮满月"]
    found = cells(sweep(client, "application/json", instruction=words))
    assert [cell["instruction"] for cell in found] == words


def test_a_drawn_seed_is_that_of_all_cells(client: TestClient) -> None:
    found = cells(sweep_json(client, seed=None, text_guidance=[1, 2, 3]))
    assert len({cell["seed"] for cell in found}) == 1


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "PNG"),
        ("*/*", "PNG"),
        ("image/jpeg", "JPEG"),
        ("image/webp, */*;q=0.1", "WEBP"),
    ],
)
def test_accept_chooses_the_sheets_format(client: TestClient, accept: str, kind: str) -> None:
    answer = sweep(client, accept, seed="1,2", instruction="变成夜晚")
    sheet = opened(answer.content)
    assert sheet.format == kind
    assert answer.headers["content-type"] == f"image/{kind.lower()}"
    about = sheet.getexif()[ExifTags.Base.ImageDescription]
    told = about if isinstance(about, bytes) else about.encode("latin-1")
    assert "变成夜晚; seed 1, seed 2; " in told.decode()


def test_the_sheet_in_json_is_the_one_sent_alone(client: TestClient) -> None:
    fields: dict[str, Any] = {"text_guidance": "1,3", "image_guidance": "1,1.5"}
    inside = base64.b64decode(sweep(client, "application/json", **fields).json()["sheet"])
    assert inside == sweep(client, **fields).content


def test_the_sheet_holds_the_cells_as_they_are(client: TestClient) -> None:
    image = encoded(picture(256, 240))
    fields: dict[str, Any] = {"text_guidance": "1,9", "image_guidance": "0,4", "max_size": "256"}
    answer = sweep(client, "application/json", image, **fields)
    sheet = np.asarray(opened(base64.b64decode(answer.json()["sheet"])))
    lefts: dict[int, int] = {}
    tops: dict[int, int] = {}
    for cell in cells(answer):
        pixels = np.asarray(opened(base64.b64decode(cell["image"])))
        top, left = position(sheet, pixels)
        assert lefts.setdefault(cell["column"], left) == left
        assert tops.setdefault(cell["row"], top) == top
    assert lefts[0] < lefts[1]
    assert tops[0] < tops[1]


def position(sheet: np.ndarray[Any, Any], pixels: np.ndarray[Any, Any]) -> tuple[int, int]:
    """Where the picture lies in the sheet."""
    height, width = pixels.shape[:2]
    windows = np.argwhere((sheet[: 1 - height, : 1 - width] == pixels[0, 0]).all(-1))
    for top, left in windows.tolist():
        if np.array_equal(sheet[top : top + height, left : left + width], pixels):
            return top, left
    raise AssertionError("the cell is not on the sheet")


REFUSED: list[tuple[dict[str, Any], str | None, str]] = [
    ({}, None, "several of one or two"),
    ({"seed": [7]}, None, "several of one or two"),
    ({"seed": [1, 2], "text_guidance": [1, 2], "image_guidance": [1, 2]}, None, "all but two"),
    ({"seed": [1, 1]}, "seed", "twice"),
    ({"text_guidance": [1, 1.0]}, "text_guidance", "twice"),
    ({"instruction": ["a", "b", "a"]}, "instruction", "twice"),
    ({"instruction": ["a", " "]}, "instruction", "blank"),
    ({"instruction": []}, "instruction", "empty list"),
    ({"text_guidance": []}, "text_guidance", "empty list"),
    ({"text_guidance": [1, 31]}, "text_guidance", "[0, 30]"),
    ({"text_guidance": [1, None]}, "text_guidance", "None"),
    ({"text_guidance": [1, [2]]}, "text_guidance", "[2]"),
    ({"text_guidance": {"a": 1, "b": 2}, "seed": [1, 2]}, "text_guidance", "not float"),
    ({"image_guidance": [1, True]}, "image_guidance", "True"),
    ({"seed": [1, 2.5]}, "seed", "not int"),
    ({"seed": [1, 2], "steps": [1, 2]}, "steps", "not int"),
    ({"seed": list(range(37))}, "seed", "37 edits; give values for at most 36"),
    ({"seed": list(range(7)), "text_guidance": [1, 2, 3, 4, 5, 6]}, "text_guidance", "42 edits"),
    ({"seed": [1, 2], "n": 2}, "n", "seeds"),
]


@pytest.mark.parametrize(("fields", "field", "told"), REFUSED)
def test_refusals_name_the_field(
    client: TestClient, fields: dict[str, Any], field: str | None, told: str
) -> None:
    error = error_of(sweep_json(client, **fields), 422)
    assert error.get("field") == field
    assert told in error["message"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"seed": "1,,2"}, "comma"),
        ({"seed": "1,2,"}, "comma"),
        ({"seed": "1,two"}, "'two' is no whole number"),
        ({"text_guidance": ["1", "x"]}, "'x' is no number"),
        ({"seed": "1,2", "steps": "1,2"}, "steps '1,2' is no whole number"),
        ({"seed": "1,2", "steps": ["1", "2"]}, "give it once"),
        ({"seed": ["", "5"]}, "several of one or two"),
    ],
)
def test_refusals_of_a_form(client: TestClient, fields: dict[str, Any], told: str) -> None:
    assert told in error_of(sweep(client, **fields), 422)["message"]


def test_a_name_doubled_in_json_is_refused(client: TestClient) -> None:
    body = '{"image": "", "instruction": "a", "seed": [1], "seed": [2]}'
    answer = client.post("/sweep", content=body, headers={"content-type": "application/json"})
    assert error_of(answer, 422)["field"] == "seed"


def test_elsewhere_a_list_is_refused(client: TestClient) -> None:
    answer = post(client, seed=["1", "2"])
    assert error_of(answer, 422)["field"] == "seed"


def test_what_is_not_accepted(client: TestClient) -> None:
    assert "image/png" in error_of(sweep(client, "text/html", seed="1,2"), 406)["message"]


def test_a_form_takes_as_many_instructions_as_a_sweep(client: TestClient) -> None:
    words = [f"edit number {number}" for number in range(36)]
    assert len(cells(sweep(client, "application/json", instruction=words))) == 36


def test_a_sheet_of_edits_with_two_weights_names_both(client: TestClient) -> None:
    """They were replaced while some of its edits waited."""
    asked = [worker().params("sepia", seed=seed) for seed in (1, 2, 3)]
    edited = [one.result() for one in worker().submit_all(picture(), asked)]
    results = [edited[0], edited[1], dataclasses.replace(edited[2], bundle="ab" * 32)]
    answered = answer(worker().manifest, Asked({}, "image/png", lambda params: asked), results)
    told = opened(bytes(answered.body)).getexif()[ExifTags.Base.ImageDescription]
    assert told.endswith("fake, model abababababab")


def test_one_picture_is_encoded_once_and_every_text(serving: Serving) -> None:
    with serving() as client:
        words = ["make it night", "make it make it"]
        cells(sweep_json(client, instruction=words, text_guidance=[2, 3, 4]))
        stats = worker().stats()
        # a picture, two instructions and the empty one, each once; six edits ask for three
        assert stats.cache_misses == 1 + 2 + 1
        assert stats.cache_hits == 6 * 3 - 4


def test_they_join_the_queue_all_or_none(serving: Serving, hold: Hold) -> None:
    with serving(MAX_RUNNING=1, MAX_QUEUE=3) as client:
        with hold():
            assert error_of(sweep(client, seed="1,2,3,4"), 429)["code"] == "overloaded"
            assert worker().stats().waiting == 0
        wait_until(lambda: worker().stats().running == 0)
        assert len(cells(sweep(client, "application/json", seed="1,2,3,4"))) == 4


def test_the_bound_is_an_operators_and_the_engines(serving: Serving) -> None:
    with serving(MAX_SWEEP=3) as client:
        assert len(cells(sweep_json(client, seed=[1, 2, 3]))) == 3
        assert "at most 3" in error_of(sweep_json(client, seed=[1, 2, 3, 4]), 422)["message"]
    with serving(MAX_RUNNING=1, MAX_QUEUE=1) as client:
        assert len(cells(sweep_json(client, seed=[1, 2]))) == 2
        assert "at most 2" in error_of(sweep_json(client, seed=[1, 2, 3]), 422)["message"]
