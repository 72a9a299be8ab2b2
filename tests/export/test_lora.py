"""LoRA weights at export, with diffusers' own loading as the oracle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from export.checkpoint import open_checkpoint
from export.errors import LoraError
from export.lora import Lora, check_lora, merge_lora, parse_lora

TARGETS = {
    "unet": ["to_q", "to_v", "to_out.0", "conv1"],
    "text_encoder": ["q_proj", "fc1"],
}


@pytest.fixture(scope="module")
def trained(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA of rank 3 and alpha 6 on both models, as a peft training run saves it."""
    folder = tmp_path_factory.mktemp("lora")
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(tiny_checkpoint)
    torch.manual_seed(0)
    layers: dict[str, dict[str, Tensor]] = {}
    metadata = {}
    for component, targets in TARGETS.items():
        model = getattr(pipeline, component)
        config = LoraConfig(r=3, lora_alpha=6, target_modules=targets, init_lora_weights=False)
        model.add_adapter(config)
        layers[component] = get_peft_model_state_dict(model)
        metadata[f"{component}_lora_adapter_metadata"] = config.to_dict()
    StableDiffusionInstructPix2PixPipeline.save_lora_weights(
        folder,
        unet_lora_layers=layers["unet"],
        text_encoder_lora_layers=layers["text_encoder"],
        **metadata,
    )
    return folder / "pytorch_lora_weights.safetensors"


def merged(checkpoint: Path, component: str, *loras: Lora) -> dict[str, Tensor]:
    module: nn.Module = open_checkpoint(checkpoint).load(component)
    for lora in loras:
        merge_lora(lora, component, module)
    return dict(module.state_dict())


def same(one: dict[str, Tensor], other: dict[str, Tensor], tolerance: float = 1e-6) -> bool:
    assert one.keys() == other.keys()
    return all(torch.allclose(one[key], other[key], atol=tolerance, rtol=0) for key in one)


@pytest.mark.parametrize("weight", [1.0, 0.5, -2.0])
def test_merging_is_what_diffusers_fuses(
    weight: float, trained: Path, tiny_checkpoint: Path
) -> None:
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(tiny_checkpoint)
    pipeline.load_lora_weights(trained)
    pipeline.fuse_lora(lora_scale=weight)
    pipeline.unload_lora_weights()
    for component in TARGETS:
        got = merged(tiny_checkpoint, component, Lora(trained, weight))
        assert same(got, getattr(pipeline, component).state_dict())
        assert not same(got, merged(tiny_checkpoint, component), 1e-3)


def test_the_strength_of_training_counts(trained: Path, tiny_checkpoint: Path) -> None:
    """W + alpha / r B A, with alpha = 2 r here."""
    tensors = load_file(trained)
    name = next(key for key in tensors if key.endswith("to_q.lora_A.weight"))
    change = tensors[name.replace("lora_A", "lora_B")] @ tensors[name]
    layer = name.removeprefix("unet.").replace("lora_A.", "")
    before, after = (
        merged(tiny_checkpoint, "unet", *loras)[layer] for loras in ((), (Lora(trained),))
    )
    assert torch.allclose(after - before, 2 * change, atol=1e-5)


def test_opposite_weights_cancel(trained: Path, tiny_checkpoint: Path) -> None:
    both = (Lora(trained, 0.7), Lora(trained, -0.7))
    for component in TARGETS:
        plain = merged(tiny_checkpoint, component)
        assert same(merged(tiny_checkpoint, component, *both), plain, 1e-5)


def test_a_lora_of_another_model(trained: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
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
            merged(tiny_checkpoint, "unet", Lora(path))


@pytest.mark.parametrize("names", [["transformer.x.lora_A.weight"], []])
def test_a_file_about_something_else(names: list[str], tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({name: torch.zeros(1) for name in names}, path)
    with pytest.raises(LoraError, match="weights of unet and text_encoder serve"):
        check_lora(Lora(path))


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(json.dumps({"no": "tensors"}).encode())
    with pytest.raises(LoraError, match=r"damaged\.safetensors cannot be read"):
        check_lora(Lora(path))


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
