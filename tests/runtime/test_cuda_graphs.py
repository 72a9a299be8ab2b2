"""CUDA graphs of TensorRT's engines on a fake GPU, which notices every use of what is stale."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime import BackendFailure, Bundle
from runtime.backends.base import Array, Graph
from runtime.backends.fake import FakeBackend
from runtime.backends.tensorrt_ import captures
from runtime.engine import Engine
from runtime.errors import OutOfMemory
from runtime.manifest import GRAPH_NAMES, GraphName
from runtime.nvidia.options import GpuOptions
from runtime.scheduler import Limits
from tests.runtime.fake_cuda import Status
from tests.runtime.fake_tensorrt import BUILT_FOR, FakeTensorRt, write_engine_bundle
from tests.runtime.test_backends import latents, picture
from tests.runtime.test_tensorrt import Rig, make_rig

pytestmark = pytest.mark.usefixtures("cache_home")

ASKED = GpuOptions(cuda_graphs=True)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    built_for = dataclasses.replace(BUILT_FOR, library="tensorrt")
    return write_engine_bundle(tmp_path_factory.mktemp("engines") / "bundle", built_for)


@pytest.fixture
def rig(bundle: Bundle) -> Rig:
    return make_rig(bundle, gpu=ASKED, name="tensorrt")


@pytest.fixture
def tick(rig: Rig) -> Iterator[Graph]:
    graph = rig.load("tick")
    graph.run(rig.inputs("tick", rows=12))  # memory is as large as most tests need it
    yield graph
    graph.close()
    assert rig.holds_nothing()


def check(rig: Rig, graph: Graph, name: GraphName = "tick", **dims: int) -> int:
    """Run, compare with the fake backend, and tell how many CUDA graphs were launched for it."""
    before = rig.cuda.calls["cudaGraphLaunch"]
    inputs = rig.inputs(name, **dims)
    expected = FakeBackend().load(name, Path(), rig.bundle.manifest).run(inputs)
    assert_equal(graph.run(inputs), expected)
    return rig.cuda.calls["cudaGraphLaunch"] - before


def assert_equal(got: dict[str, Array], expected: dict[str, Array]) -> None:
    assert got.keys() == expected.keys()
    for port, value in expected.items():
        np.testing.assert_array_equal(got[port], value)


class TestRuns:
    @pytest.mark.parametrize("name", [name for name in GRAPH_NAMES if name != "tick"])
    def test_graphs_that_run_once_an_edit_are_not_captured(self, rig: Rig, name: GraphName) -> None:
        graph = rig.load(name)
        assert [check(rig, graph, name, seed=seed) for seed in range(3)] == [0, 0, 0]
        assert not rig.cuda.executables

    def test_a_second_tick_launches_what_the_first_one_did(self, rig: Rig) -> None:
        graph = rig.load("tick")
        launched = [check(rig, graph, "tick", seed=seed) for seed in range(3)]
        assert launched == [0, 1, 1]
        assert rig.cuda.calls["cudaMemcpyAsync"] == 4  # done, and captured
        graph.close()
        assert rig.holds_nothing()

    def test_every_shape_has_its_own(self, rig: Rig, tick: Graph) -> None:
        assert [check(rig, tick, rows=rows, seed=1) for rows in range(1, 12)] == [0] * 11
        assert [check(rig, tick, rows=rows, seed=2) for rows in range(1, 12)] == [1] * 11
        assert len(rig.cuda.executables) == 12
        assert not rig.cuda.graphs  # only executables are kept

    def test_outputs_belong_to_the_caller(self, rig: Rig, tick: Graph) -> None:
        tick.run(rig.inputs("tick"))
        outputs = tick.run(rig.inputs("tick"))
        before = {name: value.copy() for name, value in outputs.items()}
        assert check(rig, tick, seed=1) == 1
        assert_equal(outputs, before)

    def test_edits_together_are_those_of_the_fake_backend(self, rig: Rig) -> None:
        engine = Engine(rig.bundle, rig.backend, Limits(max_rows=24))
        plain = Engine(rig.bundle, FakeBackend(), Limits(max_rows=12))
        edits: list[tuple[Any, dict[str, Any]]] = [
            (
                picture((64, 64) if i % 2 else (48, 64), i),
                {"steps": 2 + i, "seed": i, "max_size": 64, "image_guidance": 1 + 0.5 * (i % 3)},
            )
            for i in range(8)
        ]
        for got, expected in zip(latents(engine, edits), latents(plain, edits), strict=True):
            np.testing.assert_array_equal(got, expected)
        assert rig.cuda.calls["cudaGraphLaunch"] > 0
        engine.close()
        engine.close()
        assert rig.holds_nothing()

    def test_unasked_nothing_is_captured(self, bundle: Bundle) -> None:
        rig = make_rig(bundle, name="tensorrt")
        graph = rig.load("tick")
        assert [check(rig, graph) for _ in range(3)] == [0, 0, 0]
        assert rig.cuda.calls["cudaStreamBeginCapture"] == 0

    @pytest.mark.parametrize(
        ("gpu", "strategy"), [(ASKED, "WHOLE_GRAPH_CAPTURE"), (GpuOptions(), "DISABLED")]
    )
    def test_tensorrt_rtx_captures_by_itself(
        self, tmp_path: Path, gpu: GpuOptions, strategy: str
    ) -> None:
        rig = make_rig(write_engine_bundle(tmp_path / "bundle"), gpu=gpu)
        graph = rig.load("tick")
        assert [check(rig, graph) for _ in range(3)] == [0, 0, 0]
        assert rig.cuda.calls["cudaStreamBeginCapture"] == 0
        has_cache = True
        assert rig.trt.contexts == [(FakeTensorRt.CudaGraphStrategy[strategy], has_cache)]


class TestMemoryThatMoves:
    """A CUDA graph holds addresses: it must not outlive what they point to."""

    def test_growth_drops_all_that_was_captured(self, rig: Rig) -> None:
        graph = rig.load("tick")
        for rows in (1, 2):
            assert [check(rig, graph, rows=rows) for _ in range(2)] == [0, 1]
        assert check(rig, graph, rows=12) == 0
        assert len(rig.cuda.executables) == 1
        for rows in (1, 2):
            assert [check(rig, graph, rows=rows) for _ in range(2)] == [0, 1]

    def test_growth_by_another_graph_drops_them_too(self, rig: Rig, tick: Graph) -> None:
        assert [check(rig, tick) for _ in range(2)] == [0, 1]
        decoder = rig.load("image_decoder")
        check(rig, decoder, "image_decoder", rows=12, h=16)
        assert [check(rig, tick) for _ in range(2)] == [0, 1]
        decoder.close()

    def test_intermediate_results_that_grow_drop_them_too(self, rig: Rig, tick: Graph) -> None:
        assert [check(rig, tick) for _ in range(2)] == [0, 1]
        encoder = rig.load("image_encoder")  # which needs more
        assert [check(rig, tick) for _ in range(2)] == [0, 1]
        encoder.close()

    def test_growth_that_fails_leaves_a_graph_that_runs(self, rig: Rig, tick: Graph) -> None:
        check(rig, tick, rows=1)
        rig.cuda.fails["cudaMalloc"] = Status.cudaErrorMemoryAllocation
        with pytest.raises(OutOfMemory):
            tick.run(rig.inputs("tick", rows=12, h=16))
        assert [check(rig, tick, rows=1) for _ in range(2)] == [0, 1]


class TestBound:
    @pytest.fixture(autouse=True)
    def two(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(captures, "MOST_SHAPES", 2)

    def test_the_least_recently_used_makes_room(self, rig: Rig, tick: Graph) -> None:
        launched = [check(rig, tick, rows=rows) for rows in (1, 2, 1, 3, 1, 2)]
        assert launched == [0, 0, 1, 0, 1, 0]

    def test_what_made_room_is_freed_with_its_context(self, rig: Rig, tick: Graph) -> None:
        for rows in range(1, 8):
            check(rig, tick, rows=rows)
        assert len(rig.cuda.executables) == 2
        assert rig.trt.live.count("IExecutionContext") == 3


def during_capture(rig: Rig, plant: Callable[[], None]) -> None:
    """Call `plant` when a capture has begun."""
    cuda: Any = rig.cuda
    begin, end = cuda.cudaStreamBeginCapture, cuda.cudaStreamEndCapture

    def begin_capture(*arguments: Any) -> Any:
        status = begin(*arguments)
        plant()
        return status

    def end_capture(*arguments: Any) -> Any:
        rig.trt.returns.clear()
        return end(*arguments)

    cuda.cudaStreamBeginCapture, cuda.cudaStreamEndCapture = begin_capture, end_capture


class TestFailures:
    """Edits go on without CUDA graphs: the shape is not tried again, and it is told once."""

    def check_goes_on(self, rig: Rig, tick: Graph, caplog: pytest.LogCaptureFixture) -> None:
        for seed in range(3):
            assert check(rig, tick, rows=1, seed=seed) == 0
        assert not rig.cuda.capturing
        assert not rig.cuda.graphs
        rig.trt.returns.clear()
        assert check(rig, tick, rows=1) == 0  # for good
        assert len(caplog.records) == 1
        assert "some shapes of tick run without CUDA graphs" in caplog.text

    @pytest.mark.parametrize(
        "function", ["cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiate"]
    )
    def test_of_capturing(
        self, rig: Rig, tick: Graph, caplog: pytest.LogCaptureFixture, function: str
    ) -> None:
        rig.cuda.fails[function] = Status.cudaErrorStreamCaptureUnsupported
        self.check_goes_on(rig, tick, caplog)
        assert [check(rig, tick, rows=2) for _ in range(2)] == [0, 1]  # others are captured

    @pytest.mark.parametrize("planted", [False, RuntimeError("foreign")])
    def test_of_tensorrt_while_capturing(
        self, rig: Rig, tick: Graph, caplog: pytest.LogCaptureFixture, planted: Any
    ) -> None:
        during_capture(rig, lambda: rig.trt.returns.update(execute_async_v3=planted))
        self.check_goes_on(rig, tick, caplog)

    def test_of_a_copy_while_capturing(
        self, rig: Rig, tick: Graph, caplog: pytest.LogCaptureFixture
    ) -> None:
        refused = Status.cudaErrorStreamCaptureUnsupported
        during_capture(rig, lambda: rig.cuda.fails.update(cudaMemcpyAsync=refused))
        self.check_goes_on(rig, tick, caplog)

    def test_of_an_engine_that_allocates_while_it_runs(
        self, rig: Rig, tick: Graph, caplog: pytest.LogCaptureFixture
    ) -> None:
        during_capture(rig, lambda: rig.cuda.cudaMalloc(256) and None)
        self.check_goes_on(rig, tick, caplog)

    @pytest.mark.parametrize(
        ("method", "planted"),
        [
            ("create_execution_context", None),
            ("create_execution_context", RuntimeError("foreign")),
            ("set_optimization_profile_async", False),
        ],
    )
    def test_of_a_context_of_its_own(
        self,
        rig: Rig,
        tick: Graph,
        caplog: pytest.LogCaptureFixture,
        method: str,
        planted: Any,
    ) -> None:
        rig.trt.returns[method] = planted
        self.check_goes_on(rig, tick, caplog)

    def test_of_a_launch(self, rig: Rig, tick: Graph, caplog: pytest.LogCaptureFixture) -> None:
        assert [check(rig, tick, rows=1) for _ in range(2)] == [0, 1]
        rig.cuda.fails["cudaGraphLaunch"] = Status.cudaErrorMemoryAllocation
        assert check(rig, tick, rows=1) == 1  # tried
        self.check_goes_on(rig, tick, caplog)
        assert len(rig.cuda.executables) == 1

    def test_it_is_told_once_however_many_shapes_fail(
        self, rig: Rig, tick: Graph, caplog: pytest.LogCaptureFixture
    ) -> None:
        for rows in range(1, 6):
            rig.cuda.fails["cudaStreamBeginCapture"] = Status.cudaErrorStreamCaptureUnsupported
            assert [check(rig, tick, rows=rows) for _ in range(2)] == [0, 0]
        assert len(caplog.records) == 1

    def test_of_what_was_launched_is_that_of_the_run(self, rig: Rig, tick: Graph) -> None:
        assert [check(rig, tick) for _ in range(2)] == [0, 1]
        rig.cuda.fails["cudaStreamSynchronize"] = Status.cudaErrorIllegalAddress
        with pytest.raises(BackendFailure, match=r"cudaErrorIllegalAddress \(700\)"):
            tick.run(rig.inputs("tick"))
        assert check(rig, tick) == 1

    def test_a_gpu_that_answers_no_more_does_not_keep_a_graph_from_closing(
        self, rig: Rig, tick: Graph
    ) -> None:
        for function in ("cudaGraphExecDestroy", "cudaFree", "cudaStreamDestroy"):
            rig.cuda.fails[function] = Status.cudaErrorIllegalAddress
        tick.close()
