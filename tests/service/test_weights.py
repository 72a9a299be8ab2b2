"""`/weights`: what is listed, who may replace what is served, and what failures leave."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from runtime.backends.fake import FakeBackend
from runtime.bundle import Bundle
from runtime.errors import BackendFailure
from runtime.provenance import read_provenance
from runtime.weights.difference import write_package
from runtime.weights.package import Package
from service.trial import main as try_to_open
from tests.fake_bundle import with_tick
from tests.service.calls import error_of, post
from tests.service.conftest import Held, wait_until, worker
from tests.service.pictures import PNG

Serving = Callable[..., AbstractContextManager[TestClient]]
Json = dict[str, Any]


@pytest.fixture(scope="module")
def folder(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that fits, one of another bundle, a damaged one, and what is none."""
    made = tmp_path_factory.mktemp("weights")
    bundles = [shutil.copytree(bundle, made / name / "fake") for name in ("changed", "other")]
    changed, other = with_tick(bundles[0], b"TICK"), with_tick(bundles[1], b"kcit")
    found = made / "folder"
    (found / "inner").mkdir(parents=True)
    write_package(Bundle.open(bundle), changed, found / "night.weights")
    write_package(other, changed, found / "other.weights")
    whole = (found / "night.weights").read_bytes()
    (found / "bad.weights").write_bytes(whole[:-1] + b"!")
    (found / "notes.txt").write_text("of the operator")
    (found / ".hidden").write_bytes(whole)
    (made / "secret.weights").write_bytes(whole)
    return found


@pytest.fixture
def client(serving: Serving, folder: Path) -> Iterator[TestClient]:
    with serving(WEIGHTS_DIR=folder) as running:
        yield running


def put(client: TestClient, name: object, **options: Any) -> Response:
    return client.put("/weights", json={"name": name}, **options)


def digest(path: Path) -> str:
    return Bundle.open(path).manifest.digest()


def made_with(response: Response) -> str:
    return read_provenance(response.content).bundle


def test_packages_are_listed_with_what_they_make_and_whether_they_fit(
    client: TestClient, bundle: Path, folder: Path
) -> None:
    made = Package.open(folder / "night.weights").digest
    assert client.get("/weights").json() == {
        "serving": {"name": None, "bundle": digest(bundle)},
        "packages": [
            {"name": "bad.weights", "bundle": made, "fits": True},  # its data are not looked at
            {"name": "night.weights", "bundle": made, "fits": True},
            {"name": "other.weights", "bundle": made, "fits": False},
        ],
    }


def test_results_say_which_weights_made_them(
    client: TestClient, bundle: Path, folder: Path
) -> None:
    own, night = digest(bundle), Package.open(folder / "night.weights").digest
    assert made_with(post(client)) == own
    answer = put(client, "night.weights")
    assert answer.status_code == 200
    assert answer.json()["serving"] == {"name": "night.weights", "bundle": night}
    assert answer.json() == client.get("/weights").json()
    assert made_with(post(client)) == night
    about = client.get("/about").json()
    assert (about["weights"], about["bundle"]) == ("night.weights", night)
    assert put(client, None).json()["serving"] == {"name": None, "bundle": own}
    assert made_with(post(client)) == own
    about = client.get("/about").json()
    assert (about["weights"], about["bundle"]) == (None, own)


@pytest.mark.parametrize(
    "name",
    [
        *("none.weights", "", ".", "..", ".hidden", "inner", "../secret.weights", "/etc/passwd"),
        *("./night.weights", "night.weights\0", "night", 7, True, ["night.weights"], "x" * 300),
    ],
)
def test_names_that_no_file_of_the_folder_has(client: TestClient, name: object) -> None:
    error = error_of(put(client, name), 422)
    assert (error["code"], error["field"]) == ("invalid_request", "name")
    assert client.get("/about").json()["weights"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{}", 422),
        (b'{"name": null, "name": null}', 422),
        (b'{"name": null, "now": true}', 422),
        (b" " * 5000, 413),
    ],
)
def test_bodies_that_are_no_request(client: TestClient, body: bytes, status: int) -> None:
    error_of(client.put("/weights", content=body), status)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("other.weights", "made for the bundle"),
        ("bad.weights", "bad.weights: tick.onnx has SHA-256"),
        ("notes.txt", "notes.txt: it is no weights package"),
    ],
)
def test_a_package_that_cannot_be_served(client: TestClient, name: str, told: str) -> None:
    put(client, "night.weights")
    error = error_of(put(client, name), 409)
    assert error["code"] == "weights_refused"
    assert error["message"].startswith("the weights stay as they were: ")
    assert told in error["message"]
    assert client.get("/weights").json()["serving"]["name"] == "night.weights"
    assert post(client).status_code == 200


