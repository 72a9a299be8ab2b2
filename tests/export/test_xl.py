"""Checkpoints like SDXL's and CosXL's: what is exported of them, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import EDMEulerScheduler, StableDiffusionXLInstructPix2PixPipeline

from export.assemble import export_bundle
from export.checkpoint import open_checkpoint
from export.engines.build import build_engine
from export.engines.profiles import Shapes, profiles_of
from export.engines.recipe import Options
from export.errors import CheckpointError
from export.facts import model_facts, noise_schedule
from export.graphs import build_graph
from export.precision import reduce_timestep, to_half
from export.quiet import quiet
from export.reference import EagerEdit, Probe, picture, run_eager
from export.to_onnx import save, to_onnx
from runtime.backends.base import load_backend
from runtime.bundle import Bundle
from runtime.errors import BackendUnavailable
from runtime.manifest import GRAPH_NAMES, Manifest
from runtime.nvidia.library import open_library
from runtime.ports import ports_of
from tests.fake_bundle import write_fake_bundle
from tests.tiny import MAX_LENGTH, TEXT_WIDTH
from tests.tiny_xl import COSXL, POOLED_WIDTH, TEXT_WIDTH_2


@pytest.fixture
def copy(xl_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(xl_checkpoint, tmp_path / "checkpoint"))


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edm(path: Path, scales: bool | None = True, **changes: Any) -> None:
    """Give the checkpoint CosXL's scheduler, with `changes`."""
    config = COSXL | changes
    (path / "scheduler" / "scheduler_config.json").write_text(json.dumps(config))
    edit_json(path / "model_index.json", scheduler=["diffusers", config["_class_name"]])
    if scales is not None:
        edit_json(path / "model_index.json", is_cosxl_edit=scales)


def probe(checkpoint: Path) -> Probe:
    return Probe(model_facts(open_checkpoint(checkpoint)), 2, 6, 8, MAX_LENGTH, 500, 5.0)


def test_the_facts_of_an_xl_checkpoint(xl_checkpoint: Path, copy: Path) -> None:
    model = model_facts(open_checkpoint(xl_checkpoint))
    assert (model.text_width, model.pooled_width) == (TEXT_WIDTH + TEXT_WIDTH_2, POOLED_WIDTH)
    assert model.zero_empty_text
    edit_json(copy / "model_index.json", force_zeros_for_empty_prompt=False)
    assert not model_facts(open_checkpoint(copy)).zero_empty_text


def test_the_schedule_of_cosxl_is_what_its_scheduler_spans(copy: Path) -> None:
    edm(copy)
    schedule = noise_schedule(open_checkpoint(copy))
    assert schedule.continuous
    sigmas = np.sqrt(1 / np.array(schedule.alphas_cumprod) - 1)
    own = EDMEulerScheduler.from_config(COSXL).sigmas
    np.testing.assert_allclose(sigmas, [own[-2], own[0]], rtol=1e-5)


def test_the_text_encoders_give_what_the_pipeline_encodes(xl_checkpoint: Path) -> None:
    checkpoint = open_checkpoint(xl_checkpoint)
    with quiet():
        pipeline = StableDiffusionXLInstructPix2PixPipeline.from_pretrained(xl_checkpoint)
    ids = [
        checkpoint.tokenizer(name)(
            ["make it night", ""], padding="max_length", return_tensors="pt"
        ).input_ids.int()
        for name in checkpoint.texts
    ]
    assert not torch.equal(*ids)  # they pad differently
    with torch.no_grad():
        states, pooled = build_graph("text_encoder", checkpoint)(*ids)
        expected = pipeline.encode_prompt("make it night", negative_prompt="")
    for ours, (theirs, negative) in ((states, expected[:2]), (pooled, expected[2:])):
        assert torch.allclose(ours, torch.cat([theirs, negative]), atol=1e-5)


def test_cosxl_is_shown_scaled_latents(cosxl_checkpoint: Path) -> None:
    given = probe(cosxl_checkpoint).inputs("image_encoder")["image"]
    graph: Any = build_graph("image_encoder", open_checkpoint(cosxl_checkpoint))
    with torch.no_grad():
        latent = graph.vae.encode(given.permute(0, 3, 1, 2) / 127.5 - 1).latent_dist.mode()
        assert torch.allclose(graph(given), latent * 0.18215, atol=1e-5)


