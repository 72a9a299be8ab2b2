"""The TensorRT backends on a fake GPU: what they return, refuse and give back."""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime import BackendFailure, BackendUnavailable, Bundle, BundleIncompatible, EditParams
from runtime.backends.base import Array, Graph, Probe, choose, load_backend, probe_all
from runtime.backends.fake import FakeBackend
from runtime.backends.tensorrt_.backend import EngineBackend
from runtime.backends.tensorrt_.cuda import Cuda
from runtime.built_for import BuiltFor, EngineLibrary, Machine, Span
from runtime.editor import open_engine
from runtime.engine import Engine
from runtime.errors import InvalidRequest, OutOfMemory
from runtime.manifest import GRAPH_NAMES, GraphName
from runtime.nvidia import gpu
from runtime.nvidia.folder import compiled_folder
from runtime.nvidia.gpu import Gpu
from runtime.nvidia.library import Library, open_runtime
from runtime.nvidia.options import UNASKED, GpuOptions
from runtime.scheduler import Limits
from tests.runtime import fake_tensorrt
from tests.runtime.fake_cuda import FakeCuda, Status
from tests.runtime.fake_tensorrt import ACTIVATIONS, BUILT_FOR, FakeTensorRt, write_engine_bundle
from tests.runtime.test_backends import Subject, latents, picture

pytestmark = pytest.mark.usefixtures("cache_home")


@dataclass
class Rig:
    """A backend with a fake library and a fake GPU."""

    bundle: Bundle
    trt: FakeTensorRt
    cuda: FakeCuda
    backend: EngineBackend

    def load(self, name: GraphName) -> Graph:
        variant = self.bundle.variant(name, self.backend.stored, self.backend.machine)
        return self.backend.load(name, self.bundle.graph_path(variant), self.bundle.manifest)

    def inputs(self, name: GraphName, rows: int = 3, h: int = 8, seed: int = 0) -> dict[str, Array]:
        subject = Subject(self.bundle, FakeBackend(), {})
        dims = subject.dims(rows, rows if name == "tick" else 1, h, 8)
        return subject.inputs(name, dims, seed)

    def holds_nothing(self) -> bool:
        gc.collect()
        cuda = self.cuda
        held = cuda.live, cuda.queues, cuda.capturing, cuda.graphs, cuda.executables
        return not self.trt.live and not any(held)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_engine_bundle(tmp_path_factory.mktemp("engines") / "bundle")


@pytest.fixture
def rig(bundle: Bundle) -> Rig:
    return make_rig(bundle)


def make_rig(
    bundle: Bundle,
    compute: str = "8.6",
    gpu: GpuOptions = UNASKED,
    name: EngineLibrary = "tensorrt-rtx",
) -> Rig:
    cuda = FakeCuda()
    trt = FakeTensorRt(cuda, bundle.manifest)
    backend = EngineBackend(
        Library(name, trt), Gpu("a fake", compute), Cuda(cuda), "as stored", gpu
    )
    return Rig(bundle, trt, cuda, backend)


@pytest.fixture
def tick(rig: Rig) -> Iterator[Graph]:
    graph = rig.load("tick")
    yield graph
    graph.close()


