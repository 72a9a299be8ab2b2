"""The exported bundles: complete, portable, the same on both inference libraries at any size.

`tiny_bundle` is fp32, `tiny_bundle_fp16` comes from a checkpoint of every other option.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from export.opset import DEFAULT_OPSET
from export.reference import Arrays, Probe
from runtime.backends.base import load_backend
from runtime.bundle import Bundle
from runtime.editor import open_editor
from runtime.errors import BackendUnavailable
from runtime.manifest import GRAPH_NAMES, GraphName, Variant
from runtime.ports import ports_of
from tests.tiny import MAX_LENGTH, MODEL_CARD, TEXT_WIDTH

BOTH = pytest.mark.parametrize("fixture", ["tiny_bundle", "tiny_bundle_fp16"])


def bundle_of(request: pytest.FixtureRequest, fixture: str) -> Bundle:
    return Bundle.open(request.getfixturevalue(fixture))


def variant(bundle: Bundle, name: GraphName) -> Variant:
    return bundle.manifest.graphs[name][0]


def run(bundle: Bundle, name: GraphName, backend: str, precision: str, given: Arrays) -> Arrays:
    path = bundle.graph_path(variant(bundle, name))
    graph = load_backend(backend, device="cpu", precision=precision).load(
        name, path, bundle.manifest
    )
    try:
        return dict(graph.run(given))
    finally:
        graph.close()


def probe(bundle: Bundle, requests: int, height: int, width: int, text: int) -> Probe:
    return Probe(bundle.manifest.model, requests, height, width, text, 500, 5.0)


def arrays(probed: Probe, name: GraphName) -> Arrays:
    return {key: tensor.numpy() for key, tensor in probed.inputs(name).items()}


@BOTH
def test_manifest_states_the_checkpoint_s_facts(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    bundle = bundle_of(request, fixture)
    manifest = bundle.manifest
    assert (manifest.model.latent_channels, manifest.model.downscale) == (4, 2)
    assert (manifest.model.size_multiple, manifest.model.text_width) == (2, TEXT_WIDTH)
    assert manifest.tokenizer.max_length == MAX_LENGTH
    assert manifest.licence == "cc0-1.0"
    assert (bundle.path / "README.md").read_text() == MODEL_CARD
    named = {file.path for file in manifest.files()} | {"manifest.json", "README.md"}
    assert {path.name for path in bundle.path.iterdir()} == named


@BOTH
def test_graphs_are_valid_onnx_with_the_ports_of_the_manifest(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    bundle = bundle_of(request, fixture)
    for name, ports in ports_of(bundle.manifest.model).items():
        stored = variant(bundle, name)
        assert (stored.inputs, stored.outputs) == (ports.inputs, ports.outputs)
        model = onnx.load(bundle.graph_path(stored))
        onnx.checker.check_model(model, full_check=True)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [
            ("", DEFAULT_OPSET)
        ]
        for values, wanted in (
            (model.graph.input, ports.inputs),
            (model.graph.output, ports.outputs),
        ):
            assert [value.name for value in values] == [port.name for port in wanted]
            for value, port in zip(values, wanted, strict=True):
                kind = value.type.tensor_type
                axes = tuple(axis.dim_param or axis.dim_value for axis in kind.shape.dim)
                assert axes == port.shape
                assert onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type) == port.dtype


@BOTH
def test_no_path_of_the_exporting_machine_is_shipped(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    bundle = bundle_of(request, fixture)
    home = str(Path(__file__).parents[2]).encode()
    places = (home, tempfile.gettempdir().encode() + b"/", b"site-packages")
    for path in bundle.path.iterdir():
        content = path.read_bytes()
        assert not [place for place in places if place in content], path.name


def test_half_precision_halves_the_files(other_checkpoint: Path, tiny_bundle_fp16: Path) -> None:
    bundle = Bundle.open(tiny_bundle_fp16)
    stored = bundle.graph_path(variant(bundle, "tick")).stat().st_size
    weights = other_checkpoint / "unet" / "diffusion_pytorch_model.safetensors"
    assert stored < 0.65 * weights.stat().st_size


@BOTH
def test_parity_report_covers_every_output_and_one_edit(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    manifest = bundle_of(request, fixture).manifest
    measured = {(line.graph, line.output) for line in manifest.parity}
    ports = ports_of(manifest.model)
    expected = {(name, port.name) for name in GRAPH_NAMES for port in ports[name].outputs}
    assert measured == expected | {("edit", "image")}
    for line in manifest.parity:
        assert line.bound is not None
        assert line.max_error <= line.bound


SIZES = [(1, 8, 8, MAX_LENGTH), (2, 9, 11, MAX_LENGTH), (3, 4, 70, 7), (1, 33, 6, MAX_LENGTH)]


@BOTH
@pytest.mark.parametrize("name", GRAPH_NAMES)
def test_openvino_and_onnxruntime_agree_at_any_size(
    fixture: str, name: GraphName, request: pytest.FixtureRequest
) -> None:
    bundle = bundle_of(request, fixture)
    # ONNX Runtime computes float16 graphs in float16, OpenVINO computes them in float32.
    tolerance = 1e-4 if fixture == "tiny_bundle" else 1e-2
    path = bundle.graph_path(variant(bundle, name))
    graphs = [
        load_backend(backend, device="cpu", precision="fp32").load(name, path, bundle.manifest)
        for backend in ("ort", "openvino")
    ]
    for size in SIZES:
        given = arrays(probe(bundle, *size), name)
        ort, openvino = (graph.run(given) for graph in graphs)
        for port in variant(bundle, name).outputs:
            wanted = ort[port.name].astype(np.float64)
            error = np.abs(openvino[port.name].astype(np.float64) - wanted).max()
            assert error <= max(tolerance * np.abs(wanted).max(), port.dtype == "uint8"), size


def test_every_output_follows_the_sizes_of_its_inputs(tiny_bundle: Path) -> None:
    bundle = Bundle.open(tiny_bundle)
    sizes = {"B": 3, "h": 5, "w": 7, "H": 10, "W": 14, "T": 4, "L": 9, "R": 9}
    for name in GRAPH_NAMES:
        outputs = run(bundle, name, "ort", "fp32", arrays(probe(bundle, 3, 5, 7, 9), name))
        for port in variant(bundle, name).outputs:
            shape = tuple(sizes[axis] if isinstance(axis, str) else axis for axis in port.shape)
            assert outputs[port.name].shape == shape
            assert outputs[port.name].dtype == port.dtype


@pytest.mark.parametrize("backend", ["ort", "openvino"])
def test_a_broken_request_does_not_reach_its_neighbours(backend: str, tiny_bundle: Path) -> None:
    bundle = Bundle.open(tiny_bundle)
    given = arrays(probe(bundle, 3, 8, 8, MAX_LENGTH), "tick")
    given["x"][1] = np.nan
    outputs = run(bundle, "tick", backend, "fp32", given)
    finite = np.isfinite(outputs["next"]).all(axis=(1, 2, 3))
    assert finite.tolist() == [True, False, True]


def test_late_timesteps_survive_bfloat16(tiny_bundle: Path) -> None:
    """bfloat16 has 8 significant bits: 981 would become 980 or 984, off by radians."""
    try:
        load_backend("openvino", precision="bf16")
    except BackendUnavailable:
        pytest.skip("this processor has no bf16 units")
    bundle = Bundle.open(tiny_bundle)
    given = arrays(probe(bundle, 2, 8, 8, MAX_LENGTH), "tick")
    error = {}
    for timestep in (100.0, 946.5, 981.0):  # the first is exact in bfloat16
        given["timestep"][:] = timestep
        exact = run(bundle, "tick", "openvino", "fp32", given)["rows"]
        rounded = run(bundle, "tick", "openvino", "bf16", given)["rows"]
        error[timestep] = float(np.square(rounded - exact).mean() ** 0.5)
    assert max(error.values()) < 2 * error[100.0]


def test_the_command_prints_one_json_document(cli_export: Path) -> None:
    path, result = cli_export / "bundle", json.loads((cli_export / "printed").read_text())
    assert result["exit_code"] == 0, result
    printed = json.loads(result["stdout"])
    assert printed["bundle"] == str(path)
    assert len(printed["parity"]) == len(Bundle.open(path).manifest.parity)
    assert "Warning" not in result["stderr"]


@BOTH
@pytest.mark.parametrize("backend", ["ort", "openvino"])
def test_an_edit_runs(fixture: str, backend: str, request: pytest.FixtureRequest) -> None:
    bundle = bundle_of(request, fixture)
    image = Image.new("RGB", (50, 34), "teal")
    with open_editor(bundle.path, backend=backend, device="cpu") as editor:
        result = editor.edit(image, "make it night", seed=1, steps=2)
    assert result.image.size == (50, 34)
