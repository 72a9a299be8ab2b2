"""Other weights for TensorRT engines, on the fake GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime import BackendError, BackendFailure, Bundle, EditParams
from runtime.backends.base import RefittingBackend
from runtime.engine import Engine
from runtime.errors import OutOfMemory
from runtime.manifest import GRAPH_NAMES
from runtime.nvidia.library import Library
from runtime.weights.difference import write_package
from runtime.weights.package import Package
from tests.fake_bundle import with_tick
from tests.runtime.fake_tensorrt import write_engine_bundle
from tests.runtime.test_backends import picture
from tests.runtime.test_tensorrt import Rig, make_rig


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Bundle]:
    """One with engines, and what a package for it makes."""
    folder = tmp_path_factory.mktemp("refit")
    base = write_engine_bundle(folder / "base")
    write_engine_bundle(folder / "changed")
    write_package(base, with_tick(folder / "changed", b"TICK"), folder / "package")
    return base, Package.open(folder / "package").apply(base, folder / "made")


@pytest.fixture
def rig(bundles: tuple[Bundle, Bundle]) -> Rig:
    return make_rig(bundles[0])


def change(engine: Engine, weights: Bundle | None) -> None:
    done = engine.replace_weights(weights)
    engine.step()
    done.result(0)


def edit(engine: Engine) -> str:
    request = engine.prepare(picture((64, 64), 0), EditParams("make it night", steps=1))
    engine.add(request)
    while not request.finished:
        engine.step()
    assert request.error is None
    return request.bundle


def test_an_engine_gets_the_weights_of_the_changed_graph(
    rig: Rig, bundles: tuple[Bundle, Bundle]
) -> None:
    assert isinstance(rig.backend, RefittingBackend)
    engine = Engine(rig.bundle, rig.backend)
    change(engine, bundles[1])
    assert rig.trt.refitted == {"tick": b"TICK"}
    assert edit(engine) == bundles[1].manifest.digest()
    assert rig.trt.live.count("ICudaEngine") == len(GRAPH_NAMES)
    assert not {"Refitter", "OnnxParserRefitter"} & set(rig.trt.live)
    rig.trt.refitted.clear()
    change(engine, None)  # the engine as it was built
    assert rig.trt.refitted == {}
    assert edit(engine) == rig.bundle.manifest.digest()
    engine.close()
    assert rig.holds_nothing()


FAILURES: list[tuple[str, Any, str]] = [
    ("Refitter", None, "could not refit tick from tick.onnx: Refitter returned None: because"),
    ("OnnxParserRefitter", None, "OnnxParserRefitter returned None: because"),
    ("refit_from_file", False, "tick.onnx has no weights for the engine of tick: a name is miss"),
    ("refit_cuda_engine", False, "refit_cuda_engine returned False: because"),
    ("refit_cuda_engine", RuntimeError("foreign"), "foreign"),
    ("refittable", False, "built without refit; export the bundle with --refit"),
]


@pytest.mark.parametrize(("method", "planted", "told"), FAILURES)
def test_a_failure_leaves_the_engine_that_was(
    rig: Rig, bundles: tuple[Bundle, Bundle], method: str, planted: Any, told: str
) -> None:
    engine = Engine(rig.bundle, rig.backend)
    rig.trt.returns[method] = planted
    with pytest.raises(BackendFailure, match=told):
        change(engine, bundles[1])
    assert rig.trt.live.count("ICudaEngine") == len(GRAPH_NAMES)
    assert edit(engine) == rig.bundle.manifest.digest()
    engine.close()
    assert rig.holds_nothing()


def test_too_little_memory(rig: Rig, bundles: tuple[Bundle, Bundle]) -> None:
    engine = Engine(rig.bundle, rig.backend)
    rig.trt.returns["refit_cuda_engine"] = False
    rig.trt.told = "Out of memory"
    with pytest.raises(BackendError, match="does not fit into the GPU") as caught:
        change(engine, bundles[1])
    assert isinstance(caught.value.__cause__, OutOfMemory)


def test_the_lean_library_refits_nothing(rig: Rig, bundles: tuple[Bundle, Bundle]) -> None:
    rig.backend._library = Library("tensorrt-rtx", rig.trt, lean=True)
    engine_file = rig.bundle.path / "tick.engine"
    with pytest.raises(BackendFailure, match="install tensorrt-rtx itself"):
        rig.backend.load_refitted("tick", engine_file, Path("tick.onnx"), rig.bundle.manifest)
    assert rig.holds_nothing()
