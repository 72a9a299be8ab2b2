"""One contract for every backend, checked on real graphs of a tiny model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from runtime import BackendFailure, BackendUnavailable, Bundle, Limits, SamplerName
from runtime.backends.base import Array, Backend, Graph, load_backend, probe_all
from runtime.editor import edit_params
from runtime.engine import Engine
from runtime.manifest import GRAPH_NAMES, GraphName, Port
from runtime.progress import Progress
from runtime.request import Request, Status

SUBJECTS = [("fake", "fp32"), ("ort", "fp32"), ("openvino", "fp32"), ("openvino", "auto")]
LIBRARIES = [subject for subject in SUBJECTS if subject[0] != "fake"]
FLOAT32 = [subject for subject in LIBRARIES if subject[1] == "fp32"]


@dataclass
class Subject:
    """A backend with the four graphs of the tiny bundle."""

    bundle: Bundle
    backend: Backend
    graphs: dict[GraphName, Graph]

    def ports(self, graph: GraphName) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
        variant = self.bundle.variant(graph, self.backend.stored)
        return variant.inputs, variant.outputs

    def inputs(self, graph: GraphName, dims: dict[str, int], seed: int = 0) -> dict[str, Array]:
        rng = np.random.default_rng(seed)
        return {port.name: _value(port, dims, rng) for port in self.ports(graph)[0]}

    def dims(self, rows: int, batch: int, h: int = 8, w: int = 8) -> dict[str, int]:
        f = self.bundle.manifest.model.downscale
        length = self.bundle.manifest.tokenizer.max_length
        texts = 1 + rows % 3
        image = {"h": h, "w": w, "H": h * f, "W": w * f}
        return {"R": rows, "B": batch, "T": texts, "L": length, **image}


def _value(port: Port, dims: dict[str, int], rng: np.random.Generator) -> Array:
    shape = _shape(port, dims)
    match port.name:
        case "row_slot":
            values: Array = np.arange(dims["R"]) % dims["B"]
        case "row_text":
            values = np.arange(dims["R"]) % dims["T"]
        case "row_image":
            values = np.arange(dims["R"]) % 2
        case "mix":
            slots = np.arange(dims["R"]) % dims["B"]
            values = rng.normal(size=shape) * (slots == np.arange(dims["B"])[:, None])
        case "timestep":
            values = rng.uniform(0, 999, shape)
        case "coef":  # c_in, p, q, a, b, c, d of a step from sigma 2
            values = np.tile([5**-0.5, 1, -2, 0.7, 0.3, 0.1, 0.2], (dims["B"], 1))
        case "image" if port.dtype == "uint8":
            values = rng.integers(0, 256, shape)
        case "input_ids":
            values = rng.integers(0, 200, shape)
        case _:
            values = rng.normal(size=shape)
    return np.asarray(values, port.dtype)


def _shape(port: Port, dims: dict[str, int]) -> tuple[int, ...]:
    return tuple(dims[size] if isinstance(size, str) else size for size in port.shape)


def _id(subject: tuple[str, str]) -> str:
    return "-".join(subject)


def load(bundle: Bundle, backend: Backend, graph: GraphName) -> Graph:
    path = bundle.graph_path(bundle.variant(graph, backend.stored))
    return backend.load(graph, path, bundle.manifest)


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return Bundle.open(tiny_bundle)


@pytest.fixture(scope="module", params=SUBJECTS, ids=_id)
def subject(bundle: Bundle, request: pytest.FixtureRequest) -> Iterator[Subject]:
    name, precision = request.param
    backend = load_backend(name, precision=precision)
    graphs = {graph: load(bundle, backend, graph) for graph in GRAPH_NAMES}
    yield Subject(bundle, backend, graphs)
    for graph in graphs.values():
        graph.close()


class TestContract:
    """What `runtime.backends.base.Graph` promises."""

    @pytest.mark.parametrize("rows", range(1, 13))
    def test_a_tick_takes_any_rows_requests_and_sizes(self, subject: Subject, rows: int) -> None:
        h, w = [(8, 8), (8, 12), (14, 6)][rows % 3]
        self.check(subject, "tick", subject.dims(rows, min(rows, 1 + rows % 4), h, w))

    @pytest.mark.parametrize("batch", [1, 2, 3, 4])
    @pytest.mark.parametrize("graph", ["text_encoder", "image_encoder", "image_decoder"])
    def test_the_other_graphs_take_any_batch_and_size(
        self, subject: Subject, graph: GraphName, batch: int
    ) -> None:
        h, w = [(8, 8), (8, 12), (14, 6), (17, 9)][batch - 1]
        self.check(subject, graph, subject.dims(batch, batch, h, w))

    def check(self, subject: Subject, graph: GraphName, dims: dict[str, int]) -> None:
        outputs = subject.graphs[graph].run(subject.inputs(graph, dims))
        ports = subject.ports(graph)[1]
        assert set(outputs) == {port.name for port in ports}
        for port in ports:
            array = outputs[port.name]
            assert (array.dtype, array.shape) == (np.dtype(port.dtype), _shape(port, dims))
            assert np.isfinite(array).all()
            assert array.std() > 0 or array.size <= 4

    def test_outputs_belong_to_the_caller(self, subject: Subject) -> None:
        for graph in GRAPH_NAMES:
            dims = subject.dims(3, 1)
            outputs = subject.graphs[graph].run(subject.inputs(graph, dims))
            before = {name: value.copy() for name, value in outputs.items()}
            later = subject.graphs[graph].run(subject.inputs(graph, dims, seed=1))
            for name, value in outputs.items():
                np.testing.assert_array_equal(value, before[name])
                assert not np.shares_memory(value, later[name])
                value[...] = 0  # theirs to change

    def test_inputs_are_only_read_and_only_during_the_call(self, subject: Subject) -> None:
        """Read-only arrays, such as Pillow's pixels, pass; and a caller may reuse its own."""
        for graph in GRAPH_NAMES:
            dims = subject.dims(3, 1)
            inputs, reused = (subject.inputs(graph, dims) for _ in range(2))
            expected = {name: value.copy() for name, value in inputs.items()}
            for value in inputs.values():
                value.flags.writeable = False
            outputs = subject.graphs[graph].run(inputs)
            for name, value in inputs.items():
                np.testing.assert_array_equal(value, expected[name])
            again = subject.graphs[graph].run(reused)
            copies = {name: value.copy() for name, value in again.items()}
            for value in reused.values():
                value[...] = 0
            for name, value in again.items():
                np.testing.assert_array_equal(value, copies[name])
                np.testing.assert_array_equal(value, outputs[name])

    def test_inputs_need_not_be_contiguous(self, subject: Subject) -> None:
        dims = subject.dims(2, 2, 8, 12)
        inputs = subject.inputs("image_decoder", dims)
        latent = inputs["latent"]
        strided = {"latent": np.asfortranarray(latent)[:, :, ::1]}
        assert not strided["latent"].flags.c_contiguous
        graph = subject.graphs["image_decoder"]
        np.testing.assert_array_equal(graph.run(strided)["image"], graph.run(inputs)["image"])

    @pytest.mark.parametrize("name", ["x", "stale", "mix", "row_slot", "timestep", "text"])
    def test_a_missing_input_is_a_failure(self, subject: Subject, name: str) -> None:
        """Also after a call that had it: nothing may be taken from there."""
        inputs = subject.inputs("tick", subject.dims(3, 1))
        subject.graphs["tick"].run(inputs)
        del inputs[name]
        with pytest.raises(BackendFailure, match="tick"):
            subject.graphs["tick"].run(inputs)

    def test_shapes_that_do_not_belong_together_are_a_failure(self, subject: Subject) -> None:
        inputs = subject.inputs("tick", subject.dims(3, 1))
        inputs["image"] = inputs["image"][:, :, :-1]
        with pytest.raises(BackendFailure, match="tick"):
            subject.graphs["tick"].run(inputs)
        # OpenVINO remembers the mismatch until it has run another shape, as a next tick would be.
        for dims in (subject.dims(4, 2), subject.dims(3, 1)):
            subject.graphs["tick"].run(subject.inputs("tick", dims))

    @pytest.mark.parametrize("spoilt", ["x", "image", "history"])
    def test_nan_of_one_request_does_not_reach_its_neighbour(
        self, subject: Subject, spoilt: str
    ) -> None:
        """0 x NaN is NaN, so the mix must leave out other requests' rows, not weigh them by 0."""
        inputs = subject.inputs("tick", subject.dims(6, 2))
        sound = subject.graphs["tick"].run(inputs)
        inputs[spoilt][0] = np.nan
        got = subject.graphs["tick"].run(inputs)
        np.testing.assert_allclose(got["next"][1], sound["next"][1], atol=1e-5)
        np.testing.assert_allclose(got["denoised"][1], sound["denoised"][1], atol=1e-5)
        assert not np.isfinite(got["next"][0]).all()

    def test_nan_of_a_latent_shows_in_the_mean_of_its_picture(self, subject: Subject) -> None:
        inputs = subject.inputs("image_decoder", subject.dims(2, 2))
        inputs["latent"][0] = np.nan
        outputs = subject.graphs["image_decoder"].run(inputs)
        assert np.isfinite(outputs["mean"]).tolist() == [False, True]

    def test_closing_twice_is_allowed(self, subject: Subject) -> None:
        graph = load(subject.bundle, subject.backend, "text_encoder")
        graph.close()
        graph.close()