class TestRuns:
    @pytest.mark.parametrize("name", GRAPH_NAMES)
    def test_every_graph_returns_what_it_computes(self, rig: Rig, name: GraphName) -> None:
        graph = rig.load(name)
        reference = FakeBackend().load(name, Path(), rig.bundle.manifest)
        for h in (8, 16, 4):  # memory grows, and is used again
            inputs = rig.inputs(name, h=h)
            outputs, expected = graph.run(inputs), reference.run(inputs)
            assert outputs.keys() == expected.keys()
            for port, value in outputs.items():
                assert value.dtype == expected[port].dtype
                np.testing.assert_array_equal(value, expected[port])

    def test_outputs_belong_to_the_caller(self, rig: Rig, tick: Graph) -> None:
        outputs = tick.run(rig.inputs("tick"))
        before = {name: value.copy() for name, value in outputs.items()}
        tick.run(rig.inputs("tick", seed=1))
        tick.close()
        for name, value in outputs.items():
            np.testing.assert_array_equal(value, before[name])

    def test_inputs_may_be_strided_and_read_only(self, rig: Rig) -> None:
        graph = rig.load("image_decoder")
        latent = np.asfortranarray(rig.inputs("image_decoder")["latent"])
        latent.flags.writeable = False
        expected = FakeBackend().load("image_decoder", Path(), rig.bundle.manifest)
        got = graph.run({"latent": latent})["image"]
        np.testing.assert_array_equal(got, expected.run({"latent": latent})["image"])

    def test_memory_is_used_again(self, rig: Rig, tick: Graph) -> None:
        tick.run(rig.inputs("tick", rows=12))
        allocated = rig.cuda.calls["cudaMalloc"], rig.cuda.calls["cudaHostAlloc"]
        for rows in range(1, 13):
            tick.run(rig.inputs("tick", rows=rows))
        assert allocated == (rig.cuda.calls["cudaMalloc"], rig.cuda.calls["cudaHostAlloc"])

    def test_inputs_go_over_in_one_copy_and_outputs_come_back_in_another(
        self, rig: Rig, tick: Graph
    ) -> None:
        tick.run(rig.inputs("tick"))
        assert rig.cuda.calls["cudaMemcpyAsync"] == 2

    def test_graphs_share_one_piece_for_intermediate_results(self, rig: Rig) -> None:
        graphs = [rig.load(name) for name in GRAPH_NAMES]
        (held,) = [size for kind, size, _ in rig.cuda.live.values() if kind == "device"]
        assert max(ACTIVATIONS.values()) <= held < sum(ACTIVATIONS.values())
        for graph in graphs:
            graph.close()
        assert rig.holds_nothing()


def test_a_mixed_batch_of_eight_equals_the_solo_runs(rig: Rig) -> None:
    """Whole edits of every setting, and the pictures are those of the fake backend."""
    engine = Engine(rig.bundle, rig.backend, Limits(max_rows=24))
    plain = Engine(rig.bundle, FakeBackend(), Limits(max_rows=12))
    edits: list[tuple[Any, dict[str, Any]]] = [
        (picture((64, 64) if i % 2 else (48, 64), i), {"steps": 2 + i, "seed": i, "max_size": 64})
        for i in range(8)
    ]
    for index, (_, asked) in enumerate(edits):
        asked["image_guidance"] = 1.0 + 0.5 * (index % 3)
        asked["sampler"] = ("euler_a", "ddim", "dpmpp_2m", "lcm")[index % 4]
    together, expected = latents(engine, edits), latents(plain, edits)
    for index, edit in enumerate(edits):
        np.testing.assert_array_equal(together[index], latents(engine, [edit])[0])
        np.testing.assert_array_equal(together[index], expected[index])
    engine.close()
    engine.close()
    assert rig.holds_nothing()


class TestBoundsOfEngines:
    def test_ticks_have_no_more_rows_than_engines_take(self, tmp_path: Path) -> None:
        """A tick of more would fail, whatever the service is told to allow."""
        rows = Span(1, 4)
        built_for = BuiltFor("tensorrt-rtx", "1.7.1.116", (), False, False, rows, Span(32, 128))
        rig = make_rig(write_engine_bundle(tmp_path / "bundle", built_for))
        engine = Engine(rig.bundle, rig.backend, Limits(max_rows=24))
        for seed in range(3):
            engine.add(engine.prepare(picture((64, 64), seed), EditParams("make it night")))
        while not engine.idle:
            engine.step()
        stats = engine.stats()
        assert stats.done == 3
        assert stats.rows / stats.ticks <= 4

    @pytest.mark.parametrize("size", [(256, 64), (64, 256)])
    def test_a_picture_of_another_side_is_refused_with_the_bounds(
        self, rig: Rig, size: tuple[int, int]
    ) -> None:
        engine = Engine(rig.bundle, rig.backend)
        with pytest.raises(InvalidRequest, match="built for sides of 32 to 128.*max_size 512"):
            engine.prepare(picture(size, 0), EditParams("make it night"))
        Engine(rig.bundle, FakeBackend()).prepare(picture(size, 0), EditParams("make it night"))

    def test_warming_up_takes_a_picture_that_engines_take(self, tmp_path: Path) -> None:
        side, rows = Span(96, 128), Span(1, 12)
        built_for = BuiltFor("tensorrt-rtx", "1.7.1.116", ("8.6",), False, False, rows, side)
        rig = make_rig(write_engine_bundle(tmp_path / "bundle", built_for))
        Engine(rig.bundle, rig.backend).warm_up()

    @pytest.mark.parametrize(("rows", "h", "told"), [(13, 8, "R of|B of"), (3, 17, "h of x is 17")])
    def test_a_tick_beyond_the_profile_is_told_the_profile(
        self, rig: Rig, tick: Graph, rows: int, h: int, told: str
    ) -> None:
        with pytest.raises(BackendFailure, match=rf"({told}).*built for \d+ to \d+; .*--rows"):
            tick.run(rig.inputs("tick", rows=rows, h=h))


