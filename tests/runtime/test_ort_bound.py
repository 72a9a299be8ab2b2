"""IO binding at fixed addresses, on the CPU, where it must compute what `run` computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from runtime import BackendFailure, Bundle
from runtime.backends.base import Array, load_backend
from runtime.backends.ort import bound
from runtime.backends.ort.bound import BoundGraph
from runtime.manifest import GRAPH_NAMES, GraphName
from tests.runtime.test_backends import Subject


class Session:
    """A real session that tells how it was run: with which CUDA graph's number, and from where."""

    def __init__(self, path: Path) -> None:
        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.runs: list[tuple[str, int]] = []
        self.bindings: dict[int, set[int]] = {}
        self.fails = ""  # what fails next: "io_binding" or "run_with_iobinding"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, names: Any, feed: Any, options: Any) -> Any:
        self.runs.append(("run", self._graph_id(options)))
        return self._session.run(names, feed, options)

    def io_binding(self) -> Any:
        self._fail("io_binding")
        return self._session.io_binding()

    def run_with_iobinding(self, binding: Any, options: Any) -> None:
        self._fail("run_with_iobinding")
        graph_id = self._graph_id(options)
        self.runs.append(("bound", graph_id))
        self.bindings.setdefault(graph_id, set()).add(id(binding))
        self._session.run_with_iobinding(binding, options)

    def _fail(self, method: str) -> None:
        if self.fails == method:
            self.fails = ""
            raise RuntimeError("CUDA failure 901")

    def _graph_id(self, options: Any) -> int:
        return int(options.get_run_config_entry("gpu_graph_id"))


@pytest.fixture(scope="module")
def subject(tiny_bundle: Path) -> Subject:
    bundle, backend = Bundle.open(tiny_bundle), load_backend("ort", device="cpu")
    graphs = {
        name: backend.load(
            name, bundle.graph_path(bundle.variant(name, ("fp32",))), bundle.manifest
        )
        for name in GRAPH_NAMES
    }
    return Subject(bundle, backend, graphs)


def open_bound(subject: Subject, name: GraphName) -> tuple[BoundGraph, Session]:
    session = Session(subject.bundle.graph_path(subject.bundle.variant(name, ("fp32",))))
    return BoundGraph(name, onnxruntime, session, "cpu"), session


def inputs(subject: Subject, name: GraphName, rows: int = 2, seed: int = 0) -> dict[str, Array]:
    return subject.inputs(name, subject.dims(rows, rows if name == "tick" else 1), seed)


def check(subject: Subject, graph: BoundGraph, name: GraphName, **asked: int) -> None:
    given = inputs(subject, name, **asked)
    got, expected = graph.run(given), subject.graphs[name].run(given)
    assert got.keys() == expected.keys()
    for port, value in expected.items():
        assert got[port].dtype == value.dtype
        np.testing.assert_array_equal(got[port], value)


@pytest.mark.parametrize("name", GRAPH_NAMES)
def test_bound_runs_are_equal_to_the_bit(subject: Subject, name: GraphName) -> None:
    graph, session = open_bound(subject, name)
    for seed in range(3):
        check(subject, graph, name, seed=seed)
    assert session.runs == [("run", -1), ("bound", 1), ("bound", 1)]


def test_each_set_of_shapes_has_its_own_addresses_and_number(subject: Subject) -> None:
    graph, session = open_bound(subject, "tick")
    for seed in range(3):
        for rows in (1, 2, 3):
            check(subject, graph, "tick", rows=rows, seed=seed)
    assert session.runs[:3] == [("run", -1)] * 3
    assert session.runs[3:] == [("bound", number) for number in (1, 2, 3)] * 2
    assert all(len(ids) == 1 for ids in session.bindings.values())
    assert len(set.union(*session.bindings.values())) == 3


def test_shapes_beyond_the_bound_are_never_captured(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bound, "MOST_SHAPES", 2)
    graph, session = open_bound(subject, "tick")
    for seed in range(2):
        for rows in (1, 2, 3, 4):
            check(subject, graph, "tick", rows=rows, seed=seed)
    assert session.runs[4:] == [("bound", 1), ("bound", 2), ("run", -1), ("run", -1)]


@pytest.mark.parametrize("method", ["io_binding", "run_with_iobinding"])
def test_shapes_that_cannot_be_captured_run_in_the_ordinary_way(
    subject: Subject, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    graph, session = open_bound(subject, "tick")
    for rows in (1, 2):
        session.fails = method
        for seed in range(3):
            check(subject, graph, "tick", rows=rows, seed=seed)
    assert session.runs == [("run", -1)] * 6
    assert len(caplog.records) == 1
    assert "some shapes of tick run without CUDA graphs" in caplog.text
    assert "CUDA failure 901" in caplog.text
    for seed in range(2):
        check(subject, graph, "tick", rows=3, seed=seed)
    assert session.runs[6:] == [("run", -1), ("bound", 3)]


def test_outputs_belong_to_the_caller(subject: Subject) -> None:
    graph, _ = open_bound(subject, "tick")
    graph.run(inputs(subject, "tick"))
    outputs = graph.run(inputs(subject, "tick"))
    before = {name: value.copy() for name, value in outputs.items()}
    graph.run(inputs(subject, "tick", seed=1))
    graph.close()
    for name, value in outputs.items():
        np.testing.assert_array_equal(value, before[name])


def test_inputs_may_be_strided_and_read_only(subject: Subject) -> None:
    graph, _ = open_bound(subject, "image_decoder")
    latent = np.asfortranarray(inputs(subject, "image_decoder")["latent"])
    latent.flags.writeable = False
    expected = subject.graphs["image_decoder"].run({"latent": latent})["image"]
    for _ in range(2):
        np.testing.assert_array_equal(graph.run({"latent": latent})["image"], expected)


@pytest.mark.parametrize("change", ["another type", "none of one"])
def test_other_inputs_than_the_bound_ones_are_refused(subject: Subject, change: str) -> None:
    graph, _ = open_bound(subject, "tick")
    given = inputs(subject, "tick")
    graph.run(given)
    if change == "another type":  # of the same size, which a copy would not notice
        given["row_slot"] = given["row_slot"].view(np.float32)
    else:
        del given["mix"]
    with pytest.raises(BackendFailure, match="onnxruntime could not run tick"):
        graph.run(given)
    check(subject, graph, "tick")


def test_it_may_be_closed_twice(subject: Subject) -> None:
    graph, _ = open_bound(subject, "text_encoder")
    graph.run(inputs(subject, "text_encoder"))
    graph.close()
    graph.close()