@pytest.mark.parametrize("which", LIBRARIES, ids=_id)
class TestLibraries:
    """What real libraries do wrong must come out as one kind of error."""

    @pytest.mark.parametrize("content", [b"", b"garbage", b"\x08\x0a" + bytes(200)])
    def test_a_file_that_is_no_graph_is_a_failure(
        self, bundle: Bundle, tmp_path: Path, which: tuple[str, str], content: bytes
    ) -> None:
        (tmp_path / "bad.onnx").write_bytes(content)
        backend = load_backend(which[0], precision=which[1])
        for name in ("bad.onnx", "missing.onnx"):
            with pytest.raises(BackendFailure, match="tick") as caught:
                backend.load("tick", tmp_path / name, bundle.manifest)
            assert caught.value.__cause__ is not None

    def test_inputs_of_another_type_or_name_are_a_failure(
        self, bundle: Bundle, which: tuple[str, str]
    ) -> None:
        graph = load(bundle, load_backend(which[0], precision=which[1]), "text_encoder")
        ids = np.zeros((1, bundle.manifest.tokenizer.max_length), np.int32)
        graph.run({"input_ids": ids})
        wrong: list[dict[str, Any]] = [
            {"input_ids": ids.astype(np.int64)},
            {"input_ids": ids.astype(np.float32)},
            {"input_ids": ids, "mask": ids},
            {"ids": ids},
            {},
        ]
        for inputs in wrong:
            with pytest.raises(BackendFailure, match="text_encoder"):
                graph.run(inputs)


