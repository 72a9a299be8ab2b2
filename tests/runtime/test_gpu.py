"""What only a machine with a GPU can tell: `pytest -m gpu tests/runtime/test_gpu.py`.

Each backend against ONNX Runtime on the CPU, within the bounds that the bundle was exported with.
A backend that cannot run here is skipped with the reason that `retouch doctor` gives.
"""

from __future__ import annotations

import json
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from export.engines.profiles import Range, Shapes
from export.engines.recipe import EngineRecipe, Options
from runtime import Bundle, EngineWorker, Limits, open_editor
from runtime.backends.base import Array, Backend, load_backend, probe_all
from runtime.built_for import EngineLibrary
from runtime.cli import bench
from runtime.engine import Engine
from runtime.manifest import GRAPH_NAMES, GraphName
from runtime.nvidia.gpu import find_gpu
from tests.conftest import Once
from tests.runtime.test_backends import Subject, latents, picture

pytestmark = pytest.mark.gpu

SUBJECTS = [("ort", "cuda"), ("ort", "tensorrt"), ("tensorrt-rtx", "cuda"), ("tensorrt", "cuda")]
ENGINES: tuple[EngineLibrary, ...] = ("tensorrt-rtx", "tensorrt")


@pytest.fixture(scope="module")
def bundle(other_checkpoint: Path, once: Once) -> Bundle:
    """In fp16, with engines for this GPU by every library that can build them here."""

    def make(path: Path) -> None:
        from export.assemble import export_bundle
        from export.errors import ExportError

        path.mkdir()
        export_bundle(other_checkpoint, path / "onnx", precision="fp16")
        for name in ENGINES:
            if any(probe.usable for probe in probe_all() if probe.backend == name):
                with suppress(ExportError):  # it does not know this GPU, or builds no engines
                    export_bundle(other_checkpoint, path / name, engines=recipe(name))

    return Bundle.open(once("gpu-bundles", make) / "onnx")


def recipe(name: EngineLibrary) -> EngineRecipe:
    compute = (find_gpu().compute,) if name == "tensorrt-rtx" else ()
    return EngineRecipe(name, Shapes(Range(1, 3, 6), Range(64, 96, 128)), Options(compute))


@pytest.fixture(params=SUBJECTS, ids="-".join)
def subject(bundle: Bundle, request: pytest.FixtureRequest) -> tuple[Backend, Bundle]:
    name, device = request.param
    probe = next(p for p in probe_all() if (p.backend, p.device) == (name, device))
    if not probe.usable:
        pytest.skip(probe.why)
    backend = load_backend(name, device=device)
    if name not in ENGINES:
        return backend, bundle
    if not (built := bundle.path.parent / name).exists():
        pytest.skip(f"{name} builds no engines for this GPU")
    return backend, Bundle.open(built)


def run(backend: Backend, bundle: Bundle, name: GraphName, inputs: Any) -> dict[str, Array]:
    path = bundle.graph_path(bundle.variant(name, backend.stored, backend.machine))
    graph = backend.load(name, path, bundle.manifest)
    try:
        first = graph.run(inputs)
        again = graph.run(inputs)
        assert all(not np.shares_memory(first[port], again[port]) for port in first)
        return first
    finally:
        graph.close()


@pytest.mark.parametrize("name", GRAPH_NAMES)
def test_a_graph_computes_what_the_cpu_computes(
    name: GraphName, subject: tuple[Backend, Bundle]
) -> None:
    backend, bundle = subject
    sizes = Subject(bundle, load_backend("ort", device="cpu"), {})
    batch, rows = (2, 6) if name == "tick" else (1, 3)
    inputs = sizes.inputs(name, sizes.dims(rows, batch, 32, 48))
    got = run(backend, bundle, name, inputs)
    expected = run(load_backend("ort", device="cpu"), bundle, name, inputs)
    bounds = {(line.graph, line.output): line.bound for line in bundle.manifest.parity}
    for port, value in got.items():
        assert np.isfinite(value).all()
        error = np.abs(value.astype(np.float64) - expected[port]).max()
        bound = bounds.get((name, port)) or bounds[name, "rows"]
        assert bound is not None
        assert error <= bound, (port, error)


def test_a_whole_edit_is_that_of_the_cpu(subject: tuple[Backend, Bundle]) -> None:
    backend, bundle = subject
    image = picture((64, 96), 0)
    asked: dict[str, Any] = {"seed": 7, "steps": 4, "max_size": 96}
    with open_editor(bundle.path, backend="ort", device="cpu") as editor:
        expected = np.asarray(editor.edit(image, "make it night", **asked).image, np.int16)
    with open_editor(bundle.path, backend=backend.name, device=backend.device) as editor:
        got = np.asarray(editor.edit(image, "make it night", **asked).image, np.int16)
    bound = next(line.bound for line in bundle.manifest.parity if line.graph == "edit")
    assert bound is not None
    assert np.abs(got - expected).max() <= bound


def test_a_mixed_batch_equals_the_solo_runs(subject: tuple[Backend, Bundle]) -> None:
    backend, bundle = subject
    engine = Engine(bundle, backend, Limits(max_rows=6))
    edits = [(picture((64, 64), i), {"steps": 2 + i, "seed": i, "max_size": 64}) for i in range(4)]
    together = latents(engine, edits)
    for index, edit in enumerate(edits):
        (alone,) = latents(engine, [edit])
        assert np.abs(together[index] - alone).max() <= 0.05 * np.abs(alone).max()
    engine.close()


def test_a_service_worker_serves_from_the_gpu(subject: tuple[Backend, Bundle]) -> None:
    """The engine's thread is another than the one that loaded it."""
    backend, bundle = subject
    with closing(EngineWorker(Engine(bundle, backend))) as worker:
        params = worker.params("make it night", steps=2, max_size=64)
        future = worker.submit(picture((64, 64), 0), params)
        assert future.result(60).image.size == (64, 64)


def test_bench_measures_the_gpu(subject: tuple[Backend, Bundle]) -> None:
    backend, bundle = subject
    app = typer.Typer()
    app.command()(bench)
    asked = ["--bundle", str(bundle.path), "--backend", backend.name, "--device", backend.device]
    result = CliRunner().invoke(app, [*asked, "--size", "64", "--steps", "4", "--json"])
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["device"] for line in lines} == {backend.device}
