"""OpenVINO's memory: bfloat16 weights beside the same float32 islands, and what a run leaves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from export.reference import Probe
from runtime import BackendUnavailable, Bundle
from runtime.backends.base import Array, Arrays, load_backend
from runtime.backends.openvino_ import to_bf16
from tests.tiny import MAX_LENGTH

ROOT = Path(__file__).parents[2]


def read(path: Path) -> Any:
    return openvino.Core().read_model(path)


def constants(model: Any) -> list[Any]:
    return [node for node in model.get_ops() if node.get_type_name() == "Constant"]


def types(model: Any) -> set[str]:
    return {node.get_output_element_type(0).get_type_name() for node in model.get_ops()}


def onnx_file(path: Path, weights: Array, **how: Any) -> Path:
    """x float32 -> x + float32(weights), with the weights stored as they are."""
    kind = helper.np_dtype_to_tensor_dtype(weights.dtype)
    nodes = [
        helper.make_node("Cast", ["weights"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["x", "wide"], ["y"]),
    ]
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, list(weights.shape)) for name in "xy"
    )
    initializer = numpy_helper.from_array(weights, "weights")
    assert initializer.data_type == kind
    graph = helper.make_graph(nodes, "weights", [x], [y], [initializer])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    onnx.save(model, path, **how)
    return path


def test_every_float16_number_goes_to_the_nearest_bfloat16(tmp_path: Path) -> None:
    """torch is the oracle, for all 63,490 that are not NaN."""
    numbers = np.arange(2**16, dtype=np.uint16).view(np.float16)
    numbers = numbers[~np.isnan(numbers)]
    model = read(onnx_file(tmp_path / "weights.onnx", numbers))
    to_bf16(model)
    (weights,) = constants(model)
    assert weights.get_element_type().get_type_name() == "bf16"
    expected = torch.from_numpy(numbers).to(torch.bfloat16).view(torch.int16).numpy()
    np.testing.assert_array_equal(weights.data.view(np.int16), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_file_is_let_go(tmp_path: Path, dtype: type[np.floating[Any]]) -> None:
    """A mapped file counts as memory of the process for as long as a constant refers to it."""

    def mapped() -> bool:
        return "weights.data" in Path("/proc/self/maps").read_text()

    weights = np.linspace(-1, 1, 2**16, dtype=dtype)
    how = {"save_as_external_data": True, "location": "weights.data"}
    model = read(onnx_file(tmp_path / "weights.onnx", weights, **how))
    assert mapped()
    to_bf16(model)
    assert not mapped()
    np.testing.assert_array_equal(constants(model)[0].data.shape, weights.shape)


@pytest.fixture(scope="module")
def bundle(tiny_bundle_fp16: Path) -> Bundle:
    return Bundle.open(tiny_bundle_fp16)


@pytest.fixture(scope="module")
def tick(bundle: Bundle) -> Arrays:
    probe = Probe(bundle.manifest.model, 3, 8, 12, MAX_LENGTH, 500, 5.0)
    return {name: tensor.numpy() for name, tensor in probe.inputs("tick").items()}


def run(bundle: Bundle, precision: str, inputs: Arrays) -> dict[str, Array]:
    try:
        backend = load_backend("openvino", precision=precision)
    except BackendUnavailable:
        pytest.skip("this processor has no bf16 units")
    path = bundle.graph_path(bundle.variant("tick", backend.stored))
    graph = backend.load("tick", path, bundle.manifest)
    try:
        return graph.run(inputs)
    finally:
        graph.close()


# In a process of its own: what earlier tests left free would hide what a run takes.
MEMORY_OF_A_RUN = """
import sys
from pathlib import Path
import numpy as np
from runtime import Bundle
from runtime.backends.base import load_backend

def mib(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024

bundle, backend = Bundle.open(Path(sys.argv[1])), load_backend("openvino")
path = bundle.graph_path(bundle.variant("image_decoder", backend.stored))
graph = backend.load("image_decoder", path, bundle.manifest)
small, large = (np.zeros((1, 4, side, side), np.float32) for side in (8, 384))
graph.run({"latent": small})
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
before = mib("VmRSS")
graph.run({"latent": large})
print(mib("VmHWM") - before, mib("VmRSS") - before)
"""


def test_a_run_gives_back_the_memory_of_its_intermediate_results(bundle: Bundle) -> None:
    command = [sys.executable, "-c", MEMORY_OF_A_RUN, str(bundle.path)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.returncode == 0, ran.stderr
    peak, kept = (float(word) for word in ran.stdout.split())
    assert peak > 32
    assert kept < peak / 2


def test_no_float16_is_left_and_float32_stays(bundle: Bundle) -> None:
    path = bundle.graph_path(bundle.variant("tick", ("fp16",)))
    model = read(path)
    before = [node.data.copy() for node in constants(model) if node.data.dtype == np.float32]
    names = [node.get_friendly_name() for node in model.get_ops()]
    assert {"f16", "f32"} <= types(model)
    to_bf16(model)
    assert {"bf16", "f32"} <= types(model)
    assert "f16" not in types(model)
    assert sorted(names) == sorted(node.get_friendly_name() for node in model.get_ops())
    single = [node for node in constants(model) if node.get_element_type().get_type_name() == "f32"]
    kept = [node.data for node in single]
    assert len(kept) == len(before)
    for old, new in zip(before, kept, strict=True):
        np.testing.assert_array_equal(new, old)


def test_mix_and_sampler_update_stay_float32(bundle: Bundle, tick: Arrays) -> None:
    """Computed again from the rows by numpy, they are the same to the last bits of float32."""
    got = run(bundle, "bf16", tick)
    _, p, q, a, b, c, d = (tick["coef"][:, i, None, None, None] for i in range(7))
    mixed = np.einsum("br,rchw->bchw", tick["mix"], got["rows"]) + tick["stale"]
    denoised = p * tick["x"] + q * mixed
    following = a * tick["x"] + b * denoised + c * tick["history"] + d * tick["noise"]
    np.testing.assert_allclose(got["denoised"], denoised, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(got["next"], following, rtol=1e-5, atol=1e-5)


def test_rows_stay_within_the_error_of_bfloat16(bundle: Bundle, tick: Arrays) -> None:
    exact, got = (run(bundle, precision, tick)["rows"] for precision in ("fp32", "bf16"))
    error = np.square(got - exact).mean() ** 0.5 / np.square(exact).mean() ** 0.5
    assert 1e-4 < error < 2e-2  # 0: nothing was computed in bfloat16
