"""ONNX Runtime's GPU providers where there is no GPU: nothing falls back in silence."""

from __future__ import annotations

import ctypes
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime import BackendFailure, BackendUnavailable, Bundle
from runtime.backends.base import Graph, load_backend
from runtime.backends.ort import OrtBackend, backend, probe, providers
from runtime.backends.ort.bound import BoundGraph
from runtime.manifest import GRAPH_NAMES, GraphName
from runtime.nvidia.gpu import Gpu
from runtime.nvidia.options import UNASKED, GpuOptions

pytestmark = pytest.mark.usefixtures("cache_home")


class FakeOrt:
    """A build for GPUs whose sessions use `used`, whatever they are asked for."""

    __version__ = "1.31.1"

    def __init__(self, folder: Path, used: list[str]) -> None:
        self.__file__ = str(folder / "__init__.py")
        self.used, self.asked = used, []  # type: list[str], list[Any]

    class SessionOptions:
        pass

    def InferenceSession(
        self, path: Path, options: Any, providers: Any, *, enable_fallback: bool
    ) -> Any:
        self.asked.append(providers)
        return types.SimpleNamespace(get_providers=lambda: self.used, get_outputs=list)

    def get_available_providers(self) -> list[str]:
        return ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]

    def preload_dlls(self) -> None:
        print("Failed to load libcublas")


def open_with(ort: FakeOrt, device: str, gpu: GpuOptions = UNASKED) -> OrtBackend:
    opened = OrtBackend(device, "as stored", gpu)
    opened._ort = ort
    return opened