class TestBadInputs:
    def test_a_missing_input(self, rig: Rig, tick: Graph) -> None:
        inputs = rig.inputs("tick")
        tick.run(inputs)
        del inputs["mix"]
        with pytest.raises(BackendFailure, match="tick takes"):
            tick.run(inputs)

    def test_another_type(self, rig: Rig, tick: Graph) -> None:
        inputs = rig.inputs("tick")
        inputs["row_slot"] = inputs["row_slot"].astype(np.int64)
        with pytest.raises(BackendFailure, match=r"'row_slot': 'int32'.*'row_slot': 'int64'"):
            tick.run(inputs)

    def test_shapes_that_do_not_belong_together(self, rig: Rig, tick: Graph) -> None:
        """TensorRT would read beyond the smaller one."""
        for name, cut in (
            ("x", np.s_[:, :, :-1]),
            ("row_text", np.s_[:-1]),
            ("coef", np.s_[:, 1:]),
        ):
            inputs = rig.inputs("tick")
            inputs[name] = inputs[name][cut]
            with pytest.raises(BackendFailure, match=r"tick: axis .* it must be"):
                tick.run(inputs)
        inputs["coef"] = inputs["coef"][0]
        with pytest.raises(BackendFailure, match="tick: (axis|coef)"):
            tick.run(inputs)
        tick.run(rig.inputs("tick"))


WHEN_LOADING: list[tuple[str, Any]] = [
    ("Runtime", None),
    ("deserialize_cuda_engine", None),
    ("create_execution_context", None),
    ("get_tensor_profile_shape", []),
    ("get_tensor_mode", FakeTensorRt.TensorIOMode.OUTPUT),
    ("get_tensor_dtype", FakeTensorRt.DataType.HALF),
    ("get_tensor_location", FakeTensorRt.TensorLocation.HOST),
    ("create_execution_context", RuntimeError("foreign")),
    ("create_runtime_config", None),
    ("create_runtime_cache", None),
    ("set_runtime_cache", False),
    ("deserialize_cuda_engine", TypeError("foreign")),
]
WHEN_RUNNING: list[tuple[str, Any]] = [
    ("set_input_shape", False),
    ("set_tensor_address", False),
    ("execute_async_v3", False),
    ("infer_shapes", ["x"]),
    ("infer_shapes", RuntimeError("foreign")),
    ("get_tensor_shape", [3, 4, -1, -1]),
    ("get_tensor_shape", []),
]


