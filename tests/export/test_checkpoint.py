"""What is no editing checkpoint is refused with its reason, before anything is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
from safetensors.torch import load_file, save_file

from export.checkpoint import open_checkpoint
from export.errors import CheckpointError

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def checkpoint(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_good_checkpoint_opens_and_loads_in_float32(tiny_checkpoint: Path) -> None:
    opened = open_checkpoint(tiny_checkpoint)
    unet = opened.load("unet")
    assert {str(p.dtype) for p in unet.parameters()} == {"torch.float32"}
    assert not unet.training


def test_config_entries_left_out_are_those_of_the_class(checkpoint: Path) -> None:
    path = checkpoint / "vae" / "config.json"
    config = json.loads(path.read_text())
    del config["scaling_factor"], config["latent_channels"]
    path.write_text(json.dumps(config))
    opened = open_checkpoint(checkpoint)
    assert opened.configs["vae"]["scaling_factor"] == 0.18215
    assert opened.configs["vae"]["latent_channels"] == 4


def test_a_condition_pooled_from_the_text_itself_is_no_further_one(checkpoint: Path) -> None:
    edit_json(checkpoint / "unet" / "config.json", addition_embed_type="text")
    assert open_checkpoint(checkpoint).configs["unet"]["addition_embed_type"] == "text"


@pytest.mark.parametrize("kind", ["missing", "empty", "file"])
def test_not_a_checkpoint(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    if kind == "empty":
        path.mkdir()
    if kind == "file":
        path.write_bytes(b"weights")
    reason = {"missing": "there is no checkpoint", "empty": "no model_index.json", "file": "a file"}
    with pytest.raises(CheckpointError, match=reason[kind]):
        open_checkpoint(path)


def another_pipeline(path: Path) -> None:
    edit_json(path / "model_index.json", _class_name="StableDiffusionImg2ImgPipeline")


def text_to_image(path: Path) -> None:
    edit_json(path / "model_index.json", _class_name="StableDiffusionPipeline")


def text_to_image_xl(path: Path) -> None:
    edit_json(path / "model_index.json", _class_name="StableDiffusionXLPipeline")


def four_channels(path: Path) -> None:
    edit_json(path / "unet" / "config.json", in_channels=4)


def nine_channels(path: Path) -> None:
    edit_json(path / "unet" / "config.json", in_channels=9)


def further_conditions(path: Path) -> None:
    edit_json(path / "unet" / "config.json", addition_embed_type="text_time")


def other_text_width(path: Path) -> None:
    edit_json(path / "text_encoder" / "config.json", hidden_size=48)


def attention_mask(path: Path) -> None:
    edit_json(path / "text_encoder" / "config.json", use_attention_mask=True)


def no_vae_folder(path: Path) -> None:
    shutil.rmtree(path / "vae")


def no_vae_entry(path: Path) -> None:
    edit_json(path / "model_index.json", vae=[None, None])


def other_vae(path: Path) -> None:
    edit_json(path / "model_index.json", vae=["diffusers", "AutoencoderDC"])


def other_text_encoder(path: Path) -> None:
    edit_json(path / "model_index.json", text_encoder=["transformers", "T5EncoderModel"])


def pickled(path: Path) -> None:
    (path / "unet" / WEIGHTS).rename(path / "unet" / "diffusion_pytorch_model.bin")


def no_weights(path: Path) -> None:
    (path / "unet" / WEIGHTS).unlink()


def broken_json(path: Path) -> None:
    (path / "unet" / "config.json").write_text('{"in_channels": 8')


def json_list(path: Path) -> None:
    (path / "unet" / "config.json").write_text("[]")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (another_pipeline, "StableDiffusionImg2ImgPipeline checkpoint; only StableDiffusionIns"),
        (text_to_image, "a text-to-image checkpoint, not an editing one; give one that Stable"),
        (text_to_image_xl, "a text-to-image checkpoint, not .* or StableDiffusionXLInstruct"),
        (four_channels, "a text-to-image checkpoint, not an editing one"),
        (nine_channels, "9 input and 4 output channels"),
        (further_conditions, "further conditions .addition_embed_type 'text_time'"),
        (other_text_width, "width 32, the text encoder gives 48"),
        (attention_mask, "attention mask"),
        (no_vae_folder, "no vae directory"),
        (no_vae_entry, "names no vae"),
        (other_vae, "AutoencoderDC, which is not exported; supported: AutoencoderKL, Autoenc"),
        (other_text_encoder, "T5EncoderModel, which is not exported; supported: CLIPTextModel"),
        (pickled, r"pickled weights only \(diffusion_pytorch_model.bin\)"),
        (no_weights, "holds no weights"),
        (broken_json, "config.json cannot be read"),
        (json_list, "holds a list, not an object"),
    ],
)
def test_unsupported_checkpoints(
    checkpoint: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(checkpoint)
    with pytest.raises(CheckpointError, match=reason):
        open_checkpoint(checkpoint)


def truncated(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"\xff" * 1000)


def without_a_tensor(path: Path) -> None:
    tensors = load_file(path)
    del tensors["conv_in.weight"]
    save_file(tensors, path, metadata={"format": "pt"})


def of_another_shape(path: Path) -> None:
    tensors = load_file(path)
    tensors["conv_in.weight"] = tensors["conv_in.weight"][:, :4].contiguous()
    save_file(tensors, path, metadata={"format": "pt"})


@pytest.mark.parametrize("damage", [truncated, empty, garbage, without_a_tensor, of_another_shape])
def test_damaged_weights(checkpoint: Path, damage: Callable[[Path], None]) -> None:
    damage(checkpoint / "unet" / WEIGHTS)
    with pytest.raises(CheckpointError, match="unet"):
        open_checkpoint(checkpoint).load("unet")


def test_half_precision_weight_files_are_found(checkpoint: Path) -> None:
    (checkpoint / "unet" / WEIGHTS).rename(
        checkpoint / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    )
    assert open_checkpoint(checkpoint).load("unet") is not None


def test_a_hub_id_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match="no directory timbrooks/instruct-pix2pix, and it"):
        open_checkpoint("timbrooks/instruct-pix2pix")
