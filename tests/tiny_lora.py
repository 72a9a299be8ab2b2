"""A LoRA for the tiny checkpoints, as a peft training run saves it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from diffusers import DiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

_TARGETS: Final = {
    "unet": ["to_q", "to_v", "to_out.0", "conv1"],
    "text_encoder": ["q_proj", "fc1"],
    "text_encoder_2": ["v_proj", "fc2"],
}


def write_tiny_lora(checkpoint: Path, folder: Path) -> Path:
    """Of rank 3 and alpha 6, on all models that a LoRA can change; returns the file in `folder`."""
    pipeline = DiffusionPipeline.from_pretrained(checkpoint)
    torch.manual_seed(0)
    layers = {}
    metadata = {}
    for component in adapted(checkpoint):
        model = getattr(pipeline, component)
        config = LoraConfig(
            r=3, lora_alpha=6, target_modules=_TARGETS[component], init_lora_weights=False
        )
        model.add_adapter(config)
        layers[f"{component}_lora_layers"] = get_peft_model_state_dict(model)
        metadata[f"{component}_lora_adapter_metadata"] = config.to_dict()
    pipeline.save_lora_weights(folder, **layers, **metadata)
    return folder / "pytorch_lora_weights.safetensors"


def adapted(checkpoint: Path) -> list[str]:
    """The models that a LoRA can change."""
    return [component for component in _TARGETS if (checkpoint / component).exists()]