class TestFailures:
    """Each becomes an error of ours, keeps nothing, and spares the runs that follow."""

    @pytest.mark.parametrize(("method", "planted"), WHEN_LOADING)
    def test_when_loading(self, rig: Rig, method: str, planted: Any) -> None:
        rig.trt.returns[method] = planted
        with pytest.raises(BackendFailure, match="tick") as caught:
            rig.load("tick")
        if isinstance(planted, Exception):
            assert type(caught.value.__cause__) is type(planted)
        del caught
        assert rig.holds_nothing()

    def test_the_reason_is_what_tensorrt_logged(self, rig: Rig) -> None:
        rig.trt.returns["deserialize_cuda_engine"] = None
        rig.trt.told = "of another version"
        told = "tensorrt-rtx could not load tick from tick.engine: deserialize_cuda_engine returned"
        with pytest.raises(BackendFailure, match=f"{told} None: of another version"):
            rig.load("tick")

    def test_a_file_that_is_no_engine(self, rig: Rig, tmp_path: Path) -> None:
        (tmp_path / "bad.engine").write_bytes(b"garbage")
        for name, told in (
            ("bad.engine", "the plan is damaged"),
            ("none.engine", "cannot be read"),
        ):
            with pytest.raises(BackendFailure, match=told):
                rig.backend.load("tick", tmp_path / name, rig.bundle.manifest)
        assert rig.holds_nothing()

    def test_a_graph_that_fails_to_load_takes_the_loaded_ones_along(self, rig: Rig) -> None:
        rig.cuda.capacity = 2000  # enough for the first one
        with pytest.raises(
            BackendFailure, match="image_encoder does not fit into the GPU"
        ) as caught:
            Engine(rig.bundle, rig.backend)
        assert isinstance(caught.value.__cause__, OutOfMemory)
        del caught
        assert rig.holds_nothing()

    @pytest.mark.parametrize(("method", "planted"), WHEN_RUNNING)
    def test_when_running(self, rig: Rig, tick: Graph, method: str, planted: Any) -> None:
        inputs = rig.inputs("tick")
        before = tick.run(inputs)
        rig.trt.returns[method] = planted
        with pytest.raises(BackendFailure, match="tick"):
            tick.run(inputs)
        self.check_recovers(rig, tick, before)

    @pytest.mark.parametrize("function", ["cudaMemcpyAsync", "cudaStreamSynchronize"])
    def test_when_cuda_fails(self, rig: Rig, tick: Graph, function: str) -> None:
        before = tick.run(rig.inputs("tick"))
        rig.cuda.fails[function] = Status.cudaErrorIllegalAddress
        with pytest.raises(BackendFailure, match=rf"{function}: cudaErrorIllegalAddress \(700\)"):
            tick.run(rig.inputs("tick"))
        self.check_recovers(rig, tick, before)

    def check_recovers(self, rig: Rig, tick: Graph, before: dict[str, Array]) -> None:
        assert not any(rig.cuda.queues.values())  # nothing may read memory of the next run
        rig.trt.returns.clear()
        for name, value in tick.run(rig.inputs("tick")).items():
            np.testing.assert_array_equal(value, before[name])
        tick.close()
        tick.close()
        assert rig.holds_nothing()

    @pytest.mark.parametrize("function", ["cudaMalloc", "cudaHostAlloc"])
    def test_too_little_memory_for_a_run(self, rig: Rig, tick: Graph, function: str) -> None:
        rig.cuda.fails[function] = Status.cudaErrorMemoryAllocation
        with pytest.raises(OutOfMemory, match=f"{function} found no .* MiB left") as caught:
            tick.run(rig.inputs("tick"))
        assert caught.value.retry_after > 0
        tick.run(rig.inputs("tick"))

    def test_too_little_memory_inside_tensorrt(self, rig: Rig, tick: Graph) -> None:
        rig.trt.returns["execute_async_v3"] = False
        rig.trt.told = "[resizingAllocator.cpp] Requested amount of GPU memory: Out of memory"
        with pytest.raises(OutOfMemory, match="execute_async_v3"):
            tick.run(rig.inputs("tick"))

    def test_a_batch_that_does_not_fit_is_run_in_parts(self, rig: Rig) -> None:
        engine = Engine(rig.bundle, rig.backend)
        for seed in range(4):
            engine.add(engine.prepare(picture((128, 128), seed), EditParams("make it", steps=2)))
        (held,) = [size for kind, size, _ in rig.cuda.live.values() if kind == "device"]
        rig.cuda.capacity = held + 60_000
        while not engine.idle:
            engine.step()
        assert engine.stats().done == 4
        assert rig.cuda.calls["cudaMalloc"] > 1

    def test_a_gpu_that_answers_no_more_does_not_keep_a_graph_from_closing(self, rig: Rig) -> None:
        graph = rig.load("tick")
        graph.run(rig.inputs("tick"))
        for function in ("cudaFree", "cudaFreeHost", "cudaStreamDestroy"):
            rig.cuda.fails[function] = Status.cudaErrorIllegalAddress
        graph.close()
        assert rig.holds_nothing()

    def test_a_stream_that_cannot_be_made(self, rig: Rig) -> None:
        rig.cuda.fails["cudaStreamCreateWithFlags"] = Status.cudaErrorIllegalAddress
        with pytest.raises(BackendFailure, match="cudaStreamCreateWithFlags"):
            rig.load("tick")
        rig.load("tick").close()
        assert rig.holds_nothing()

    def test_what_is_freed_first(self, rig: Rig) -> None:
        """An engine must outlive its contexts, and a runtime its engines."""
        rig.load("tick").close()
        made = ["IExecutionContext", "IRuntimeConfig", "IRuntimeCache", "ICudaEngine", "Runtime"]
        assert rig.trt.ended == made


