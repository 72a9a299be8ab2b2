"""API keys: how they are made and read, and who comes in with them."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import openai
import pytest
import typer
from openai import OpenAI
from starlette.testclient import TestClient
from typer.testing import CliRunner

from service.cli import key
from service.guard.keys import Key, Keyring, new_key, parse_keys
from service.openapi.components import SECURITY
from service.trial import main as try_to_open
from tests.service.calls import error_of, post
from tests.service.conftest import worker
from tests.service.pictures import PNG

Serving = Callable[..., AbstractContextManager[TestClient]]

ALICE = "retouch_alice"
BOB = "retouch_bob"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def line(name: str, token: str) -> str:
    return f"{name} {hashlib.sha256(token.encode()).hexdigest()}"


def named(found: Key | None) -> str | None:
    return found.name if found else None


# Keys and the file


def test_a_new_key_is_found_by_its_line() -> None:
    (token, first), (other, second) = new_key("alice"), new_key("alice")
    assert token != other
    assert len(token) > 40
    assert token not in first
    ring = Keyring(parse_keys(first, "here"), None, Clock())
    assert named(ring.find(token.encode())) == "alice"
    assert ring.find(other.encode()) is None
    assert ring.find(parse_keys(second, "here")[0].digest) is None


def test_lines_have_bounds_and_comments() -> None:
    text = f"# ours\n\n{line('a', '1')} # Ann\r\n  {line('b', '2')} 60\n{line('c', '3')} 0 2\n"
    found = [(key.name, key.rate, key.concurrency) for key in parse_keys(text, "here")]
    assert found == [("a", None, None), ("b", 60, None), ("c", 0, 2)]


DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("alice", "no SHA-256"),
        ("alice retouch_secret", "no SHA-256"),
        (f"alice {DIGEST[1:]}", "no SHA-256"),
        (f"al/ice {DIGEST}", "name"),
        (f"ali\N{LATIN SMALL LETTER C WITH CEDILLA}e {DIGEST}", "name"),
        (f"{'a' * 65} {DIGEST}", "name"),
        (f"alice {DIGEST} many", "whole numbers"),
        (f"alice {DIGEST} -1", "whole numbers"),
        (f"alice {DIGEST} \N{ARABIC-INDIC DIGIT THREE}", "whole numbers"),
        (f"alice {DIGEST} 1 2 3", "whole numbers"),
        (f"bob {DIGEST}\nbob {'cd' * 32}", "repeats"),
        (f"bob {DIGEST}\neve {DIGEST.upper()}", "repeats"),
    ],
)
def test_a_bad_line_is_named_and_shows_no_key(wrong: str, told: str) -> None:
    number = 1 + len(wrong.splitlines())
    with pytest.raises(ValueError, match=rf"keys\.txt, line {number}: .*{told}") as refusal:
        parse_keys(f"# ours\n{wrong}", "keys.txt")
    assert "secret" not in str(refusal.value)


def test_every_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which key matches, or whether any does, changes nothing in what is done."""
    compared: list[bytes] = []
    real = hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    ring = Keyring(
        parse_keys("\n".join(line(f"k{n}", str(n)) for n in range(9)), ""), None, Clock()
    )
    for token, name in ((b"0", "k0"), (b"8", "k8"), (b"nobody's", None)):
        compared.clear()
        assert named(ring.find(token)) == name
        assert len(compared) == 9


def test_thousands_of_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("\n".join(line(f"k{n}", str(n)) for n in range(5000)))
    ring = Keyring((), file, Clock())
    assert len(ring) == 5000
    assert named(ring.find(b"4999")) == "k4999"


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file, clock = tmp_path / "keys", Clock()
    file.write_text(line("alice", "a"))
    ring = Keyring(parse_keys(line("fixed", "f"), ""), file, clock)
    file.write_text(line("bob", "b") + "\n")
    assert named(ring.find(b"a")) == "alice"  # not looked at yet
    clock.now += 1
    assert ring.find(b"a") is None
    assert named(ring.find(b"b")) == "bob"
    assert named(ring.find(b"f")) == "fixed"
    file.write_text("# nobody any more\n")
    clock.now += 1
    assert ring.find(b"b") is None


@pytest.mark.parametrize("broken", [b"bob", b"\xff\xfe", None], ids=["line", "bytes", "gone"])
def test_a_file_that_breaks_changes_nothing_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: bytes | None
) -> None:
    file, clock = tmp_path / "keys", Clock()
    file.write_text(line("alice", "a"))
    ring = Keyring((), file, clock)
    if broken is None:
        file.unlink()
    else:
        file.write_bytes(broken)
    clock.now += 1
    with caplog.at_level(logging.ERROR, "bentoml.retouch"):
        assert named(ring.find(b"a")) == "alice"
    assert str(file) in caplog.text
    file.write_text(line("carol", "c") + " # again\n")
    clock.now += 1
    assert named(ring.find(b"c")) == "carol"


