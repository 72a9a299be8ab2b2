"""TensorRT engines, by the real builder of TensorRT-RTX: it needs no GPU to build."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export.assemble import export_bundle
from export.engines import build
from export.engines.build import build_engine
from export.engines.options import check_options
from export.engines.profiles import Profile, Range, Shapes, parse_range, profiles_of
from export.engines.recipe import EngineRecipe, Options
from export.errors import EngineError
from runtime.built_for import BuiltFor, Span
from runtime.bundle import Bundle
from runtime.errors import BackendUnavailable
from runtime.manifest import GRAPH_NAMES, GraphName, Precision
from runtime.nvidia.library import Library, open_library
from tests.tiny_xl import POOLED_WIDTH

GPUS = ("8.0", "8.6", "8.9", "12.0")
SHAPES = Shapes(Range(1, 3, 6), Range(64, 96, 128))


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library("tensorrt-rtx")


@pytest.fixture(scope="module")
def bundle(tiny_bundle_fp16: Path) -> Bundle:
    return Bundle.open(tiny_bundle_fp16)


@pytest.fixture
def text_encoder(bundle: Bundle) -> Path:
    return bundle.graph_path(bundle.variant("text_encoder", ("fp16",)))


def profiles(bundle: Bundle, graph: GraphName) -> dict[str, Profile]:
    return profiles_of(graph, bundle.manifest.model, bundle.manifest.tokenizer.max_length, SHAPES)


def make(
    library: Library,
    path: Path,
    given: dict[str, Profile],
    precision: Precision = "fp16",
    graph: GraphName = "text_encoder",
    gpu: str = "8.6",
) -> bytes:
    return build_engine(library, graph, path, precision, given, Options((gpu,))).plan


@pytest.mark.parametrize("gpu", GPUS)
def test_the_same_engine_is_built_twice(gpu: str, library: Library, bundle: Bundle) -> None:
    for graph in ("text_encoder", "tick"):
        one, other = (of_bundle(library, bundle, graph, gpu) for _ in range(2))
        check_same(one, other, is_chain=graph == "text_encoder")


@pytest.mark.slow
@pytest.mark.parametrize("gpu", GPUS)
@pytest.mark.parametrize("fixture", ["tiny_bundle", "xl_bundle"])
def test_every_graph_is_built_twice(
    fixture: str, gpu: str, library: Library, request: pytest.FixtureRequest
) -> None:
    bundle = Bundle.open(request.getfixturevalue(fixture))
    one_text = bundle.manifest.model.pooled_width is None
    for graph in GRAPH_NAMES:
        one, other = (of_bundle(library, bundle, graph, gpu) for _ in range(2))
        check_same(one, other, is_chain=graph == "text_encoder" and one_text)


def of_bundle(library: Library, bundle: Bundle, graph: GraphName, gpu: str = "8.6") -> bytes:
    stored = bundle.manifest.graphs[graph][0]
    path, given = bundle.graph_path(stored), profiles(bundle, graph)
    return make(library, path, given, stored.precision, graph, gpu)


def check_same(one: bytes, other: bytes, *, is_chain: bool) -> None:
    """To the bit where a graph is a chain; elsewhere the library numbers tensors as it likes."""
    assert len(one) == len(other)
    assert not is_chain or one == other
    unequal = np.frombuffer(one, np.uint8) != np.frombuffer(other, np.uint8)
    assert unequal.mean() < 0.01


def test_the_command_adds_an_engine_for_every_graph(cli_export: Path) -> None:
    printed = json.loads(json.loads((cli_export / "printed").read_text())["stdout"])
    manifest = Bundle.open(cli_export / "bundle").manifest
    built_for = BuiltFor(
        "tensorrt-rtx",
        open_library("tensorrt-rtx").version,
        ("8.6",),
        False,
        False,
        Span(1, 12),
        Span(64, 128),
    )
    for name, report in zip(GRAPH_NAMES, printed["engines"], strict=True):
        portable, engine = manifest.graphs[name]
        assert portable.built_for is None
        assert engine.built_for == built_for
        assert (engine.inputs, engine.outputs) == (portable.inputs, portable.outputs)
        assert report["file"] == engine.file.path
        assert report["bytes"] == (cli_export / "bundle" / engine.file.path).stat().st_size
    counts = {(line["kind"], line["dtype"]) for line in printed["engines"][2]["layers"]}
    assert ("CONVOLUTION", "HALF") in counts
    assert ("CONVOLUTION", "FLOAT") not in counts


def test_the_bar_shows_graph_share_and_phase_of_a_build(cli_export: Path) -> None:
    printed = json.loads((cli_export / "printed").read_text())["stderr"]
    assert re.search(r"build tick\W.{0,20}\d%\W.{0,20}[A-Z][a-z]+ing ", printed)


def test_progress_is_told(library: Library, bundle: Bundle, text_encoder: Path) -> None:
    told: list[tuple[str, float]] = []
    build_engine(
        library,
        "text_encoder",
        text_encoder,
        "fp16",
        profiles(bundle, "text_encoder"),
        Options(("8.6",)),
        lambda phase, share: told.append((phase, share)),
    )
    assert ("Building engine", 1.0) in told
    assert all(0 < share <= 1 for _, share in told)


def test_ctrl_c_during_a_build_is_not_taken_for_its_failure(
    library: Library, bundle: Bundle, text_encoder: Path
) -> None:
    """The library prints what a callback raises, and gives up for a reason of its own."""

    def interrupt(phase: str, share: float) -> None:
        raise KeyboardInterrupt

    given = profiles(bundle, "text_encoder")
    with pytest.raises(KeyboardInterrupt):
        build_engine(
            library, "text_encoder", text_encoder, "fp16", given, Options(("8.6",)), interrupt
        )


def test_a_build_fills_its_timing_cache(
    library: Library, bundle: Bundle, text_encoder: Path, tmp_path: Path
) -> None:
    """Of TensorRT-RTX the cache is always empty: only the way to it is shown."""
    path = tmp_path / "timings"
    options = Options(("8.6",), timing_cache=path)
    with pytest.warns(DeprecationWarning, match="no-ops"):
        build_engine(
            library, "text_encoder", text_encoder, "fp16", profiles(bundle, "text_encoder"), options
        )
    assert path.stat().st_size > 0


def test_a_static_axis_against_the_profile(
    library: Library, bundle: Bundle, text_encoder: Path, tmp_path: Path
) -> None:
    model = onnx.load(text_encoder)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    path = tmp_path / "static.onnx"
    onnx.save(model, path)
    length = bundle.manifest.tokenizer.max_length
    given = {"input_ids": Profile((1, length), (2, length), (3, length))}
    with pytest.raises(EngineError, match="axis 0 of input_ids is always 1.*asks for 1:2:3"):
        make(library, path, given)


def test_a_missing_and_an_unknown_input(
    library: Library, bundle: Bundle, text_encoder: Path
) -> None:
    with pytest.raises(EngineError, match="has the inputs input_ids; the profile is for none"):
        make(library, text_encoder, {})
    given = profiles(bundle, "text_encoder")
    with pytest.raises(EngineError, match="the profile is for input_ids, nope"):
        make(library, text_encoder, {**given, "nope": given["input_ids"]})


def test_a_profile_that_does_not_rise(library: Library, text_encoder: Path) -> None:
    given = {"input_ids": Profile((3, 16), (2, 16), (4, 16))}
    with pytest.raises(EngineError, match="axis 0 of input_ids has the profile 3:2:4"):
        make(library, text_encoder, given)


def test_float32_where_float16_was_asked_for(library: Library, tiny_bundle: Path) -> None:
    bundle = Bundle.open(tiny_bundle)
    path = bundle.graph_path(bundle.variant("tick", ("fp32",)))
    with pytest.raises(EngineError, match=r"asked for in fp16.*\(CONVOLUTION\) in FLOAT"):
        make(library, path, profiles(bundle, "tick"), graph="tick")


def test_float16_where_float32_was_asked_for(
    library: Library, bundle: Bundle, text_encoder: Path
) -> None:
    with pytest.raises(EngineError, match=r"asked for in fp32.*\(MATRIX_MULTIPLY\) in HALF"):
        make(library, text_encoder, profiles(bundle, "text_encoder"), precision="fp32")


def test_what_is_no_graph(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no protobuf")
    with pytest.raises(EngineError, match=r"cannot read broken\.onnx"):
        make(library, path, {})
    foo = helper.make_node("Foo", ["x"], ["y"])
    path.write_bytes(_graph(foo, "x", (1, 4)).SerializeToString())
    with pytest.raises(EngineError, match="Foo"):
        make(library, path, {})


def test_attention_that_cannot_be_fused_is_taken_apart(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no fused kernel for float32; left to itself the builder gives up."""
    path = tmp_path / "attention.onnx"
    dims = (1, 2, 16, 32)
    attention = helper.make_node("Attention", ["q", "k", "v"], ["y"])
    path.write_bytes(_graph(attention, "qkv", dims, 23).SerializeToString())
    given = {name: Profile(dims, dims, dims) for name in "qkv"}
    assert make(library, path, given, precision="fp32")
    monkeypatch.setattr(build, "_let_attention_decompose", lambda trt, network: None)
    with pytest.raises(EngineError, match="cannot build text_encoder: .*[Aa]ttention"):
        make(library, path, given, precision="fp32")