ROWS, SIDE = Span(1, 12), Span(32, 128)


class TestBuiltFor:
    @pytest.mark.parametrize(
        ("built_for", "compute"),
        [
            (BUILT_FOR, "9.0"),
            (BuiltFor("tensorrt-rtx", "1.6.0.9", ("8.6",), False, False, ROWS, SIDE), "8.6"),
            (BuiltFor("tensorrt", "1.7.1.116", ("8.6",), True, True, ROWS, SIDE), "8.6"),
            (BuiltFor("tensorrt-rtx", "1.8.0.1", ("8.6",), True, False, ROWS, SIDE), "8.6"),
            (BuiltFor("tensorrt-rtx", "1.7.1.116", ("8.9",), False, True, ROWS, SIDE), "8.6"),
        ],
    )
    @pytest.mark.parametrize("portable", [True, False])
    def test_another_machine_is_refused_with_both_named(
        self, built_for: BuiltFor, compute: str, portable: bool, tmp_path: Path
    ) -> None:
        bundle = write_engine_bundle(tmp_path / "bundle", built_for, portable=portable)
        rig = make_rig(bundle, compute)
        with pytest.raises(BundleIncompatible) as caught:
            Engine(bundle, rig.backend)
        told = str(caught.value)
        assert f"built for {built_for}, this is tensorrt-rtx 1.7.1.116 on compute {compute}" in told
        assert ("ONNX graph (backend ort)" in told) == portable
        assert "--target tensorrt-rtx" in told
        assert rig.holds_nothing()

    @pytest.mark.parametrize(
        "built_for",
        [
            BuiltFor("tensorrt-rtx", "1.7.1.116", (), False, False, ROWS, SIDE),
            BuiltFor("tensorrt-rtx", "1.7.1.116", ("8.0", "8.6"), False, False, ROWS, SIDE),
            BuiltFor("tensorrt-rtx", "1.7.0.9", ("8.6",), True, False, ROWS, SIDE),
            BuiltFor("tensorrt-rtx", "1.7.1.116", ("8.0",), False, True, ROWS, SIDE),
        ],
    )
    def test_what_runs_here(self, built_for: BuiltFor, tmp_path: Path) -> None:
        bundle = write_engine_bundle(tmp_path / "bundle", built_for)
        Engine(bundle, make_rig(bundle).backend).close()

    def test_a_bundle_without_engines(self, fake_bundle: Path, rig: Rig) -> None:
        with pytest.raises(BundleIncompatible, match=r"built for no engine.*backend ort"):
            Engine(Bundle.open(fake_bundle), rig.backend)

    def test_the_lean_library_runs_engines_for_any_version_alone(self) -> None:
        lean = Library("tensorrt", FakeTensorRt, lean=True)
        machine = EngineBackend(lean, Gpu("", "8.6"), Cuda(None), "fp16").machine
        assert machine is not None
        for any_version in (True, False):
            built_for = BuiltFor("tensorrt", "1.7.1.116", ("8.6",), any_version, False, ROWS, SIDE)
            assert built_for.runs_on(machine) == any_version


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-rtx"])
def test_without_a_driver_each_is_unavailable_and_no_object_is_made(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real library: a null object of it would end the process."""
    monkeypatch.setattr(gpu, "_DRIVER", "libnone.so.1")
    with pytest.raises(BackendUnavailable, match=r"nvidia-smi|pip install"):
        load_backend(name)
    (probe,) = [probe for probe in probe_all() if probe.backend == name]
    assert not probe.usable
    assert "no NVIDIA driver was found" in probe.why
    assert "nvidia-smi" in probe.fix


class FakeDriver:
    """`libcuda.so.1` with a GPU of compute 8.6; `status` is what the function named returns."""

    def __init__(self, gpus: int = 1, failing: str = "") -> None:
        self.gpus, self.failing = gpus, failing

    def cuInit(self, flags: int) -> int:
        return self.status("cuInit")

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = self.gpus
        return self.status("cuDeviceGetCount")

    def cuDeviceGetName(self, name: Any, length: int, device: int) -> int:
        name.value = b"NVIDIA Fake"
        return self.status("cuDeviceGetName")

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: int) -> int:
        value._obj.value = {75: 8, 76: 6}[attribute]
        return self.status("cuDeviceGetAttribute")

    def status(self, function: str) -> int:
        return 100 if function == self.failing else 0


class TestTheGpuIsFound:
    def test_by_its_compute_capability(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ctypes, "CDLL", lambda name: FakeDriver())
        assert gpu.find_gpu() == Gpu("NVIDIA Fake", "8.6")
        (probe,) = [probe for probe in probe_all() if probe.backend == "tensorrt-rtx"]
        assert probe.usable
        assert "NVIDIA Fake, compute 8.6" in probe.why

    @pytest.mark.parametrize(
        "failing", ["cuInit", "cuDeviceGetCount", "cuDeviceGetName", "cuDeviceGetAttribute"]
    )
    def test_unless_the_driver_does_not_answer(
        self, failing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ctypes, "CDLL", lambda name: FakeDriver(failing=failing))
        with pytest.raises(BackendUnavailable, match=f"{failing} returned 100"):
            gpu.find_gpu()

    def test_unless_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ctypes, "CDLL", lambda name: FakeDriver(gpus=0))
        with pytest.raises(BackendUnavailable, match="finds no GPU"):
            gpu.find_gpu()


@pytest.mark.parametrize(
    ("device", "precision", "told"),
    [
        ("cpu", "auto", "runs on cuda, not on 'cpu'"),
        ("cuda", "bf16", "fp16 or fp32, not in 'bf16'"),
    ],
)
def test_what_no_engine_can_do(device: str, precision: str, told: str) -> None:
    with pytest.raises(BackendUnavailable, match=told):
        load_backend("tensorrt-rtx", device=device, precision=precision)


class TestAuto:
    """Engines first, where the bundle has some for this machine."""

    ENGINES = Probe(
        *("tensorrt-rtx", "cuda", True, "as stored", ""),
        machine=Machine("tensorrt-rtx", "1.7.1.116", "8.6"),
    )
    CPU = Probe("openvino", "cpu", True, "bf16", "")
    CUDA = Probe("ort", "cuda", True, "as stored", "")

    def test_engines_come_before_a_gpu_and_that_before_a_cpu(self, bundle: Bundle) -> None:
        probes = [self.CPU, self.CUDA, self.ENGINES]
        assert choose(probes, bundle.manifest) == self.ENGINES
        assert choose(probes[:2], bundle.manifest) == self.CUDA
        assert choose(probes[:1], bundle.manifest) == self.CPU

    def test_no_engines_without_a_bundle_or_in_one_that_has_none(self, fake_bundle: Path) -> None:
        for manifest in (None, Bundle.open(fake_bundle).manifest):
            assert choose([self.ENGINES, self.CPU], manifest) == self.CPU
            assert choose([self.ENGINES], manifest) is None

    @pytest.mark.parametrize(
        "machine",
        [
            Machine("tensorrt", "1.7.1.116", "8.6"),
            Machine("tensorrt-rtx", "1.8.0.1", "8.6"),
            Machine("tensorrt-rtx", "1.7.1.116", "8.9"),
        ],
    )
    def test_no_engines_that_were_built_for_another_machine(
        self, bundle: Bundle, machine: Machine
    ) -> None:
        other = dataclasses.replace(self.ENGINES, machine=machine)
        assert choose([other, self.CPU], bundle.manifest) == self.CPU

    def test_no_engines_of_another_precision(self, bundle: Bundle) -> None:
        probes = [self.ENGINES, self.CPU]
        assert choose(probes, bundle.manifest, "fp32") == self.ENGINES  # as the fake bundle is
        assert choose(probes, bundle.manifest, "fp16") == self.CPU

    def test_no_engines_where_a_graph_has_none(self, bundle: Bundle) -> None:
        graphs = bundle.manifest.graphs
        some = {**graphs, "tick": graphs["tick"][:1]}
        manifest = dataclasses.replace(bundle.manifest, graphs=some)
        assert choose([self.ENGINES, self.CPU], manifest) == self.CPU

    def test_a_bundle_with_engines_is_opened_with_them(
        self, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rig = make_rig(bundle)
        monkeypatch.setattr(ctypes, "CDLL", lambda name: FakeDriver())
        library = Library("tensorrt-rtx", rig.trt)
        monkeypatch.setattr("runtime.backends.tensorrt_.backend.open_runtime", lambda _: library)
        cuda = Cuda(rig.cuda)
        monkeypatch.setattr("runtime.backends.tensorrt_.backend.open_cuda", lambda: cuda)
        engine = open_engine(bundle.path)
        assert rig.trt.contexts
        engine.close()
        del engine
        assert rig.holds_nothing()


class TestMemoryBound:
    def test_weights_beyond_it_stay_on_the_host(self, bundle: Bundle) -> None:
        rig = make_rig(bundle, gpu=GpuOptions(memory=600))
        rig.trt.streamable = 1000
        graph = rig.load("tick")
        (budget,) = rig.trt.budgets
        assert budget == 600
        graph.run(rig.inputs("tick"))  # the fake checks the memory, which streaming makes larger
        graph.close()

    def test_weights_below_it_are_all_on_the_gpu(self, bundle: Bundle) -> None:
        rig = make_rig(bundle, gpu=GpuOptions(memory=2000))
        rig.trt.streamable = 1000
        rig.load("tick").close()
        assert rig.trt.budgets == [1000]

    def test_unasked_it_is_the_librarys(self, rig: Rig) -> None:
        rig.trt.streamable = 1000
        rig.load("tick").close()
        assert rig.trt.budgets == []

    def test_an_engine_that_cannot_be_bound_is_refused(self, bundle: Bundle) -> None:
        rig = make_rig(bundle, gpu=GpuOptions(memory=600))
        with pytest.raises(BackendFailure, match=r"tick .* 600 bytes; .*--weight-streaming"):
            rig.load("tick")
        assert rig.holds_nothing()


class TestKernels:
    """What TensorRT-RTX compiled is there for the next process."""

    def test_they_are_kept_and_read_again(self, bundle: Bundle, cache_home: Path) -> None:
        for loaded in ([], [b"kernels"]):
            rig = make_rig(bundle)
            rig.load("tick").close()
            assert rig.trt.loaded == loaded
        (file,) = (cache_home / "retouch" / "tensorrt-rtx").iterdir()
        assert file.read_bytes() == b"kernels"
        assert "tick" in file.name

    def test_another_bundle_has_its_own(self, bundle: Bundle, tmp_path: Path) -> None:
        make_rig(bundle).load("tick").close()
        other = make_rig(write_engine_bundle(tmp_path / "bundle", portable=False))
        other.load("tick").close()
        assert other.trt.loaded == []

    def test_those_of_another_gpu_are_replaced(self, rig: Rig) -> None:
        rig.trt.returns["deserialize"] = False
        for _ in range(2):
            rig.load("tick").close()
        assert rig.trt.loaded == [b"kernels"]

    @pytest.mark.parametrize("planted", [None, RuntimeError("no context")])
    def test_they_may_be_missing(
        self, rig: Rig, planted: Any, cache_home: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        rig.trt.returns["serialize"] = planted
        rig.load("tick").close()
        assert not list((cache_home / "retouch" / "tensorrt-rtx").iterdir())
        assert ("no context" in caplog.text) == (planted is not None)

    def test_a_file_that_cannot_be_read_or_written_is_told(
        self, rig: Rig, caplog: pytest.LogCaptureFixture
    ) -> None:
        graph = rig.load("tick")
        digest = rig.bundle.manifest.digest()[:16]
        (compiled_folder("tensorrt-rtx") / f"{digest}-tick.kernels").mkdir()
        graph.close()
        assert "were not kept" in caplog.text
        rig.load("tick").close()
        assert "compiled again" in caplog.text

    def test_a_folder_that_cannot_be_made_is_refused(self, rig: Rig, cache_home: Path) -> None:
        cache_home.write_text("a file")
        with pytest.raises(BackendFailure, match="cannot be made.*XDG_CACHE_HOME"):
            rig.load("tick")

    def test_tensorrt_compiles_none(self, tmp_path: Path, cache_home: Path) -> None:
        built_for = dataclasses.replace(BUILT_FOR, library="tensorrt")
        rig = make_rig(write_engine_bundle(tmp_path / "bundle", built_for), name="tensorrt")
        rig.load("tick").close()
        assert rig.trt.contexts == [None]
        assert not list(cache_home.rglob("*.kernels"))


def test_the_real_library_tells_what_is_no_engine(bundle: Bundle, tmp_path: Path) -> None:
    """TensorRT-RTX, unlike TensorRT, has a runtime without a driver too."""
    pytest.importorskip("tensorrt_rtx")
    library = open_runtime("tensorrt-rtx")
    backend = EngineBackend(library, Gpu("", "8.6"), Cuda(FakeCuda()), "as stored")
    (tmp_path / "bad.engine").write_bytes(b"garbage" * 100)
    with pytest.raises(BackendFailure, match="deserialize_cuda_engine returned None: ..."):
        backend.load("tick", tmp_path / "bad.engine", bundle.manifest)


CLASSES = (fake_tensorrt.Runtime, fake_tensorrt.ICudaEngine, fake_tensorrt.IExecutionContext)
RTX_CLASSES = (*CLASSES, fake_tensorrt.IRuntimeConfig, fake_tensorrt.IRuntimeCache)
# Not in the lean runtime; parameters of tensorrt-stubs 10.13 are those of TensorRT-RTX.
REFITTING = (fake_tensorrt.Refitter, fake_tensorrt.OnnxParserRefitter, fake_tensorrt.ParserError)
ENUMS = ("ExecutionContextAllocationStrategy", "TensorIOMode", "TensorLocation", "DataType")
RTX_ENUMS = (*ENUMS, "CudaGraphStrategy")


class TestTheFakeHasNamesOfTheRealOne:
    """Names and parameters of TensorRT 11's lean runtime, recorded; of TensorRT-RTX, itself."""

    def test_tensorrt_11(self) -> None:
        recorded = json.loads(Path(__file__).with_name("tensorrt_lean_names.json").read_text())
        for kind in CLASSES:
            real = recorded["classes"][kind.__name__]
            for name, parameters in public(kind).items():
                assert name in real
                assert parameters is None or ",".join(parameters) in real[name], (kind, name)
        for kind_name in ENUMS:
            assert set(getattr(FakeTensorRt, kind_name).__members__) <= set(
                recorded["classes"][kind_name]
            )

    def test_tensorrt_rtx(self) -> None:
        real = pytest.importorskip("tensorrt_rtx")
        for kind in (*RTX_CLASSES, *REFITTING):
            for name, parameters in public(kind).items():
                told = getattr(getattr(real, kind.__name__), name).__doc__ or ""
                assert parameters is None or all(f"{one}: " in told for one in parameters), name
        for kind_name in RTX_ENUMS:
            members = getattr(FakeTensorRt, kind_name).__members__
            assert set(members) <= set(getattr(real, kind_name).__members__)

    def test_cuda(self) -> None:
        real = pytest.importorskip("cuda.bindings.runtime")
        for name, value in vars(FakeCuda).items():
            if name.startswith("cuda"):
                assert hasattr(real, name)
                if inspect.isfunction(value):
                    own = list(inspect.signature(value).parameters)[1:]
                    assert own == documented(getattr(real, name))
        for kind in ("cudaError_t", "cudaMemcpyKind", "cudaStreamCaptureMode"):
            for member in getattr(FakeCuda, kind):
                assert int(getattr(getattr(real, kind), member.name)) == member


def documented(function: Any) -> list[str]:
    """The parameters that its first line names, as in `f(stream, unsigned long long flags)`."""
    (inside,) = re.findall(r"^\w+\((.*)\)", function.__doc__)
    return [part.partition(":")[0].split()[-1] for part in inside.split(",") if part.strip()]


def public(kind: type[Any]) -> dict[str, list[str] | None]:
    """Method -> its parameters; property -> None."""
    found = {name: value for name, value in vars(kind).items() if not name.startswith("_")}
    return {
        name: list(inspect.signature(value).parameters)[1:] if callable(value) else None
        for name, value in found.items()
    }