def test_weights_that_do_not_load(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise BackendFailure("no room")

    monkeypatch.setattr(FakeBackend, "load", fail)
    assert "no room" in error_of(put(client, "night.weights"), 409)["message"]
    assert client.get("/about").json()["weights"] is None
    assert post(client).status_code == 200


def test_a_folder_that_goes_away_leaves_a_way_back(
    serving: Serving, folder: Path, tmp_path: Path
) -> None:
    going = shutil.copytree(folder, tmp_path / "going")
    with serving(WEIGHTS_DIR=going) as client:
        assert put(client, "night.weights").status_code == 200
        shutil.rmtree(going)
        told = client.get("/weights").json()
        assert (told["serving"]["name"], told["packages"]) == ("night.weights", [])
        assert "which has none" in error_of(put(client, "night.weights"), 422)["message"]
        assert put(client, None).json()["serving"]["name"] is None


def test_a_name_that_is_no_text_hides_itself_alone(
    serving: Serving, folder: Path, tmp_path: Path
) -> None:
    odd = shutil.copytree(folder, tmp_path / "odd")
    shutil.copy(odd / "night.weights", odd / os.fsdecode(b"\xff.weights"))
    with serving(WEIGHTS_DIR=odd) as client:
        assert len(client.get("/weights").json()["packages"]) == 3
        assert error_of(put(client, "none"), 422)["field"] == "name"


def test_it_answers_when_it_has_taken_effect_and_one_change_is_made_at_a_time(
    client: TestClient, hold: Callable[[], Held]
) -> None:
    with ThreadPoolExecutor() as pool:
        with hold():
            changing = pool.submit(put, client, "night.weights")
            wait_until(lambda: worker()._engine.replacement.pending)
            error = error_of(put(client, None), 409)
            assert error["code"] == "weights_changing"
            waiting = pool.submit(post, client)
            wait_until(lambda: worker().waiting == 1)
            assert not changing.done()
        assert changing.result().json()["serving"]["name"] == "night.weights"
        assert made_with(waiting.result()) == worker().digest


def test_off_unless_a_folder_is_named(serving: Serving) -> None:
    with serving() as client:
        for answer in (client.get("/weights"), put(client, None)):
            error = error_of(answer, 404)
            assert error["code"] == "weights_off"
            assert "RETOUCH_WEIGHTS_DIR" in error["message"]
        assert client.get("/about").json()["weights"] is None
        assert "/weights" not in client.get("/docs.json").json()["paths"]


def test_a_folder_that_is_none_stops_the_start(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "BUNDLE": bundle,
        "BACKEND": "fake",
        "WEIGHTS_DIR": tmp_path / "no",
    }.items():
        monkeypatch.setenv(f"RETOUCH_{name}", str(value))
    with pytest.raises(SystemExit, match="RETOUCH_WEIGHTS_DIR is .*no, which is no folder"):
        try_to_open()


# Who may


def key_line(name: str, *marks: str) -> str:
    return " ".join((name, hashlib.sha256(name.encode()).hexdigest(), *marks))


def bearing(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


def test_of_keys_only_one_that_is_marked_may_replace_weights(
    serving: Serving, folder: Path
) -> None:
    keys = ";".join((key_line("alice", "60", "weights"), key_line("bob")))
    with serving(WEIGHTS_DIR=folder, API_KEYS=keys) as client:
        assert error_of(put(client, None), 401)["code"] == "unauthorized"
        error = error_of(put(client, "night.weights", headers=bearing("bob")), 403)
        assert error["code"] == "not_allowed"
        assert "'weights'" in error["message"]
        assert client.get("/about").json()["weights"] is None
        assert error_of(client.get("/weights"), 401)
        assert client.get("/weights", headers=bearing("bob")).status_code == 200
        assert put(client, "night.weights", headers=bearing("alice")).status_code == 200
        assert client.get("/about").json()["weights"] == "night.weights"


def test_a_page_of_another_origin_may_not(client: TestClient) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://other.example"}
    assert error_of(put(client, None, headers=foreign), 403)["code"] == "foreign_page"


# Jobs


def submit(client: TestClient) -> Json:
    answer = client.post("/jobs", files={"image": ("a.png", PNG)}, data={"instruction": "sepia"})
    assert answer.status_code == 202
    found: Json = answer.json()
    return found


def job(client: TestClient, known: Json) -> Json:
    found: Json = client.get(known["url"]).json()
    return found


def test_a_job_is_made_with_the_weights_that_it_was_submitted_to(
    client: TestClient, hold: Callable[[], Held], bundle: Path
) -> None:
    """It waits for them when others are served meanwhile, and its result tells them."""
    own = digest(bundle)
    with ThreadPoolExecutor() as pool:
        with hold():
            waiting = submit(client)
            assert waiting["bundle"] == own
            wait_until(lambda: worker().waiting == 1)  # begun, and overtaken by the change
            changing = pool.submit(put, client, "night.weights")
            wait_until(lambda: worker()._engine.replacement.pending)
        assert changing.result().status_code == 200
    styled = submit(client)
    wait_until(lambda: job(client, styled)["status"] == "done")
    assert styled["bundle"] == worker().digest != own
    assert made_with(client.get(styled["result_url"])) == styled["bundle"]
    again = job(client, waiting)
    assert (again["status"], again["attempts"]) == ("queued", 0)
    put(client, None)
    wait_until(lambda: job(client, waiting)["status"] == "done")
    assert made_with(client.get(waiting["result_url"])) == own