def test_attention_in_float32_where_float16_was_asked_for(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "attention.onnx"
    attention = helper.make_node("Attention", ["q", "k", "v"], ["y"])
    path.write_bytes(_graph(attention, "qkv", (1, 2, 16, 32), 23).SerializeToString())
    with pytest.raises(EngineError, match=r"asked for in fp16.*\(ATTENTION_INPUT\) in FLOAT"):
        make(library, path, {})


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (Options(compute=("9.9",)), r"compute 9\.9 is not one of 7\.5, "),
        (Options(any_gpu=True), "give compute capabilities"),
        (Options(any_version=True), "leave out --any-version"),
    ],
)
def test_options_that_a_library_does_not_have(
    options: Options, named: str, library: Library
) -> None:
    with pytest.raises(EngineError, match=named):
        check_options(library, options)


@pytest.mark.parametrize(
    ("shapes", "named"),
    [
        (Shapes(rows=Range(3, 1, 2)), r"rows 3:1:2 does not rise within \[1, 96\]"),
        (Shapes(rows=Range(1, 3, 97)), "rows 1:3:97"),
        (Shapes(side=Range(64, 96, 4096)), "side 64:96:4096"),
        (Shapes(side=Range(64, 99, 128)), r"side 99 is no multiple of 2, .*; give 98"),
    ],
)
def test_shapes_that_no_engine_can_have(
    shapes: Shapes, named: str, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    stages: list[str] = []
    recipe = EngineRecipe("tensorrt-rtx", shapes)
    with pytest.raises(EngineError, match=named):
        export_bundle(tiny_checkpoint, tmp_path / "bundle", engines=recipe, on_stage=stages.append)
    assert stages == []  # before minutes of export
    assert list(tmp_path.iterdir()) == []


def test_tensorrt_itself_needs_its_library_or_a_gpu(tiny_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match=r"pip install tensorrt|NVIDIA"):
        export_bundle(tiny_checkpoint, tmp_path / "bundle", engines=EngineRecipe("tensorrt"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("written", ["", "1:2", "1:2:3:4", "a:b:c", "1.5:2:3"])
def test_a_range_as_it_is_written(written: str) -> None:
    assert parse_range("1:3:12") == Range(1, 3, 12)
    with pytest.raises(EngineError, match="LEAST:USUAL:MOST"):
        parse_range(written)


@pytest.mark.parametrize("graph", ["text_encoder", "tick"])
def test_engines_of_two_text_encoders_and_added_conditions(
    graph: GraphName, library: Library, xl_bundle: Path
) -> None:
    """A builder refuses profiles of other inputs than a graph has."""
    assert of_bundle(library, Bundle.open(xl_bundle), graph)


def test_a_profile_of_added_conditions_covers_every_text_and_row(xl_bundle: Path) -> None:
    given = profiles(Bundle.open(xl_bundle), "tick")
    for name, leader in (("pooled", "text"), ("time_ids", "timestep")):
        for bound in ("least", "usual", "most"):
            count, *width = getattr(given[name], bound)
            assert count == getattr(given[leader], bound)[0]
            assert width == [POOLED_WIDTH if name == "pooled" else 6]


def test_a_profile_covers_every_tick_of_its_rows(bundle: Bundle) -> None:
    """From one row of one request to as many requests and texts as rows."""
    given = profiles(bundle, "tick")
    model = bundle.manifest.model
    low, high = 64 // model.downscale, 128 // model.downscale
    assert given["x"].least == (1, model.latent_channels, low, low)
    assert given["x"].most == (6, model.latent_channels, high, high)
    assert given["mix"].most == (6, 6)
    assert given["text"].most[0] == 6
    for profile in given.values():
        assert all(a <= b <= c for a, b, c in zip(*dataclasses.astuple(profile), strict=True))


def _graph(
    node: onnx.NodeProto, inputs: str, shape: tuple[int, ...], opset: int = 21
) -> onnx.ModelProto:
    """One node from ``inputs``, a letter each, to y; the first axis is dynamic."""
    axes: list[str | int | None] = ["B", *shape[1:]]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, axes) for name in (*inputs, "y")
    ]
    graph = helper.make_graph([node], "planted", ports[:-1], ports[-1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
