"""LoRA weights at export, with diffusers' own loading as the oracle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor

from export.assemble import export_bundle
from export.checkpoint import open_checkpoint
from export.errors import LoraError
from export.lora import Lora, parse_lora
from tests.tiny_lora import adapted, write_tiny_lora


@pytest.fixture(scope="module", params=["tiny_checkpoint", "xl_checkpoint"])
def checkpoint(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


@pytest.fixture(scope="module")
def trained(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA of rank 3 and alpha 6 on all models, as a peft training run saves it."""
    return write_tiny_lora(checkpoint, tmp_path_factory.mktemp("lora"))


def merged(checkpoint: Path, component: str, *loras: Lora) -> dict[str, Tensor]:
    return dict(open_checkpoint(checkpoint, loras).load(component).state_dict())


def same(one: dict[str, Tensor], other: dict[str, Tensor], tolerance: float = 1e-6) -> bool:
    assert one.keys() == other.keys()
    return all(torch.allclose(one[key], other[key], atol=tolerance, rtol=0) for key in one)


@pytest.mark.parametrize("weight", [1.0, 0.5, -2.0])
def test_merging_is_what_diffusers_fuses(weight: float, trained: Path, checkpoint: Path) -> None:
    pipeline = DiffusionPipeline.from_pretrained(checkpoint)
    pipeline.load_lora_weights(trained)
    pipeline.fuse_lora(lora_scale=weight)
    pipeline.unload_lora_weights()
    for component in adapted(checkpoint):
        got = merged(checkpoint, component, Lora(trained, weight))
        assert same(got, getattr(pipeline, component).state_dict())
        assert not same(got, merged(checkpoint, component), 1e-3)


def test_the_strength_of_training_counts(trained: Path, checkpoint: Path) -> None:
    """W + alpha / r B A, with alpha = 2 r here."""
    tensors = load_file(trained)
    name = next(key for key in tensors if key.endswith("to_q.lora_A.weight"))
    change = tensors[name.replace("lora_A", "lora_B")] @ tensors[name]
    layer = name.removeprefix("unet.").replace("lora_A.", "")
    before, after = (merged(checkpoint, "unet", *loras)[layer] for loras in ((), (Lora(trained),)))
    assert torch.allclose(after - before, 2 * change, atol=1e-5)


def test_opposite_weights_cancel(trained: Path, checkpoint: Path) -> None:
    both = (Lora(trained, 0.7), Lora(trained, -0.7))
    for component in adapted(checkpoint):
        plain = merged(checkpoint, component)
        assert same(merged(checkpoint, component, *both), plain, 1e-5)


def test_a_lora_of_another_model(trained: Path, checkpoint: Path, tmp_path: Path) -> None:
    tensors = load_file(trained)
    name = next(key for key in tensors if key.startswith("unet.") and "to_q.lora_A" in key)
    pair = [name, name.replace("lora_A", "lora_B")]
    for what, changed in {
        "shape": {name: tensors[name][:, :5].contiguous()},
        "place": {key.replace("to_q", "to_nowhere"): tensors[key].clone() for key in pair},
    }.items():
        path = tmp_path / f"{what}.safetensors"
        save_file(tensors | changed, path)
        with pytest.raises(LoraError, match=f"{what}.safetensors does not fit this unet"):
            merged(checkpoint, "unet", Lora(path))


@pytest.mark.parametrize("names", [["transformer.x.lora_A.weight"], []])
def test_a_file_about_something_else(names: list[str], checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({name: torch.zeros(1) for name in names}, path)
    with pytest.raises(LoraError, match=f"weights of {' and '.join(adapted(checkpoint))} serve"):
        open_checkpoint(checkpoint, [Lora(path)])


def test_a_lora_of_another_kind_of_checkpoint(
    trained: Path, checkpoint: Path, tiny_checkpoint: Path, xl_checkpoint: Path
) -> None:
    """The second text encoder gives one away before weights are loaded, shapes the other."""
    other = xl_checkpoint if checkpoint == tiny_checkpoint else tiny_checkpoint
    named = "does not fit this unet" if other == xl_checkpoint else "holds text_encoder_2"
    with pytest.raises(LoraError, match=named):
        merged(other, "unet", Lora(trained))


@pytest.mark.parametrize(
    ("name", "component", "layer"),
    [
        # They number the UNet's blocks through, two to each of its blocks.
        ("unet_input_blocks_3_0_emb_layers_1", "unet", "down_blocks.1.resnets.0.time_emb_proj"),
        ("unet_output_blocks_1_0_emb_layers_1", "unet", "up_blocks.0.resnets.1.time_emb_proj"),
        (
            "te2_text_model_encoder_layers_1_self_attn_out_proj",
            "text_encoder_2",
            "encoder.layers.1.self_attn.out_proj",
        ),
    ],
)
def test_kohyas_names_for_an_xl_checkpoint(
    name: str, component: str, layer: str, xl_checkpoint: Path, tmp_path: Path
) -> None:
    plain = merged(xl_checkpoint, component)
    layer = next(key for key in plain if key.endswith(f"{layer}.weight"))
    down, up = torch.randn(3, plain[layer].shape[1]), torch.randn(plain[layer].shape[0], 3)
    path = tmp_path / "kohya.safetensors"
    named = {"lora_down.weight": down, "lora_up.weight": up, "alpha": torch.tensor(1.5)}
    save_file({f"lora_{name}.{part}": tensor for part, tensor in named.items()}, path)
    changed = merged(xl_checkpoint, component, Lora(path, 0.5))
    assert torch.allclose(changed[layer] - plain[layer], 0.5 * 1.5 / 3 * up @ down, atol=1e-5)
    assert same(changed, plain | {layer: changed[layer]})


def test_a_damaged_file(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(json.dumps({"no": "tensors"}).encode())
    with pytest.raises(LoraError, match=r"damaged\.safetensors cannot be read"):
        open_checkpoint(checkpoint, [Lora(path)])
    stages: list[str] = []
    with pytest.raises(LoraError):
        export_bundle(checkpoint, tmp_path / "bundle", loras=[Lora(path)], on_stage=stages.append)
    assert stages == []  # before minutes of export
    assert list(tmp_path.iterdir()) == [path]


def test_how_a_lora_is_written(tmp_path: Path) -> None:
    path = tmp_path / "style.safetensors"
    path.touch()
    assert parse_lora(str(path)) == Lora(path, 1.0)
    assert parse_lora(f"{path}:-0.5") == Lora(path, -0.5)
    for text, named in {
        f"{path}:much": "weight 'much'",
        f"{path}:nan": r"weight nan .* not in \[-10, 10\]",
        f"{path}:11": "weight 11",
        f"{tmp_path}/none.safetensors": "is no safetensors file",
        f"{tmp_path}/style.bin:1": "is no safetensors file",
    }.items():
        with pytest.raises(LoraError, match=named):
            parse_lora(text)
