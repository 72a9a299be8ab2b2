"""The page for people, as far as it can be judged without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from runtime.version import VERSION
from service.page.routes import EXAMPLES, STATIC
from tests.service.calls import post
from tests.service.conftest import worker

FILES = sorted(path for path in STATIC.iterdir() if path.is_file())
INDEX = (STATIC / "index.html").read_text()
WORDS = (STATIC / "words.js").read_text()
SCRIPTS = {path.name: path.read_text() for path in FILES if path.suffix == ".js"}
EXAMPLE_NAMES = re.findall(r'"(\w+\.jpg)"', SCRIPTS["incoming.js"])
KEY = re.compile(r"^    (\w+):", re.MULTILINE)


def languages() -> dict[str, list[str]]:
    """Keys of the words, by language, in their order."""
    tables = re.findall(r"^  (\w\w): \{\n(.*?)^  \},", WORDS, re.MULTILINE | re.DOTALL)
    return {tag: KEY.findall(table) for tag, table in tables}


def test_the_page_is_at_the_root(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == INDEX


def test_whatever_the_page_loads_is_served(client: TestClient) -> None:
    loaded = re.findall(r'(?:src|href)="(page/[^"]+)"', INDEX)
    for script in SCRIPTS.values():
        loaded += [f"page/{name}" for name in re.findall(r'from "\./([^"]+)"', script)]
    loaded += [f"page/examples/{name}" for name in EXAMPLE_NAMES]
    assert len(set(loaded)) > len(SCRIPTS)
    for path in set(loaded):
        assert client.get(f"/{path}").status_code == 200, path


def test_files_are_asked_after_and_not_sent_again(client: TestClient) -> None:
    for path in ("/", "/page/app.js", "/page/examples/cat.jpg"):
        first = client.get(path)
        assert first.headers["cache-control"] == "no-cache"
        again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304
        assert "content-security-policy" not in again.headers  # the first one's holds on


@pytest.mark.parametrize("path", ["/page/nothing.js", "/page/%2e%2e/about.py"])
def test_other_files_are_not_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|[\"'(]//", text)


def test_no_script_and_no_style_is_inline() -> None:
    """The server's content security policy would stop them."""
    assert not re.search(r"\son\w+\s*=|\sstyle\s*=|<style|javascript:", INDEX)
    assert all(re.search(r"\ssrc=", tag) for tag in re.findall(r"<script[^>]*>", INDEX))
    by_text = r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function"
    for script in SCRIPTS.values():
        assert not re.search(by_text, script)


def test_both_languages_say_the_same() -> None:
    tables = languages()
    assert list(tables) == ["en", "zh"]
    assert tables["en"] == tables["zh"]
    assert len(set(tables["en"])) == len(tables["en"]) > 80


def test_placeholders_are_the_same_in_both_languages() -> None:
    said = re.findall(r'^    (\w+): "(.*)",$', WORDS, re.MULTILINE)
    by_key: dict[str, list[set[str]]] = {}
    for key, text in said:
        by_key.setdefault(key, []).append(set(re.findall(r"\{(\w+)\}", text)))
    assert all(len(found) == 2 and found[0] == found[1] for found in by_key.values())


def test_every_word_that_is_asked_for_is_there_and_none_is_left_over() -> None:
    asked = set(re.findall(r'data-(?:say|label|placeholder)="(\w+)"', INDEX))
    others = "".join(text for name, text in SCRIPTS.items() if name != "words.js")
    known = set(languages()["en"]) - {"ideas"}
    assert asked <= known
    assert set(re.findall(r'\bsay\("(\w+)"', others + WORDS)) <= known
    said = asked | set(re.findall(r'"(\w+)"', others + WORDS))
    assert known <= said


def test_every_element_that_a_script_wants_is_there() -> None:
    ids = re.findall(r'\sid="([\w-]+)"', INDEX)
    assert len(ids) == len(set(ids))
    for script in SCRIPTS.values():
        assert set(re.findall(r'\$\("([\w-]+)"\)', script)) <= set(ids)


def test_every_example_is_credited() -> None:
    credits = (EXAMPLES / "README.md").read_text()
    for name in EXAMPLE_NAMES:
        author = re.search(rf"\| {name} \| [^|]+ \| ([^|(]+)", credits)
        assert author
        assert WORDS.count(author[1].strip()) == 2


def test_about_tells_what_holds_here(client: TestClient) -> None:
    told = client.get("/about").json()
    assert told["name"] == "fake"
    assert told["version"] == VERSION
    assert told["languages"] == ["en"]
    assert told["max_upload_bytes"] == 2**20
    assert told["previews"] is worker().previews
    steps = told["fields"]["steps"]
    assert (steps["minimum"], steps["default"], steps["maximum"]) == (1, 4, 150)  # the bundle's
    assert told["fields"]["text_guidance"]["default"] == 7.5  # the reference model's
    assert "euler_a" in told["fields"]["sampler"]["enum"]
    assert "default" not in told["fields"]["seed"]


def test_what_about_tells_is_taken_by_an_edit(client: TestClient) -> None:
    fields = client.get("/about").json()["fields"]
    defaults = {name: field["default"] for name, field in fields.items() if "default" in field}
    assert post(client, **defaults).status_code == 200