@pytest.mark.parametrize(
    ("which", "tolerance"), [(("fake", "fp32"), 0.0), *((library, 1e-4) for library in FLOAT32)]
)
def test_a_mixed_batch_of_eight_equals_the_solo_runs(
    bundle: Bundle, which: tuple[str, str], tolerance: float
) -> None:
    """Final latents, whatever shares the ticks: each request has its own of every setting."""
    engine = Engine(bundle, load_backend(which[0], precision=which[1]), Limits(max_rows=24))
    pictures = [picture(size, seed) for seed, size in enumerate([(32, 32)] * 6 + [(48, 32)] * 2)]
    scales = [(7.5, 1.5), (7.5, 1.0), (1.5, 1.5), (3.0, 2.0), (1.0, 1.0), (0.5, 0.0)]
    scales += [(5.0, 1.2), (2.0, 0.8)]
    mix: list[dict[str, Any]] = [
        {
            "sampler": list(SamplerName)[i % 6],
            "steps": 2 + i,
            "text_guidance": scales[i][0],
            "image_guidance": scales[i][1],
            "negative_instruction": "red sky " * i,
            "seed": i,
            "max_size": 64,
        }
        for i in range(8)
    ]
    together = latents(engine, list(zip(pictures, mix, strict=True)))
    for index, edit in enumerate(zip(pictures, mix, strict=True)):
        (alone,) = latents(engine, [edit])
        error = np.abs(together[index] - alone).max() / max(1.0, np.abs(alone).max())
        assert error <= tolerance, (index, mix[index])
    assert engine.stats().done == 16
    engine.close()


