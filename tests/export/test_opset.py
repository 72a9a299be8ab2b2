"""Opset 23: attention as one operator, which every library here must take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from export.assemble import export_bundle
from export.checkpoint import open_checkpoint
from export.engines.build import build_engine
from export.engines.profiles import Range, Shapes, profiles_of
from export.engines.recipe import Options
from export.graphs import build_graph
from export.opset import Opset
from export.reference import Probe, run_eager
from export.to_onnx import save, to_onnx
from runtime.backends.base import load_backend
from runtime.bundle import Bundle
from runtime.manifest import GRAPH_NAMES, Precision
from runtime.nvidia.library import open_library
from runtime.ports import ports_of
from tests.conftest import Once
from tests.tiny import MAX_LENGTH

SHAPES = Shapes(Range(1, 3, 6), Range(64, 96, 128))


@pytest.mark.parametrize("opset", [21, 23])
def test_both_opsets_compute_what_torch_does(
    opset: Opset, tiny_checkpoint: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    manifest = Bundle.open(tiny_bundle).manifest
    ports = ports_of(manifest.model)["text_encoder"]
    module = build_graph("text_encoder", open_checkpoint(tiny_checkpoint))
    given = Probe(manifest.model, 2, 8, 8, MAX_LENGTH, 500, 1.0).inputs("text_encoder")
    expected = run_eager(module, given, ports)
    path = tmp_path / "text_encoder.onnx"
    save(to_onnx("text_encoder", module, given, ports, opset), path)
    assert _operators(path) >= ({"Attention"} if opset == 23 else {"Softmax"})
    for backend in ("ort", "openvino"):
        graph = load_backend(backend, device="cpu", precision="fp32").load(
            "text_encoder", path, manifest
        )
        error = np.abs(graph.run(expected.inputs)["text"] - expected.outputs["text"])
        assert error.max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "fp32"])
@pytest.mark.parametrize("checkpoint", ["tiny_checkpoint", "xl_checkpoint"])
def test_whole_bundles_of_opset_23(
    checkpoint: str, precision: Precision, request: pytest.FixtureRequest, once: Once
) -> None:
    """The export compares every graph, and an edit, with the checkpoint."""
    source = request.getfixturevalue(checkpoint)

    def make(path: Path) -> None:
        export_bundle(source, path, precision=precision, opset=23)

    bundle = Bundle.open(once(f"opset-23-{checkpoint}-{precision}", make))
    library = open_library("tensorrt-rtx")
    for name in GRAPH_NAMES:
        path = bundle.graph_path(bundle.variant(name, (precision,)))
        manifest = bundle.manifest
        profiles = profiles_of(name, manifest.model, MAX_LENGTH, SHAPES)
        engine = build_engine(library, name, path, precision, profiles, Options(("8.6",)))
        dtype = "HALF" if precision == "fp16" and name in ("text_encoder", "tick") else "FLOAT"
        types = {line.dtype for line in engine.layers if line.kind == "ATTENTION_OUTPUT"}
        attends = "Attention" in _operators(path)
        assert types == ({dtype} if attends else set())
        assert attends or name.startswith("image")  # an AutoencoderTiny has none
        load_backend("openvino", device="cpu").load(name, path, manifest).close()


def _operators(path: Path) -> set[str]:
    return {node.op_type for node in onnx.load(path).graph.node}
