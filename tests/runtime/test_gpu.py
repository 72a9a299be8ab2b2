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
from runtime.backends.base import Array, Backend, Graph, load_backend, probe_all
from runtime.built_for import EngineLibrary
from runtime.cli import bench
from runtime.engine import Engine
from runtime.manifest import GRAPH_NAMES, GraphName
from runtime.nvidia.gpu import find_gpu
from runtime.nvidia.options import GpuOptions
from tests.conftest import Once
from tests.runtime.test_backends import Subject, latents, picture

pytestmark = pytest.mark.gpu

SUBJECTS = [("ort", "cuda"), ("ort", "tensorrt"), ("tensorrt-rtx", "cuda"), ("tensorrt", "cuda")]
CAPTURING = [("ort", "cuda"), ("tensorrt-rtx", "cuda"), ("tensorrt", "cuda")]
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
    return open_subject(bundle, *request.param)


@pytest.fixture(params=CAPTURING, ids="-".join)
def capturing(bundle: Bundle, request: pytest.FixtureRequest) -> tuple[Backend, Backend, Bundle]:
    """A backend without and with CUDA graphs."""
    plain, built = open_subject(bundle, *request.param)
    name, device = request.param
    return plain, load_backend(name, device=device, gpu=GpuOptions(cuda_graphs=True)), built


def open_subject(bundle: Bundle, name: str, device: str) -> tuple[Backend, Bundle]:
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
    graph = open_graph(backend, bundle, name)
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


def open_graph(backend: Backend, bundle: Bundle, name: GraphName) -> Graph:
    path = bundle.graph_path(bundle.variant(name, backend.stored, backend.machine))
    return backend.load(name, path, bundle.manifest)


def alike(got: dict[str, Array], expected: dict[str, Array]) -> None:
    """Kernels may be chosen anew for a context of its own."""
    for port, value in expected.items():
        scale = np.abs(value.astype(np.float64)).max()
        assert np.abs(got[port].astype(np.float64) - value).max() <= 0.02 * scale, port


@pytest.mark.parametrize("name", GRAPH_NAMES)
def test_cuda_graphs_compute_the_same(
    name: GraphName, capturing: tuple[Backend, Backend, Bundle]
) -> None:
    """Every run after the first of a shape is a captured one; values change in between."""
    plain, asked, bundle = capturing
    sizes = Subject(bundle, load_backend("ort", device="cpu"), {})
    batch, rows = (2, 6) if name == "tick" else (1, 3)
    graphs = [open_graph(backend, bundle, name) for backend in (plain, asked)]
    for seed in range(4):
        inputs = sizes.inputs(name, sizes.dims(rows, batch, 32, 48), seed)
        expected, got = (graph.run(inputs) for graph in graphs)
        alike(got, expected)
    for graph in graphs:
        graph.close()


def test_cuda_graphs_of_many_shapes_and_of_memory_that_grows(
    capturing: tuple[Backend, Backend, Bundle],
) -> None:
    """Small shapes first, so that memory moves under what was captured; then all of them again,
    between runs of another graph, which shares the memory.
    """
    plain, asked, bundle = capturing
    sizes = Subject(bundle, load_backend("ort", device="cpu"), {})
    ticks = [open_graph(backend, bundle, "tick") for backend in (plain, asked)]
    decoders = [open_graph(backend, bundle, "image_decoder") for backend in (plain, asked)]
    for seed in range(3):
        for rows in range(1, 7):
            for side in (32, 64):  # fewer shapes than are captured at most
                dims = sizes.dims(rows, rows, side, side)
                inputs = sizes.inputs("tick", dims, seed)
                alike(*(tick.run(inputs) for tick in reversed(ticks)))
            inputs = sizes.inputs("image_decoder", sizes.dims(rows, 1, 32, 48), seed)
            alike(*(decoder.run(inputs) for decoder in reversed(decoders)))
    for graph in (*ticks, *decoders):
        graph.close()


def test_pictures_are_the_same_with_cuda_graphs(
    capturing: tuple[Backend, Backend, Bundle],
) -> None:
    plain, _, bundle = capturing
    asked: dict[str, Any] = {"seed": 7, "steps": 6, "max_size": 96}
    pictures = []
    for gpu in (GpuOptions(), GpuOptions(cuda_graphs=True)):
        options: dict[str, Any] = {"backend": plain.name, "device": plain.device, "gpu": gpu}
        with open_editor(bundle.path, **options) as editor:
            for _ in range(2):
                result = editor.edit(picture((64, 96), 0), "make it night", **asked)
            pictures.append(np.asarray(result.image, np.int16))
    assert np.abs(pictures[0] - pictures[1]).max() <= 2


def test_a_bound_of_memory_is_taken(bundle: Bundle) -> None:
    backend, built = open_subject(bundle, "ort", "cuda")
    options: dict[str, Any] = {"backend": backend.name, "device": backend.device}
    with open_editor(built.path, **options, gpu=GpuOptions(memory=2**30)) as editor:
        editor.edit(picture((64, 96), 0), "make it night", steps=2, max_size=96)


def test_bench_measures_cuda_graphs(capturing: tuple[Backend, Backend, Bundle]) -> None:
    plain, _, bundle = capturing
    app = typer.Typer()
    app.command()(bench)
    asked = ["--bundle", str(bundle.path), "--backend", plain.name, "--device", plain.device]
    asked += ["--size", "64", "--steps", "4", "--json"]
    result = CliRunner().invoke(app, [*asked, "--cuda-graphs"])
    assert result.exit_code == 0, result.output
    assert all(json.loads(line)["cuda_graphs"] for line in result.stdout.splitlines())


@pytest.mark.parametrize("name", ENGINES)
def test_auto_takes_the_engines_of_a_bundle(bundle: Bundle, name: EngineLibrary) -> None:
    _, built = open_subject(bundle, name, "cuda")
    assert load_backend(manifest=built.manifest).name == name
