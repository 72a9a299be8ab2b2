"""ONNX Runtime's GPU providers where there is no GPU: nothing falls back in silence."""

from __future__ import annotations

import ctypes
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from runtime import BackendUnavailable, Bundle
from runtime.backends.ort import OrtBackend, backend, probe, providers
from runtime.nvidia.gpu import Gpu

pytestmark = pytest.mark.usefixtures("cache_home")


class FakeOrt:
    """A build for GPUs whose sessions use `used`, whatever they are asked for."""

    __version__ = "1.31.1"

    def __init__(self, folder: Path, used: list[str]) -> None:
        self.__file__ = str(folder / "__init__.py")
        self.used, self.asked = used, []  # type: list[str], list[Any]

    class SessionOptions:
        pass

    def InferenceSession(self, path: Path, options: Any, providers: Any) -> Any:
        self.asked.append(providers)
        return types.SimpleNamespace(get_providers=lambda: self.used, get_outputs=list)

    def get_available_providers(self) -> list[str]:
        return ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]

    def preload_dlls(self) -> None:
        print("Failed to load libcublas")


def open_with(ort: FakeOrt, device: str) -> OrtBackend:
    opened = OrtBackend(device, "as stored")
    opened._ort = ort
    return opened


def load(bundle: Bundle, opened: OrtBackend) -> None:
    opened.load("tick", bundle.path / "tick.onnx", bundle.manifest)


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