@pytest.mark.parametrize("fixture", ["xl_checkpoint", "cosxl_checkpoint"])
def test_the_eager_edit_is_that_of_the_pipeline(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(fixture)
    checkpoint = open_checkpoint(path)
    pixels = picture(1, 48, 64, torch.Generator().manual_seed(2))
    edit = EagerEdit(checkpoint, pixels, MAX_LENGTH)
    for name in GRAPH_NAMES:
        edit.advance(name, build_graph(name, checkpoint))
    with quiet():
        pipeline = StableDiffusionXLInstructPix2PixPipeline.from_pretrained(path)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = edit._scheduler
    expected = pipeline(
        edit.instruction,
        image=pixels.permute(0, 3, 1, 2) / 255,
        width=64,
        height=48,
        num_inference_steps=edit.steps,
        guidance_scale=7.5,
        generator=torch.Generator().manual_seed(edit.seed),
        output_type="np",
    ).images[0]
    assert edit.result is not None
    levels = np.round(expected * 255)
    assert levels.std() > 10
    assert np.abs(edit.result - levels).max() <= 1


def test_half_precision_ticks_run_as_stored_and_become_engines(
    xl_checkpoint: Path, tmp_path: Path
) -> None:
    """Pooled text and sinusoids meet in one tensor: of one type, or no library takes the graph."""
    checkpoint = open_checkpoint(xl_checkpoint)
    model = model_facts(checkpoint)
    ports, given = ports_of(model)["tick"], probe(xl_checkpoint).inputs("tick")
    module: Any = build_graph("tick", checkpoint)
    wanted = run_eager(module, given, ports)
    reduce_timestep(module.unet)
    to_half(module)
    save(to_onnx("tick", module, given, ports), tmp_path / "tick.onnx")
    bundle = Bundle.open(write_fake_bundle(tmp_path / "fake", **vars_of(model)))
    backend = load_backend("ort", device="cpu")
    graph = backend.load("tick", tmp_path / "tick.onnx", bundle.manifest)
    rows = graph.run(wanted.inputs)["rows"]
    assert np.abs(rows - wanted.outputs["rows"]).max() < 2e-2 * np.abs(rows).max()
    profiles = profiles_of("tick", model, MAX_LENGTH, Shapes())
    library, options = open_library("tensorrt-rtx"), Options(("8.6",))
    assert build_engine(library, "tick", tmp_path / "tick.onnx", "fp16", profiles, options).plan


def vars_of(model: Any) -> dict[str, Any]:
    return {name: getattr(model, name) for name in model.__dataclass_fields__}


def test_sizes_have_the_sinusoids_of_the_unet(xl_checkpoint: Path) -> None:
    unet: Any = open_checkpoint(xl_checkpoint).load("unet")
    sizes = torch.tensor([[8.0, 504, 0, 0, 1000, 999], [1024, 1023, 0, 0, 64, 2048]])
    added = {"text_embeds": torch.randn(2, POOLED_WIDTH), "time_ids": sizes}
    with torch.no_grad():
        stock = unet.get_aug_embed(torch.zeros(1), torch.zeros(1), added)
        reduce_timestep(unet)
        assert torch.allclose(
            unet.get_aug_embed(torch.zeros(1), torch.zeros(1), added), stock, atol=2e-4
        )


def test_sizes_survive_bfloat16(xl_bundle: Path) -> None:
    """Rounded before the sinusoids, 1023 would become 1024 and 999 become 1000."""
    try:
        backend = load_backend("openvino", precision="bf16")
    except BackendUnavailable:
        pytest.skip("this processor has no bf16 units")
    bundle = Bundle.open(xl_bundle)
    path = bundle.graph_path(bundle.manifest.graphs["tick"][0])
    rounded = backend.load("tick", path, bundle.manifest)
    exact = load_backend("ort", device="cpu").load("tick", path, bundle.manifest)
    probed = Probe(bundle.manifest.model, 2, 8, 8, MAX_LENGTH, 500, 5.0).inputs("tick")
    given = {name: tensor.numpy() for name, tensor in probed.items()}
    error = {}
    for sizes in ([16, 32], [1023, 999]):
        given["time_ids"][:] = [*sizes, 0, 0, *sizes]
        gap = rounded.run(given)["rows"] - exact.run(given)["rows"]
        error[sizes[0]] = float(np.square(gap).mean() ** 0.5)
    assert error[1023] < 2 * error[16]


def one_encoder(path: Path) -> None:
    edit_json(path / "model_index.json", text_encoder=[None, None])


def not_projected(path: Path) -> None:
    edit_json(path / "model_index.json", text_encoder_2=["transformers", "CLIPTextModel"])


def aesthetic_score(path: Path) -> None:
    config = json.loads((path / "unet" / "config.json").read_text())
    width = POOLED_WIDTH + 5 * config["addition_time_embed_dim"]
    edit_json(path / "unet" / "config.json", projection_class_embeddings_input_dim=width)


def no_added_conditions(path: Path) -> None:
    edit_json(path / "unet" / "config.json", addition_embed_type=None)


def image_conditions(path: Path) -> None:
    edit_json(path / "unet" / "config.json", addition_embed_type="image")


def other_text_width(path: Path) -> None:
    edit_json(path / "text_encoder_2" / "config.json", hidden_size=64)


def normalised_latents(path: Path) -> None:
    edit_json(path / "vae" / "config.json", latents_mean=[0.0] * 4, latents_std=[1.0] * 4)


def no_second_tokenizer(path: Path) -> None:
    shutil.rmtree(path / "tokenizer_2")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (one_encoder, "names no text_encoder"),
        (not_projected, "CLIPTextModel, which is not .* supported: CLIPTextModelWithProjection"),
        (aesthetic_score, "width 64, but the pooled text .24. and 6 sizes .8 each. have 72; aesth"),
        (no_added_conditions, "addition_embed_type None; .* two text encoders has 'text_time'"),
        (image_conditions, "further conditions .addition_embed_type 'image'"),
        (other_text_width, "attends to text of width 80, the text encoders give 32 and 64"),
        (normalised_latents, "states latents_mean; only latents scaled by scaling_factor alone"),
        (no_second_tokenizer, "no tokenizer_2 directory"),
    ],
)
def test_unsupported_checkpoints(copy: Path, damage: Callable[[Path], None], reason: str) -> None:
    damage(copy)
    with pytest.raises(CheckpointError, match=reason):
        open_checkpoint(copy)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("prediction_type", "epsilon"),
        ("sigma_data", 0.5),
        ("sigma_schedule", "karras"),
        ("final_sigmas_type", "sigma_min"),
    ],
)
def test_other_continuous_schedules_are_refused(copy: Path, option: str, value: Any) -> None:
    edm(copy, **{option: value})
    reason = f"EDMEulerScheduler has {option} {value!r}.*which has {COSXL.get(option, 'zero')!r}"
    with pytest.raises(CheckpointError, match=reason):
        noise_schedule(open_checkpoint(copy))


def test_whether_cosxl_scales_pictures_is_not_guessed(copy: Path) -> None:
    """`save_pretrained` drops what decides it."""
    edm(copy, scales=None)
    with pytest.raises(CheckpointError, match='add "is_cosxl_edit": true'):
        noise_schedule(open_checkpoint(copy))
    edm(copy, scales=False)
    assert noise_schedule(open_checkpoint(copy)).continuous
    assert not open_checkpoint(copy).scales_pictures


def test_tokenizers_of_two_lengths_are_refused(copy: Path, tmp_path: Path) -> None:
    edit_json(copy / "tokenizer_2" / "tokenizer_config.json", model_max_length=9)
    with pytest.raises(CheckpointError, match="cut texts to 16 and 9 ids; give both the same"):
        export_bundle(copy, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_bundle_names_both_tokenizers(xl_bundle: Path) -> None:
    manifest = Manifest.loads((xl_bundle / "manifest.json").read_text())
    first, second = manifest.tokenizers()
    assert (first.file.path, second.file.path) == ("tokenizer.json", "tokenizer_2.json")
    assert first.pad_token_id != second.pad_token_id
    assert {line.output for line in manifest.parity} >= {"text", "pooled", "next", "image"}