def test_a_broken_file_stops_the_start(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    file.write_text("# ours\nalice\n")
    monkeypatch.setenv("RETOUCH_BUNDLE", str(bundle))
    monkeypatch.setenv("RETOUCH_BACKEND", "fake")
    monkeypatch.setenv("RETOUCH_API_KEYS_FILE", str(file))
    with pytest.raises(SystemExit, match=rf"{file}, line 2: .*retouch key NAME"):
        try_to_open()
    monkeypatch.setenv("RETOUCH_API_KEYS_FILE", str(tmp_path / "none"))
    with pytest.raises(SystemExit, match="RETOUCH_API_KEYS_FILE"):
        try_to_open()


def test_the_command_makes_a_key_and_its_line() -> None:
    app = typer.Typer()
    app.command()(key)
    made = CliRunner().invoke(app, ["alice"])
    token, entry = (text.partition(": ")[2].strip() for text in made.output.splitlines())
    assert named(Keyring(parse_keys(entry, ""), None, Clock()).find(token.encode())) == "alice"
    assert CliRunner().invoke(app, ["no name"]).exit_code == 2


# The service


def test_without_keys_the_server_is_open_and_says_so(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as client:
        assert post(client, steps=1).status_code == 200
        assert "security" not in client.get("/docs.json").json()
    assert "no API keys are set" in caplog.text


@pytest.fixture(scope="module")
def locked(serving: Serving) -> Iterator[TestClient]:
    with serving(API_KEYS=f"{line('alice', ALICE)};{line('bob', BOB)}", MAX_UPLOAD_MB=1) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def edit(client: TestClient, headers: Any, path: str = "/edit") -> int:
    data = {"instruction": "make it night", "steps": 1}
    files = {"image": ("a.png", PNG)}
    answer = client.post(path, files=files, data=data, headers=headers)
    if answer.is_error:
        error_of(answer, answer.status_code)
    return answer.status_code


@pytest.mark.parametrize(
    "headers",
    [
        bearer(ALICE),
        {"Authorization": f"bearer   {ALICE} "},
        {"X-API-Key": ALICE},
        {"X-API-Key": ALICE, "Authorization": "Basic cHJveHk6eA=="},  # a proxy's
        {"X-API-Key": BOB},
    ],
    ids=["bearer", "spaces", "header", "beside basic", "another"],
)
def test_a_known_key_comes_in(locked: TestClient, headers: Any) -> None:
    assert edit(locked, headers) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("wrong"),
        bearer(ALICE + "x"),
        bearer(ALICE[:-1]),
        bearer(hashlib.sha256(ALICE.encode()).hexdigest()),
        {"Authorization": ALICE},
        {"Authorization": f"Basic {ALICE}"},
        {"X-API-Key": ""},
        {"X-API-Key": b"\xff\xfe\x80"},
        {"Authorization": "Bearer ключ".encode()},
        {"X-API-Key": "x" * 60_000},
        {"Cookie": f"X-API-Key={ALICE}"},
        [("X-API-Key", ALICE), ("X-API-Key", ALICE)],
        [("Authorization", f"Bearer {ALICE}"), ("Authorization", "Bearer wrong")],
        [("Authorization", f"Bearer {ALICE}"), ("X-API-Key", "wrong")],
    ],
)
def test_nobody_else_does(locked: TestClient, headers: Any) -> None:
    before = worker().stats().done
    assert edit(locked, headers) == 401
    assert worker().stats().done == before


def test_a_key_in_the_url_is_none(locked: TestClient) -> None:
    for name in ("api_key", "key", "access_token", "X-API-Key"):
        assert edit(locked, {}, f"/edit?{name}={ALICE}") == 401


def test_a_refusal_tells_how_to_send_a_key(locked: TestClient) -> None:
    refused = post(locked)
    error = error_of(refused, 401)
    assert error["code"] == "unauthorized"
    assert "Bearer" in error["message"]
    assert refused.headers["www-authenticate"] == "Bearer"


def test_a_refusal_has_openais_shape_under_v1(locked: TestClient) -> None:
    for answer in (locked.get("/v1/models"), locked.post("/v1/images/edits")):
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "unauthorized"
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert locked.get("/v1/models", headers=bearer(ALICE)).status_code == 200


def test_openais_client_sends_its_key(locked: TestClient) -> None:
    def client(token: str) -> OpenAI:
        url = "http://testserver/v1"
        return OpenAI(base_url=url, api_key=token, http_client=locked, max_retries=0)

    answer = client(ALICE).images.edit(image=PNG, prompt="make it night", extra_body={"steps": 1})
    assert answer.data
    with pytest.raises(openai.AuthenticationError, match="not known"):
        client("wrong").images.edit(image=PNG, prompt="make it night")


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/page/app.js", "/page/examples/cat.jpg", "/about"),
        *("/docs", "/docs.json", "/static_content/swagger-ui.css", "/livez", "/readyz", "/metrics"),
    ],
)
def test_pages_and_probes_are_open_to_readers_alone(locked: TestClient, path: str) -> None:
    assert locked.get(path).status_code == 200
    assert locked.post(path).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/edit",
        "/edit/",
        "//edit",
        "/EDIT",
        "/docs/../edit",
        "/static_content/../edit",
        "/schema.json",
    ],
)
def test_everything_else_is_closed(locked: TestClient, path: str) -> None:
    url = locked.base_url.copy_with(raw_path=path.encode())
    assert locked.post(url).status_code == 401
    if not path.startswith("/static_content"):
        assert locked.get(url).status_code in (401, 404)


def test_a_large_upload_of_a_stranger_is_refused_first(locked: TestClient) -> None:
    assert error_of(post(locked, bytes(900_000)), 401)["code"] == "unauthorized"


def test_the_log_names_the_key_and_hides_it(
    locked: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert edit(locked, bearer(ALICE)) == 200
    assert edit(locked, bearer("stranger")) == 401
    assert " key=alice " in caplog.text
    assert "alice" in {vars(record).get("key") for record in caplog.records}  # for RETOUCH_LOG=json
    assert ALICE not in caplog.text
    assert "stranger" not in caplog.text


def test_the_document_says_how_to_send_a_key(locked: TestClient) -> None:
    document = locked.get("/docs.json").json()
    assert document["components"]["securitySchemes"] == SECURITY
    assert document["security"] == [{"bearer": []}, {"header": []}]
    assert document["paths"]["/livez"]["get"]["security"] == []
