"""Other weights for a worker that serves: when they take effect, and what a failure leaves."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from runtime import (
    BackendFailure,
    Bundle,
    BundleError,
    BundleIncompatible,
    EditResult,
    EngineWorker,
    Limits,
    ShuttingDown,
    WeightsChanging,
)
from runtime.backends.base import Graph
from runtime.engine import Engine
from runtime.manifest import GRAPH_NAMES, GraphName, Manifest
from runtime.weights.difference import write_package
from runtime.weights.package import Package
from tests.fake_bundle import with_tick
from tests.runtime.broken_backend import BrokenBackend, BrokenGraph
from tests.runtime.test_weights import bundle_of
from tests.runtime.test_worker import PATIENCE_S, Gate, until


@dataclass
class Loads(BrokenBackend):
    """Keeps what it loaded, and fails to load the next graph that `failing` names."""

    loaded: list[BrokenGraph] = field(default_factory=list)
    read: list[bytes] = field(default_factory=list)
    failing: Exception | None = None

    def load(self, graph: GraphName, path: Path, manifest: Manifest) -> Graph:
        if self.failing:
            raise self.failing
        found = super().load(graph, path, manifest)
        assert isinstance(found, BrokenGraph)
        self.loaded.append(found)
        self.read.append(path.read_bytes())
        return found

    def open(self) -> list[str]:
        return [graph.name for graph in self.loaded if not graph.closed]


@dataclass
class Rig:
    base: Bundle
    package: Package
    backend: Loads
    worker: EngineWorker
    pool: ThreadPoolExecutor

    def edit(self, **overrides: Any) -> Future[EditResult]:
        picture = Image.new("RGB", (64, 48))
        return self.worker.submit(picture, self.worker.params("sepia", seed=1, **overrides))

    def replace(self, package: Package | None) -> Future[None]:
        """In a thread of its own; returns when the engine knows of it."""
        changing = self.pool.submit(self.worker.replace_weights, package)
        until(lambda: self.worker._engine.replacement.pending or changing.done())
        return changing


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Package]:
    folder = tmp_path_factory.mktemp("replacing")
    base = bundle_of(folder / "base", b"old weights")
    write_package(base, bundle_of(folder / "changed", b"new weights"), folder / "night.weights")
    return base, Package.open(folder / "night.weights")


@pytest.fixture
def rig(bundles: tuple[Bundle, Package]) -> Iterator[Rig]:
    backend = Loads()
    worker = EngineWorker(Engine(bundles[0], backend, Limits(max_running=1)))
    with ThreadPoolExecutor() as pool:
        yield Rig(*bundles, backend, worker, pool)
        worker.close()


@pytest.fixture
def gate(rig: Rig) -> Iterator[Gate]:
    """Holds the ticks of `rig`."""
    rig.backend.fault = gate = Gate()
    yield gate
    gate.opened.set()


def test_who_runs_is_finished_and_who_waits_gets_the_new_weights(rig: Rig, gate: Gate) -> None:
    """And each says in its result which ones it was made with."""
    running, waiting = rig.edit(), rig.edit()
    assert gate.reached.wait(PATIENCE_S)
    changing = rig.replace(rig.package)
    later = rig.edit()
    assert rig.worker.digest == rig.base.manifest.digest()
    gate.opened.set()
    changing.result(PATIENCE_S)
    made_with = [one.result(PATIENCE_S).bundle for one in (running, waiting, later)]
    assert made_with == [rig.base.manifest.digest(), rig.package.digest, rig.package.digest]
    assert rig.worker.digest == rig.worker.manifest.digest() == rig.package.digest


def test_only_the_graphs_that_changed_are_loaded(rig: Rig) -> None:
    rig.worker.replace_weights(rig.package)
    assert rig.backend.read[4:] == [b"new weights"]
    assert sorted(rig.backend.open()) == sorted(GRAPH_NAMES)
    rig.worker.replace_weights(None)
    assert rig.backend.read[5:] == [b"old weights"]
    assert sorted(rig.backend.open()) == sorted(GRAPH_NAMES)
    rig.worker.replace_weights(None)  # which changes nothing
    assert len(rig.backend.read) == 6
    assert rig.edit().result(PATIENCE_S).bundle == rig.base.manifest.digest()


def test_what_was_encoded_before_is_encoded_again(rig: Rig) -> None:
    rig.edit().result(PATIENCE_S)
    rig.edit().result(PATIENCE_S)
    before = rig.worker.stats()
    rig.worker.replace_weights(rig.package)
    rig.edit().result(PATIENCE_S)
    after = rig.worker.stats()
    assert after.cache_misses == 2 * before.cache_misses
    assert after.cache_hits >= before.cache_hits  # counters never fall
    assert after.cache_bytes == before.cache_bytes


@pytest.mark.parametrize(
    ("failing", "told"),
    [(BackendFailure("no room"), "no room"), (ValueError("odd"), "failed unexpectedly: Value")],
)
def test_a_failure_leaves_the_weights_that_were(rig: Rig, failing: Exception, told: str) -> None:
    rig.backend.failing = failing
    with pytest.raises(BackendFailure, match=told):
        rig.worker.replace_weights(rig.package)
    assert sorted(rig.backend.open()) == sorted(GRAPH_NAMES)
    assert rig.edit().result(PATIENCE_S).bundle == rig.base.manifest.digest()
    rig.backend.failing = None
    rig.worker.replace_weights(rig.package)
    assert rig.worker.digest == rig.package.digest


def test_one_that_fails_halfway_closes_what_it_loaded(rig: Rig, tmp_path: Path) -> None:
    """Of two graphs the second is not loaded."""
    changed = bundle_of(tmp_path / "changed", b"new weights")
    (changed.path / "image_decoder.onnx").write_bytes(b"IMAGE_DECODER")
    variants = changed.manifest.graphs["image_decoder"]
    file = dataclasses.replace(
        variants[0].file, sha256=hashlib.sha256(b"IMAGE_DECODER").hexdigest()
    )
    graphs = dict(changed.manifest.graphs)
    graphs["image_decoder"] = (dataclasses.replace(variants[0], file=file),)
    manifest = dataclasses.replace(changed.manifest, graphs=graphs)
    write_package(rig.base, Bundle(changed.path, manifest), tmp_path / "two")
    real = rig.backend.load

    def load(graph: GraphName, path: Path, manifest: Manifest) -> Graph:
        found = real(graph, path, manifest)
        rig.backend.failing = BackendFailure("no room")
        return found

    rig.backend.load = load  # type: ignore[method-assign]
    with pytest.raises(BackendFailure, match="no room"):
        rig.worker.replace_weights(Package.open(tmp_path / "two"))
    assert [graph.closed for graph in rig.backend.loaded] == [0, 0, 0, 0, 1]


def test_one_change_at_a_time(rig: Rig, gate: Gate) -> None:
    rig.edit()
    assert gate.reached.wait(PATIENCE_S)
    first = rig.replace(rig.package)
    with pytest.raises(WeightsChanging, match="being replaced") as caught:
        rig.worker.replace_weights(None)
    assert caught.value.retry_after > 0
    gate.opened.set()
    first.result(PATIENCE_S)
    rig.worker.replace_weights(None)


def test_a_package_of_another_bundle_stops_nothing(rig: Rig, tmp_path: Path) -> None:
    other = bundle_of(tmp_path / "other", b"other bytes")
    write_package(other, with_tick(tmp_path / "other", b"OTHER BYTES"), tmp_path / "package")
    with pytest.raises(BundleIncompatible, match="it was made for the bundle"):
        rig.worker.replace_weights(Package.open(tmp_path / "package"))
    assert rig.edit().result(PATIENCE_S).ticks == 4


def test_no_file_is_left(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rig.worker.replace_weights(rig.package)
    rig.worker.replace_weights(None)
    rig.backend.failing = BackendFailure("no room")
    with pytest.raises(BackendFailure):
        rig.worker.replace_weights(rig.package)
    assert os.listdir(tmp_path) == []


def test_a_temporary_folder_that_cannot_be_made(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(BundleError, match="/nowhere.*TMPDIR"):
        rig.worker.replace_weights(rig.package)
    rig.worker.replace_weights(None)  # which needs none
    assert rig.edit().result(PATIENCE_S).bundle == rig.base.manifest.digest()


def test_a_change_that_waits_is_made_while_the_worker_drains(
    rig: Rig, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = rig.edit()
    assert gate.reached.wait(PATIENCE_S)
    changing = rig.replace(rig.package)
    rig.worker.drain()
    gate.opened.set()
    changing.result(PATIENCE_S)
    running.result(PATIENCE_S)
    until(lambda: not rig.worker.alive)
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")  # no file is written any more
    with pytest.raises(ShuttingDown):
        rig.worker.replace_weights(rig.package)


def test_an_engine_that_breaks_fails_the_change_that_waits(rig: Rig, gate: Gate) -> None:
    def breaks(graph: GraphName, inputs: Any, outputs: Any) -> None:
        gate(graph, inputs, outputs)
        if graph == "tick":
            raise SystemExit("the roof fell in")

    rig.backend.fault = breaks
    rig.edit()
    assert gate.reached.wait(PATIENCE_S)
    changing = rig.replace(rig.package)
    gate.opened.set()
    with pytest.raises(BackendFailure, match="the roof fell in"):
        changing.result(PATIENCE_S)


def test_a_closed_engine_takes_none(bundles: tuple[Bundle, Package]) -> None:
    engine = Engine(bundles[0], Loads())
    waiting = engine.replace_weights(None)
    engine.close()
    with pytest.raises(ShuttingDown):
        waiting.result(0)
    with pytest.raises(ShuttingDown):
        engine.replace_weights(None)