def picture(size: tuple[int, int], seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def latents(engine: Engine, edits: list[tuple[Image.Image, dict[str, Any]]]) -> list[Array]:
    """Of each edit after its last step, all of them run together."""
    seen: dict[int, Array] = {}
    requests: list[Request] = []

    def watch(index: int) -> Any:
        def on_step(progress: Progress) -> None:
            held = requests[index].latents
            assert held is not None
            seen[index] = held.x

        return on_step

    for index, (image, overrides) in enumerate(edits):
        params = edit_params(engine.manifest, "make it night", overrides)
        requests.append(engine.prepare(image, params, watch(index)))
        engine.add(requests[-1])
    while not engine.idle:
        engine.step()
    assert all(request.status is Status.DONE for request in requests)
    return [seen[index] for index in range(len(edits))]


def gpu() -> bool:
    return any(probe.usable and probe.device != "cpu" for probe in probe_all())


@pytest.mark.parametrize(
    ("name", "device", "precision", "remedy"),
    [
        ("torch", "auto", "auto", "choose auto, openvino, ort, tensorrt, tensorrt-rtx, fake"),
        ("openvino", "cuda", "auto", "use ort"),
        ("openvino", "cpu", "int8", "openvino computes in fp32"),
        ("ort", "mps", "auto", "cpu, cuda, tensorrt"),
        ("ort", "cpu", "bf16", "fp32 or fp16"),
        ("auto", "mps", "auto", "no backend for device 'mps'"),
        pytest.param("ort", "cuda", "auto", r"\.\[gpu\]|nvidia-smi", id="ort-cuda"),
        pytest.param("ort", "tensorrt", "auto", r"\.\[gpu\]|nvidia-smi", id="ort-tensorrt"),
        pytest.param("auto", "cuda", "auto", r"\.\[gpu\]|nvidia-smi", id="auto-cuda"),
    ],
)
def test_what_this_machine_cannot_do_is_unavailable_with_a_remedy(
    name: str, device: str, precision: str, remedy: str
) -> None:
    if device in ("cuda", "tensorrt") and gpu():
        pytest.skip("this machine has a GPU")
    with pytest.raises(BackendUnavailable, match=remedy):
        load_backend(name, device=device, precision=precision)


@pytest.mark.parametrize(
    ("library", "name", "extra"),
    [("openvino", "openvino", "serve"), ("onnxruntime", "ort", "export")],
)
def test_a_library_that_is_not_installed_is_unavailable_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, library: str, name: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)  # importing it raises ImportError
    with pytest.raises(BackendUnavailable, match=rf"pip install -e '\.\[{extra}\]'"):
        load_backend(name)
    assert load_backend("auto").name != name


def test_without_any_library_every_reason_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("openvino", "onnxruntime"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(BackendUnavailable, match="openvino on cpu: .*ort on cpu: .*ort on cuda"):
        load_backend()


def test_every_backend_and_device_has_a_line_of_its_own() -> None:
    probes = probe_all()
    lines = [(probe.backend, probe.device) for probe in probes]
    assert lines == [
        ("openvino", "cpu"),
        *(("ort", device) for device in ("cpu", "cuda", "tensorrt")),
        *((library, "cuda") for library in ("tensorrt", "tensorrt-rtx")),
    ]
    for probe in probes:
        assert probe.why
        assert probe.precision if probe.usable else probe.fix


def test_auto_takes_what_its_probe_recommends() -> None:
    first = next(probe for probe in probe_all() if probe.usable)
    backend = load_backend()
    assert (backend.name, backend.device) == (first.backend, first.device)
    assert backend.precision == first.precision
