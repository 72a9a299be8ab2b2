"""Chinese instructions over HTTP: translated, and the translation told."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import unquote

import pytest
from openai import OpenAI
from starlette.testclient import TestClient

from runtime.provenance import read_provenance
from runtime.translation import Interpreter
from service.settings import Settings
from service.trial import trial
from tests.fake_bundle import write_fake_bundle
from tests.service.calls import error_of, pixels, post
from tests.service.conftest import worker
from tests.service.pictures import PNG

CHINESE, ENGLISH = "让画面变成夜晚", "make it night"
TOLD = {"instruction": ENGLISH, "negative_instruction": "", "engine": "rules"}


def test_the_edit_is_that_of_the_english(client: TestClient) -> None:
    ours = post(client, instruction=CHINESE, seed=5)
    theirs = post(client, instruction=ENGLISH, seed=5)
    other = post(client, instruction="sepia", seed=5)
    assert (pixels(ours) == pixels(theirs)).all()
    assert (pixels(ours) != pixels(other)).any()
    assert ours.headers["x-retouch-translation"] == ENGLISH
    assert "x-retouch-translation" not in theirs.headers
    assert read_provenance(ours.content).params.instruction == CHINESE


def test_json_tells_what_was_asked_and_what_was_read(client: TestClient) -> None:
    body = {"image": base64.b64encode(PNG).decode(), "n": 2, "instruction": CHINESE}
    answer = client.post("/edit", json=body, headers={"Accept": "application/json"})
    for image in answer.json()["images"]:
        assert (image["instruction"], image["translation"]) == (CHINESE, TOLD)


def test_the_header_holds_what_ascii_lacks(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Poet:
        name = "poet"

        def instruction(self, text: str) -> str:
            return "make it a café, 100% “night”\r\nX-Evil: 1"

        listing = instruction

    monkeypatch.setattr(worker()._engine, "_interpreter", Interpreter(Poet()))
    told = post(client, instruction=CHINESE).headers
    assert "x-evil" not in told
    assert unquote(told["x-retouch-translation"]) == Poet().instruction("")


def test_the_log_holds_nobodys_words(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    post(client, instruction=CHINESE)
    assert ENGLISH not in caplog.text
    assert "seed=" in caplog.text


def test_openais_word_for_it_is_revised_prompt(client: TestClient) -> None:
    openai = OpenAI(base_url="http://testserver/v1", api_key="any", http_client=client)
    asked = openai.images.edit(image=io.BytesIO(PNG), prompt=CHINESE)
    plain = openai.images.edit(image=io.BytesIO(PNG), prompt=ENGLISH)
    assert asked.data is not None
    assert asked.data[0].revised_prompt == ENGLISH
    assert plain.data is not None
    assert plain.data[0].revised_prompt is None


def test_what_cannot_be_translated_is_refused(client: TestClient) -> None:
    error = error_of(post(client, instruction="把猫换成哈基米"), 422)
    assert error["field"] == "instruction"
    assert "哈基米" in error["message"]
    assert "English" in error["message"]
    error = error_of(post(client, negative_instruction="哈基米"), 422)
    assert error["field"] == "negative_instruction"


@pytest.mark.parametrize(
    ("instruction", "language", "translation", "engine"),
    [
        (CHINESE, "zh", ENGLISH, "rules"),
        (ENGLISH, None, None, None),
        ("猫を犬に変えて", "ja", None, None),
    ],
)
def test_a_translation_can_be_seen_before_the_edit(
    client: TestClient,
    instruction: str,
    language: str | None,
    translation: str | None,
    engine: str | None,
) -> None:
    told = client.post("/translate", json={"instruction": instruction})
    assert told.status_code == 200
    assert told.json() == {
        "instruction": instruction,
        "language": language,
        "translation": translation,
        "engine": engine,
    }


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 400, "JSON"),
        (b"\xff", 400, "JSON"),
        (b"[" * 60_000, 400, "JSON"),
        (b"[" * 100_000, 413, "65536"),
        (b"[1]", 400, "list"),
        (b"{}", 422, "missing"),
        (b'{"instruction": 1}', 422, "str"),
        (b'{"instruction": "a", "instruction": "b"}', 422, "2 times"),
        (b'{"instruction": " "}', 422, "blank"),
        (b'{"instruction": "a", "seed": 1}', 422, "seed"),
        (b'{"instruction": "\\ud800"}', 422, "Unicode"),
        (b'{"instruction": "' + b"a" * 1001 + b'"}', 422, "1000"),
        ('{"instruction": "春眠不觉晓"}'.encode(), 422, "translated"),
    ],
)
def test_a_body_that_holds_no_instruction_is_refused(
    client: TestClient, body: bytes, status: int, says: str
) -> None:
    assert says in error_of(client.post("/translate", content=body), status)["message"]


@pytest.fixture
def chinese_client(
    serving: Callable[..., AbstractContextManager[TestClient]], tmp_path: Path
) -> Iterator[TestClient]:
    bundle = write_fake_bundle(tmp_path / "bundle", languages=("en", "zh"))
    with serving(BUNDLE=bundle) as running:
        yield running


def test_a_model_that_reads_chinese_is_given_it(chinese_client: TestClient) -> None:
    told = post(chinese_client, instruction="春眠不觉晓")
    assert told.status_code == 200
    assert "x-retouch-translation" not in told.headers
    answer = chinese_client.post("/translate", json={"instruction": CHINESE}).json()
    assert (answer["language"], answer["translation"]) == ("zh", None)


def test_the_translators_directory_is_a_setting(tmp_path: Path) -> None:
    assert Settings.from_env({}).translator is None
    assert Settings.from_env({"RETOUCH_TRANSLATOR": "a/b"}).translator == Path("a/b").absolute()


def test_a_directory_that_holds_no_model_stops_the_start(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"BUNDLE": bundle, "BACKEND": "fake", "TRANSLATOR": tmp_path}.items():
        monkeypatch.setenv(f"RETOUCH_{name}", str(value))
    assert "lacks model.bin" in (trial() or "it opened")