def load(bundle: Bundle, opened: OrtBackend, name: GraphName = "tick") -> Graph:
    return opened.load(name, bundle.path / f"{name}.onnx", bundle.manifest)


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_provider_that_did_not_load_is_refused_with_the_loaders_reason(
    device: str, bundle: Bundle, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = open_with(FakeOrt(tmp_path, ["CPUExecutionProvider"]), device)
    with pytest.raises(BackendUnavailable) as caught:
        load(bundle, opened)
    told = str(caught.value)
    assert f"did not load {providers.PROVIDERS[device]}" in told
    assert "fell back to CPUExecutionProvider" in told
    assert "libonnxruntime_providers_shared.so: cannot open shared object file" in told
    assert ".[gpu]" in told
    assert capfd.readouterr() == ("", "")


def test_a_provider_whose_library_loads_blames_the_gpu(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *arguments: None)
    opened = open_with(FakeOrt(tmp_path, ["CPUExecutionProvider"]), "cuda")
    with pytest.raises(BackendUnavailable, match="GPU or its driver does not suit"):
        load(bundle, opened)


def test_a_provider_that_fails_in_a_run_is_not_replaced_in_silence(tiny_bundle: Path) -> None:
    """As TensorRT does when it cannot build an engine; Python's session would go on without it."""
    from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

    class Failing:
        def __init__(self, real: Any) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def run(self, *arguments: Any) -> Any:
            raise EPFail("no engine")

    bundle = Bundle.open(tiny_bundle)
    path = bundle.graph_path(bundle.variant("text_encoder", ("fp32",)))
    graph: Any = OrtBackend("cpu", "fp32").load("text_encoder", path, bundle.manifest)
    length = bundle.manifest.tokenizer.max_length
    inputs = {"input_ids": np.zeros((1, length), np.int32)}
    assert graph.run(inputs)
    graph._session._sess = Failing(graph._session._sess)
    with pytest.raises(BackendFailure, match="could not run text_encoder: no engine"):
        graph.run(inputs)


def test_tensorrt_keeps_engines_and_leaves_the_rest_to_cuda(
    bundle: Bundle, tmp_path: Path, cache_home: Path
) -> None:
    used = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    ort = FakeOrt(tmp_path, used)
    load(bundle, open_with(ort, "tensorrt"))
    ((first, second),) = ort.asked
    assert (first[0], second[0]) == tuple(used[:2])
    assert Path(first[1]["trt_engine_cache_path"]).is_dir()
    assert Path(first[1]["trt_engine_cache_path"]).is_relative_to(cache_home)
    assert first[1]["trt_fp16_enable"] is False  # the fake bundle is stored in fp32


GPU_USED = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


def test_memory_is_bound_wherever_it_is_taken(bundle: Bundle, tmp_path: Path) -> None:
    ort = FakeOrt(tmp_path, GPU_USED)
    for device in ("cuda", "tensorrt"):
        load(bundle, open_with(ort, device, GpuOptions(memory=2**30)))
    (cuda,), (tensorrt, cuda_beside) = ort.asked
    assert cuda[1]["gpu_mem_limit"] == cuda_beside[1]["gpu_mem_limit"] == 2**30
    assert tensorrt[1]["trt_max_workspace_size"] == 2**30
    assert "enable_cuda_graph" not in cuda[1]


def test_cuda_graphs_are_captured_from_fixed_addresses(bundle: Bundle, tmp_path: Path) -> None:
    ort = FakeOrt(tmp_path, GPU_USED)
    graph = load(bundle, open_with(ort, "cuda", GpuOptions(cuda_graphs=True)))
    assert isinstance(graph, BoundGraph)
    (((_, options),),) = ort.asked
    assert options["enable_cuda_graph"] is True
    assert "gpu_mem_limit" not in options


@pytest.mark.parametrize("name", [name for name in GRAPH_NAMES if name != "tick"])
def test_what_runs_once_an_edit_is_not_captured(
    name: GraphName, bundle: Bundle, tmp_path: Path
) -> None:
    """A session that is to capture refuses nodes that CUDA has not, as an encoder's ArgMax."""
    ort = FakeOrt(tmp_path, GPU_USED)
    asked = GpuOptions(cuda_graphs=True, memory=2**30)
    graph = load(bundle, open_with(ort, "cuda", asked), name)
    assert not isinstance(graph, BoundGraph)
    (((_, options),),) = ort.asked
    assert "enable_cuda_graph" not in options
    assert options["gpu_mem_limit"] == 2**30


def test_unasked_neither_is_mentioned(bundle: Bundle, tmp_path: Path) -> None:
    ort = FakeOrt(tmp_path, GPU_USED)
    graph = load(bundle, open_with(ort, "cuda"))
    assert not isinstance(graph, BoundGraph)
    (((_, options),),) = ort.asked
    assert not {"enable_cuda_graph", "gpu_mem_limit"} & set(options)


@pytest.mark.parametrize(
    ("name", "device", "told"),
    [
        ("openvino", "auto", "openvino uses no GPU; ask for --device cuda"),
        ("ort", "cpu", "ort on cpu uses no GPU; ask for --device cuda"),
        ("ort", "auto", "ort on cpu uses no GPU"),
    ],
)
def test_what_only_a_gpu_has_is_refused_on_a_cpu(name: str, device: str, told: str) -> None:
    for asked in (GpuOptions(cuda_graphs=True), GpuOptions(memory=1)):
        with pytest.raises(BackendUnavailable, match=told):
            load_backend(name, device=device, gpu=asked)


def test_cuda_graphs_of_one_shape_alone_are_refused() -> None:
    with pytest.raises(BackendUnavailable, match="one shape alone.*--device cuda"):
        load_backend("ort", device="tensorrt", gpu=GpuOptions(cuda_graphs=True))


def test_a_bound_below_nothing_is_refused() -> None:
    with pytest.raises(BackendUnavailable, match="-1 bytes"):
        GpuOptions(memory=-1)


def test_a_cpu_is_asked_for_no_gpu(bundle: Bundle, tmp_path: Path) -> None:
    ort = FakeOrt(tmp_path, ["CPUExecutionProvider"])
    load(bundle, open_with(ort, "cpu"))
    assert ort.asked == [[("CPUExecutionProvider", {})]]


def test_a_probe_tells_the_flavour_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", FakeOrt(tmp_path, []))
    monkeypatch.setattr(backend, "flavour", lambda: "onnxruntime-gpu")
    monkeypatch.setattr(backend, "find_gpu", lambda: Gpu("NVIDIA Fake", "8.6"))
    probes = {found.device: found for found in probe()}
    for device in ("cuda", "tensorrt"):
        assert not probes[device].usable
        assert "onnxruntime-gpu 1.31.1 cannot load it: " in probes[device].why
    monkeypatch.setattr(ctypes, "CDLL", lambda *arguments: None)
    probes = {found.device: found for found in probe()}
    for device in ("cuda", "tensorrt"):
        assert probes[device].usable
        assert probes[device].why == "NVIDIA Fake, onnxruntime-gpu 1.31.1; fp16 first"
