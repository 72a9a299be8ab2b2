"""Graphs for compute 7.5, where TensorRT-RTX has no products in float32."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.embeddings import TimestepEmbedding

from export.assemble import export_bundle
from export.engines.build import build_engine
from export.engines.profiles import Profile, Range, Shapes
from export.engines.recipe import TURING, EngineRecipe, Options
from export.errors import EngineError, ExportError
from export.onto import exporting_onto
from export.opset import Opset
from export.pack import write_manifest
from export.precision import HALF_ARITHMETIC, store_half, to_half
from export.to_onnx import save, to_onnx
from export.turing import Pointwise, without_float32_products
from runtime.built_for import BuiltFor, Span
from runtime.bundle import Bundle
from runtime.manifest import GRAPH_NAMES, GraphName, Port
from runtime.nvidia.library import open_library
from runtime.ports import Ports

SHAPES = Shapes(Range(1, 3, 6), Range(64, 96, 128))
RECIPE = EngineRecipe("tensorrt-rtx", SHAPES, Options((TURING,)))


@pytest.mark.parametrize("shape", [(3, 24), (2, 7, 24)])
def test_a_pointwise_convolution_is_the_linear_layer(shape: tuple[int, ...]) -> None:
    linear = torch.nn.Linear(24, 40)
    x = torch.randn(shape)
    with torch.no_grad():
        assert torch.allclose(Pointwise(linear)(x), linear(x), atol=1e-6)


@pytest.mark.parametrize("graph", ["tick", "image_decoder"])
def test_attention_whose_scores_float16_cannot_hold(graph: GraphName) -> None:
    """Not before they are scaled: the product itself has to fit."""
    attention = _large_attention(upcast_attention=graph == "tick")
    x = torch.randn((1, 20, 512), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        scores = attention.to_q(x) @ attention.to_k(x).mT
        assert scores.abs().max() > 65504 > 2 * attention.scale * scores.abs().max()
        wanted = attention(x)
        without_float32_products(graph, attention)
        if graph == "tick":
            to_half(attention)
            x = x.half()
        got = attention(x)
    assert got.dtype == x.dtype
    assert (got - wanted).abs().max() < 0.02 * wanted.abs().max()


def _large_attention(**options: Any) -> Attention:
    """One head as wide as a Stable Diffusion autoencoder's."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        attention = Attention(512, heads=1, dim_head=512, **options)
    with torch.no_grad():
        for layer in (attention.to_q, attention.to_k):
            layer.weight.mul_(60)
    return attention


class Island(torch.nn.Module):
    """x [R, 32] -> y of its shape"""

    def __init__(self) -> None:
        super().__init__()
        self.time_embedding = TimestepEmbedding(32, 32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        embedded: torch.Tensor = self.time_embedding(x.half())
        return embedded.float()


class Attending(torch.nn.Module):
    """x [R, 20, 512] -> y of its shape"""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.attention = _large_attention(upcast_attention=dtype == torch.float16)
        self.dtype = dtype

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        attended: torch.Tensor = self.attention(x.to(self.dtype))
        return attended.float()


@pytest.mark.parametrize(
    ("graph", "make", "shape"),
    [
        ("tick", Island, (32,)),
        ("tick", lambda: Attending(torch.float16), (20, 512)),
        ("image_decoder", lambda: Attending(torch.float32), (20, 512)),
    ],
    ids=["embedding", "upcast attention", "autoencoder"],
)
def test_what_is_refused_in_the_usual_form_is_built(
    graph: GraphName, make: Callable[[], torch.nn.Module], shape: tuple[int, ...], tmp_path: Path
) -> None:
    usual, turing = make(), make()
    without_float32_products(graph, turing)
    with pytest.raises(EngineError, match="Turing.*FP32 GEMM is not supported"):
        _build(graph, usual, shape, tmp_path)
    assert _build(graph, turing, shape, tmp_path)


def _build(graph: GraphName, module: torch.nn.Module, shape: tuple[int, ...], to: Path) -> bytes:
    """An engine for Turing of a part of a graph, exported as `graph` is in fp16."""
    if graph in HALF_ARITHMETIC:
        to_half(module)
    x, y = (Port(name, "float32", ("R", *shape)) for name in "xy")
    exported = to_onnx(graph, module.eval(), {"x": torch.zeros(2, *shape)}, Ports((x,), (y,)))
    if graph not in HALF_ARITHMETIC:
        store_half(exported)
    path = to / "graph.onnx"
    save(exported, path)
    profile = Profile(*((rows, *shape) for rows in (1, 3, 6)))
    library = open_library("tensorrt-rtx")
    return build_engine(library, graph, path, "fp16", {"x": profile}, Options((TURING,))).plan


@pytest.mark.slow
@pytest.mark.parametrize("fixture", ["tiny_checkpoint", "other_checkpoint", "cosxl_checkpoint"])
@pytest.mark.parametrize("opset", [21, 23])
def test_whole_bundles(
    opset: Opset, fixture: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The export holds every graph, and an edit, to the bounds of the usual form."""
    source = request.getfixturevalue(fixture)
    manifest = export_bundle(source, tmp_path / "bundle", opset=opset, engines=RECIPE).manifest
    for name in GRAPH_NAMES:
        assert [one.built_for is None for one in manifest.graphs[name]] == [True, False]
        assert {line.backend for line in manifest.parity if line.graph == name} == {"torch", "ort"}


def test_fp32_is_refused_at_once(tiny_checkpoint: Path, tmp_path: Path) -> None:
    stages: list[str] = []
    with pytest.raises(EngineError, match=r"no products in fp32 for compute 7\.5.*precision fp16"):
        export_bundle(
            tiny_checkpoint,
            tmp_path / "bundle",
            precision="fp32",
            engines=RECIPE,
            on_stage=stages.append,
        )
    assert stages == []
    assert list(tmp_path.iterdir()) == []


def test_no_package_is_made_onto_graphs_of_that_form(tiny_bundle: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_bundle, tmp_path / "base"))
    manifest = Bundle.open(base).manifest
    portable = manifest.graphs["tick"][0]
    built_for = BuiltFor("tensorrt-rtx", "1", (TURING,), False, False, Span(1, 2), Span(64, 64))
    engine = dataclasses.replace(portable, built_for=built_for)
    graphs = {**manifest.graphs, "tick": (portable, engine)}
    write_manifest(base, dataclasses.replace(manifest, graphs=graphs))
    with (
        pytest.raises(ExportError, match=r"engines for compute 7\.5.*export a whole bundle"),
        exporting_onto(base, tmp_path / "style.weights", "fp32"),
    ):
        pytest.fail("minutes of export begin")
