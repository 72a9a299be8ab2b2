"""Modules of the page by themselves, in headless Chromium and without a server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import Page, Route

from runtime.errors import InvalidRequest
from runtime.params import EditParams
from service.errors import error_object
from service.page.routes import STATIC
from service.stages import check_whole
from service.stream.events import KEEP_ALIVE, event
from tests.service.browser import chromium

CALLED = re.findall(r"^  (\w+): ", (STATIC / "problem.js").read_text().split("CALLED")[1], re.M)
"""Fields that the page has a name for."""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """An empty page that can import the modules."""

    def answer(route: Route) -> None:
        if name := route.request.url.rpartition("/")[2]:
            route.fulfill(path=STATIC / name)
        else:
            route.fulfill(content_type="text/html", body="")

    with chromium() as browser:
        page = browser.new_page(locale="en-GB")
        page.route("**/*", answer)
        page.goto("http://page.test/")
        yield page


READ = """async ([pieces, ends]) => {
    const { events } = await import("/api.js");
    const pull = (controller) => {
        if (pieces.length) controller.enqueue(new Uint8Array(pieces.shift()));
        else if (ends) controller.close();
        else controller.error(new TypeError("network error"));
    };
    const found = [];
    try {
        const body = new ReadableStream({ pull });
        for await (const { name, data } of events(body)) found.push([name, data]);
        return [found, null];
    } catch (error) {
        return [found, `${error.constructor.name} ${error.code}`];
    }
}"""


def read(page: Page, pieces: list[bytes], ends: bool = True) -> Any:
    """Events of a body that comes in `pieces`, then ends or breaks, and what was thrown."""
    return page.evaluate(READ, [[list(piece) for piece in pieces], ends])


TOLD = [["queued", {"position": 0}], ["progress", {"step": 1}], ["result", {"said": "变成夜晚 🌙"}]]
BODY = (
    event("queued", b'{"position": 0}')
    + KEEP_ALIVE
    + event("progress", b'{"step": 1}')
    + event("result", '{"said": "变成夜晚 🌙"}'.encode())
)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_events_are_the_same_however_the_network_cuts_them(page: Page, end: bytes) -> None:
    body = BODY.replace(b"\n", end)
    for size in (*range(1, 12), 50, len(body)):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        assert read(page, pieces) == [TOLD, None], size


def test_an_event_without_its_end_is_none(page: Page) -> None:
    assert read(page, [BODY[:-1]]) == [TOLD[:2], None]
    assert read(page, []) == [[], None]


def test_data_of_several_lines_is_joined_and_an_event_without_a_name_is_a_message(
    page: Page,
) -> None:
    body = b'data: {"a":\ndata: 1}\n\nevent: empty\n\n'
    assert read(page, [body]) == [[["message", {"a": 1}]], None]


def test_a_connection_that_breaks_is_a_server_out_of_reach(page: Page) -> None:
    assert read(page, [BODY[:-1]], ends=False) == [TOLD[:2], "ApiError unreachable"]


SAID = """async ([error, bounds, language]) => {
    const [{ ApiError }, problem, words] =
        await Promise.all(["api", "problem", "words"].map((name) => import(`/${name}.js`)));
    words.setLanguage(language);
    problem.learnBounds(bounds);
    return problem.inWords(new ApiError(error)).said;
}"""


def said(page: Page, error: dict[str, Any], language: str = "en") -> str:
    """What the page says of the server's error, where it was told these bounds."""
    bounds = {"minimum": 0, "maximum": 9}
    known: dict[str, Any] = dict.fromkeys((*CALLED, "guidance_rescale"), bounds) | {
        "sampler": {"enum": []}
    }
    told: str = page.evaluate(SAID, [error, known, language])
    return told


def refused(field: str) -> dict[str, Any]:
    """What the server says of a value that is out of bounds."""
    asked: dict[str, Any] = {"instruction": "make it night", field: -1}
    checked = partial(check_whole, "n", -1, 1, 8) if field == "n" else partial(EditParams, **asked)
    with pytest.raises(InvalidRequest) as caught:
        checked()
    return error_object(caught.value, "id")


@pytest.mark.parametrize("field", CALLED)
def test_a_field_out_of_its_bounds_is_named_with_them(page: Page, field: str) -> None:
    error = refused(field)
    assert error["field"] == field
    assert said(page, error).endswith(" does not fit. Give 0 to 9.")
    assert said(page, error, "zh").endswith("不合适，请给 0 到 9。")


def test_words_that_are_not_understood_are_blamed_themselves(page: Page) -> None:
    error = {"code": "invalid_request", "field": "instruction", "message": "instruction is blank"}
    assert said(page, error) == "These words are not understood. Say it in other words."


@pytest.mark.parametrize(
    "error",
    [
        refused("guidance_rescale"),  # which the page does not ask for
        {"field": "sampler", "message": "sampler 'x' is unknown; choose one of euler"},
        {"field": "seed", "message": "seed is given 2 times; give it once"},
        {"field": "steps_of_another_version", "message": "it is out of bounds"},
        {"message": "the message names no field and is out of bounds"},
    ],
    ids=lambda error: error.get("field", "none"),
)
def test_what_has_no_name_or_bounds_is_blamed_on_the_settings(
    page: Page, error: dict[str, Any]
) -> None:
    told = said(page, {"code": "invalid_request", **error})
    assert told == "One of the settings does not fit."
