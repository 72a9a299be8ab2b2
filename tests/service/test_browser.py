"""The page for people, as a person uses it: in headless Chromium, against a running server."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("playwright")
from playwright.sync_api import Browser, FilePayload, Locator, Page, Route, expect

from runtime.provenance import read_provenance
from tests.service.browser import Complaints, chromium
from tests.service.pictures import encoded, picture
from tests.service.server import Server, started

PHOTO: FilePayload = {"name": "a.png", "mimeType": "image/png", "buffer": encoded(picture())}
RESULT: Any = {
    "image": base64.b64encode(PHOTO["buffer"]).decode(),
    "media_type": "image/png",
    "seed": 1,
    "size": "48x40",
    "steps": 2,
    "seconds": 0.1,
}
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def server(browser: Browser, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with started(bundle, tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture
def opened(browser: Browser, server: Server) -> Iterator[Open]:
    """Open the page: `opened(locale="zh-CN")`. What its console complains of fails the test."""
    contexts = []
    seen = []

    def open_page(refused: int = 0, **options: Any) -> Page:
        """`refused` is the status of an answer that the test provokes."""
        context = browser.new_context(**{"locale": "en-GB", **options})
        context.set_default_timeout(15_000)
        page = context.new_page()
        expected = [f"Failed to load resource: the server responded with a status of {refused}"]
        seen.append((Complaints(page), expected if refused else []))
        contexts.append(context)
        page.goto(server.url)
        expect(page.locator("body")).to_have_attribute("data-ready", "")
        return page

    yield open_page
    for context in contexts:
        context.close()
    for complaints, expected in seen:
        assert complaints.beside(*expected) == []


def upload(page: Page) -> None:
    page.locator("#file").set_input_files(PHOTO)
    expect(page.locator("#frame")).to_have_attribute("data-state", "picture")


def edit(page: Page, instruction: str = "invert") -> None:
    page.get_by_label("What shall change?").fill(instruction)
    page.get_by_role("button", name="Edit", exact=True).click()
    done(page)


def done(page: Page) -> None:
    expect(page.locator("#frame")).to_have_attribute("data-state", "result")


def size_of(image: Locator) -> tuple[int, int]:
    """Width and height of the picture that an `img` shows."""
    width, height = image.evaluate(
        "async (img) => { await img.decode(); return [img.naturalWidth, img.naturalHeight]; }"
    )
    return width, height


def downloaded(page: Page, link: Locator) -> bytes:
    with page.expect_download() as download:
        link.click()
    return download.value.path().read_bytes()


def stored(page: Page) -> int:
    """Entries of the history that outlive a reload, once what is being written is."""
    count: int = page.evaluate(
        """() => new Promise((resolve) => {
            indexedDB.open("retouch").onsuccess = ({ target: { result: base } }) => {
                const count = base.transaction("entries").objectStore("entries").count();
                count.onsuccess = () => resolve(count.result);
            };
        })"""
    )
    return count


def stream_of(page: Page, *events: tuple[str, dict[str, Any]]) -> None:
    """Answer the next edits with these events."""
    body = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
    page.route(
        "**/edit/stream", lambda route: route.fulfill(content_type="text/event-stream", body=body)
    )


def test_a_picture_and_a_sentence_give_the_edited_picture(opened: Open) -> None:
    page = opened()
    upload(page)
    edit(page)
    width, height = size_of(page.locator("#after"))
    expect(page.locator("#status")).to_contain_text(f"{width} × {height} pixels")
    expect(page.locator("#before")).to_be_visible()
    saved = downloaded(page, page.get_by_role("link", name="Download"))
    assert read_provenance(saved).params.instruction == "invert"  # it is the server's own file
    assert Image.open(io.BytesIO(saved)).size == (width, height)


def test_an_example_and_an_idea_need_no_typing(opened: Open) -> None:
    page = opened()
    page.get_by_role("button", name="a pagoda by a lake").click()
    page.get_by_role("button", name="night").click()
    done(page)
    expect(page.get_by_label("What shall change?")).to_have_value("make it night")


def test_a_large_photo_is_sent_upright_and_no_larger_than_need_be(opened: Open) -> None:
    page = opened()
    exif = Image.Exif()
    exif[0x0112] = 6  # stands on its side
    photo = encoded(Image.new("RGB", (3000, 2000), "teal"), "JPEG", exif=exif)
    page.locator("#file").set_input_files(
        {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo}
    )
    expect(page.locator("#frame")).to_have_attribute("data-state", "picture")
    assert size_of(page.locator("#before")) == (1365, 2048)


def test_a_pasted_and_a_dropped_picture_are_taken(opened: Open) -> None:
    page = opened()
    for kind in ("ClipboardEvent", "DragEvent"):
        page.evaluate(
            """async ([kind, bytes]) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], "a.png", { type: "image/png" }));
                const both = { clipboardData: data, dataTransfer: data };
                const init = { bubbles: true, cancelable: true, ...both };
                const name = kind === "DragEvent" ? "drop" : "paste";
                document.body.dispatchEvent(new window[kind](name, init));
            }""",
            [kind, list(PHOTO["buffer"])],
        )
        expect(page.locator("#status")).to_contain_text("Ready")
        page.evaluate("document.getElementById('status').textContent = ''")


def test_what_is_no_picture_is_refused_in_words(opened: Open) -> None:
    page = opened()
    for name, words in (("a.txt", "cannot be read as a picture"), ("a.heic", "HEIC")):
        page.locator("#file").set_input_files(
            {"name": name, "mimeType": "", "buffer": b"no picture"}
        )
        expect(page.get_by_role("alert")).to_contain_text(words)


def test_a_bad_setting_is_told_in_words(opened: Open) -> None:
    page = opened(refused=422)
    upload(page)
    page.get_by_label("Words, exact value").fill("99")
    page.get_by_label("What shall change?").fill("make it night")
    page.keyboard.press("Enter")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("“Words” does not fit. Give 0 to 30.")
    expect(alert).to_contain_text("request")
    alert.get_by_role("button", name="Dismiss").click()
    expect(alert).to_be_hidden()


def test_a_busy_server_is_waited_for_and_can_be_asked_at_once(opened: Open) -> None:
    page = opened(refused=429)
    error = {"code": "overloaded", "message": "the queue is full", "request_id": "r1"}

    def refuse(route: Route) -> None:
        route.fulfill(status=429, headers={"Retry-After": "30"}, json={"error": error})

    page.route("**/edit/stream", refuse, times=1)
    upload(page)
    page.get_by_label("What shall change?").fill("invert")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The server is busy. Trying again in")
    page.get_by_role("button", name="Try now").click()
    done(page)
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("by", ["button", "Escape"])
def test_an_edit_is_cancelled(opened: Open, by: str) -> None:
    page = opened()
    page.route("**/edit/stream", lambda route: None)  # never answered
    upload(page)
    page.get_by_label("What shall change?").fill("invert")
    with page.expect_event("requestfailed") as withdrawn:
        page.keyboard.press("Enter")
        expect(page.get_by_role("progressbar")).to_be_visible()
        if by == "Escape":
            page.keyboard.press("Escape")
        else:
            page.get_by_role("button", name="Cancel").click()
    assert withdrawn.value.url.endswith("/edit/stream")
    expect(page.get_by_role("status")).to_have_text("Cancelled. Nothing was changed.")
    expect(page.get_by_role("button", name="Edit", exact=True)).to_be_visible()


def test_previews_are_shown_while_it_works(opened: Open) -> None:
    page = opened()
    preview = base64.b64encode(encoded(picture(6, 5), "WEBP")).decode()
    step = {"image": 0, "step": 1, "steps": 2, "remaining_seconds": 1.5}
    stream_of(
        page,
        ("queued", {"position": 1}),
        ("progress", {**step, "preview": preview, "media_type": "image/webp"}),
        ("result", {"images": [RESULT]}),
    )
    page.evaluate(
        """() => {
            window.seen = [];
            const options = { subtree: true, childList: true, attributeOldValue: true };
            new MutationObserver((changes) => {
                for (const { attributeName, oldValue, addedNodes } of changes)
                    window.seen.push(attributeName ? oldValue : addedNodes[0]?.textContent);
            }).observe(document.getElementById("loaded"), options);
        }"""
    )
    upload(page)
    edit(page)
    seen = page.evaluate("window.seen")
    assert "preview" in seen
    assert "Edits before yours: 1" in seen
    assert "Step 1 of 2 · about 2 s left" in seen
    expect(page.get_by_role("progressbar")).to_be_hidden()


def test_an_error_that_ends_a_stream_is_told_in_words(opened: Open) -> None:
    page = opened()
    told = {"image": 0, "step": 3, "steps": 4, "remaining_seconds": 7.2}
    error = {"code": "non_finite", "message": "NaN; give precision fp32", "request_id": "r2"}
    stream_of(page, ("queued", {"position": 2}), ("progress", told), ("error", error))
    upload(page)
    page.get_by_label("What shall change?").fill("invert")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The model failed on this picture")
    expect(page.get_by_role("alert")).to_contain_text("give precision fp32 · request r2")
    assert page.locator("#progress").get_attribute("max") == "4"


def test_a_stream_that_breaks_off_is_told_in_words(opened: Open) -> None:
    page = opened()
    stream_of(page, ("queued", {"position": 0}))
    upload(page)
    page.get_by_label("What shall change?").fill("invert")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")


def test_a_key_is_asked_for_and_sent(opened: Open) -> None:
    page = opened(refused=401)

    def guard(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer secret":
            return route.continue_()
        error = {"code": "unauthorized", "message": "an API key is missing", "request_id": "r3"}
        return route.fulfill(status=401, json={"error": error})

    page.route("**/edit/stream", guard)
    upload(page)
    page.get_by_label("What shall change?").fill("invert")
    page.keyboard.press("Enter")
    page.get_by_label("API key").fill("secret")
    page.keyboard.press("Enter")
    done(page)


def test_the_keyboard_alone_is_enough(opened: Open) -> None:
    page = opened()

    def tab_to(name: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id || document.activeElement.title") == name:
                return
        raise AssertionError(f"{name} is not reached")

    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.querySelector('img')?.alt") == "a cat":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_label("What shall change?")).to_be_focused()
    page.keyboard.type("invert")
    page.keyboard.press("Enter")
    done(page)
    slider = page.get_by_role("slider", name="Compare before and after")
    tab_to("handle")
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "52")
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "100 % of the edited picture is shown")
    tab_to("continue")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("The result is the picture now.")
    tab_to("make it night")
    page.keyboard.press("Enter")
    done(page)
    expect(page.locator("#entries li")).to_have_count(2)


def test_enter_that_picks_a_character_does_not_start_an_edit(opened: Open) -> None:
    page = opened()
    upload(page)
    page.get_by_label("What shall change?").fill("bian")
    page.locator("#instruction").dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(page.get_by_role("button", name="Edit", exact=True)).to_be_visible()
    expect(page.locator("#frame")).to_have_attribute("data-state", "picture")


def test_the_history_survives_a_reload_and_leads_back(opened: Open) -> None:
    page = opened()
    upload(page)
    page.get_by_label("Seed", exact=True).fill("7")
    edit(page, "invert")
    edit(page, "make it night")
    assert stored(page) == 2
    page.reload()
    page.get_by_role("button", name="invert, seed 7").click()
    done(page)
    expect(page.get_by_label("What shall change?")).to_have_value("invert")
    assert size_of(page.locator("#before")) == picture().size
    page.get_by_role("button", name="Clear history").click()
    assert stored(page) == 0
    page.reload()
    expect(page.locator("#entries li")).to_have_count(0)


def test_a_locked_seed_is_kept_and_a_free_one_changes(opened: Open) -> None:
    page = opened()
    upload(page)
    seed, lock = page.get_by_label("Seed", exact=True), page.get_by_label("keep this seed")
    page.get_by_role("button", name="Roll").click()
    expect(lock).to_be_checked()
    rolled = seed.input_value()
    edit(page)
    assert seed.input_value() == rolled
    lock.uncheck()
    edit(page)
    expect(seed).not_to_have_value(rolled)


def test_variations_are_all_kept_and_the_first_is_shown(opened: Open) -> None:
    page = opened()
    upload(page)
    page.get_by_text("More settings").click()
    page.get_by_label("Variations").fill("3")
    page.get_by_label("Seed", exact=True).fill("7")
    edit(page)
    entries = page.locator("#entries button")
    expect(entries).to_have_count(3)
    expect(entries.first).to_have_accessible_name("invert, seed 7")
    expect(entries.first).to_have_attribute("aria-current", "true")
    expect(entries.last).to_have_accessible_name("invert, seed 9")


def test_the_middle_of_a_scale_is_the_models_own_value(opened: Open) -> None:
    page = opened()
    scale = page.get_by_role("slider", name="Words")
    number = page.get_by_label("Words, exact value")
    expect(number).to_have_value("7.5")
    expect(scale).to_have_attribute("aria-valuetext", "7.5, as the model suggests")
    scale.press("End")
    expect(number).to_have_value("16")
    scale.press("Home")
    expect(number).to_have_value("0")


def test_a_cell_of_the_grid_is_gone_on_with(opened: Open) -> None:
    page = opened()
    upload(page)
    edit(page)
    page.get_by_role("button", name="Compare strengths in a grid").click()
    dialog = page.get_by_role("dialog", name="Compare strengths")
    dialog.get_by_label("Picture (s_I)").fill("1, 2")
    dialog.get_by_role("button", name="Make the grid").click()
    cells = dialog.locator("#grid-sheet button")
    expect(cells).to_have_count(6)
    expect(cells.nth(1)).to_have_accessible_name("Words 3.75 · picture 2")
    sheet = downloaded(page, dialog.get_by_role("link", name="Download the sheet"))
    assert Image.open(io.BytesIO(sheet)).width > picture().width
    cells.nth(1).click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_label("Words, exact value")).to_have_value("3.75")
    expect(page.get_by_label("Picture, exact value")).to_have_value("2")
    expect(page.locator("#entries li")).to_have_count(2)


def test_a_bad_grid_is_told_in_words(opened: Open) -> None:
    page = opened(refused=422)
    upload(page)
    page.get_by_label("What shall change?").fill("invert")
    page.get_by_role("button", name="Compare strengths in a grid").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Words (s_T)").fill("1, 99")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("status")).to_contain_text("“Words” does not fit. Give 0 to 30.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_poster_is_made_of_the_result(opened: Open) -> None:
    page = opened()
    upload(page)
    edit(page)
    page.get_by_role("button", name="Make a poster").click()
    dialog = page.get_by_role("dialog", name="Your poster")
    expect(dialog.get_by_alt_text("Before, after and the instruction: invert")).to_be_visible()
    poster = downloaded(page, dialog.get_by_role("link", name="Download"))
    assert Image.open(io.BytesIO(poster)).width > picture().width
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_chinese_is_spoken_to_those_who_read_it_and_can_be_chosen(opened: Open) -> None:
    page = opened(locale="zh-CN")
    upload(page)
    page.get_by_label("想改什么？").fill("变成夜晚")
    page.get_by_role("button", name="修改", exact=True).click()
    done(page)
    expect(page.get_by_role("status")).to_contain_text("完成：变成夜晚")
    page.get_by_label("语言").select_option("en")
    page.reload()
    expect(page.get_by_role("heading", name="Start with a picture")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_is_wider_than_the_screen(opened: Open, width: int, locale: str) -> None:
    page = opened(viewport={"width": width, "height": 740}, locale=locale)
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overflow) == 0
    upload(page)
    page.locator("#instruction").fill("invert")
    page.keyboard.press("Enter")
    done(page)
    page.locator("#more summary").click()
    assert page.evaluate(overflow) == 0


def test_a_translation_is_told_and_can_be_corrected(opened: Open) -> None:
    page = opened()
    understood = {"instruction": "make it <b>night</b>", "engine": "rules"}
    stream_of(page, ("result", {"images": [{**RESULT, "translation": understood}]}))
    upload(page)
    edit(page, "变成夜晚")
    expect(page.locator("#understood")).to_contain_text("Understood as make it <b>night</b>")
    page.get_by_role("button", name="Correct it").click()
    expect(page.get_by_label("What shall change?")).to_have_value("make it <b>night</b>")
    expect(page.get_by_label("What shall change?")).to_be_focused()


def test_the_settings_can_be_taken_away(opened: Open, server: Server) -> None:
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    upload(page)
    page.get_by_text("More settings").click()
    page.get_by_label("Seed", exact=True).fill("7")
    page.get_by_label("Steps", exact=True).fill("5")
    edit(page, "it's night")
    page.get_by_role("button", name="Copy settings").click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    read = "navigator.clipboard.readText()"
    assert json.loads(page.evaluate(read)) == {"instruction": "it's night", "steps": 5, "seed": 7}
    page.get_by_role("button", name="Copy as curl").click()
    page.wait_for_function(f"() => {read}.then((text) => text.startsWith('curl'))")
    command = page.evaluate(read)
    assert "instruction='it'\\''s night'" in command
    assert re.search(rf"{server.url}/edit$", command)


def test_nothing_is_asked_of_another_server(opened: Open, browser: Browser) -> None:
    page = opened()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    upload(page)
    edit(page)
    own = (page.url, f"blob:{page.url}")
    assert asked
    assert [url for url in asked if not url.startswith(own)] == []
