"""The tiny checkpoint of tests/tiny.py in the shape of Stable Diffusion XL, or of CosXL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch

from export.quiet import quiet
from tests.tiny import (
    MAX_LENGTH,
    MODEL_CARD,
    TEXT_WIDTH,
    autoencoder,
    scheduler_config,
    text_encoder,
    tiny_tokenizer,
    tiny_unet,
)

with quiet():
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLInstructPix2PixPipeline
    from transformers import CLIPTextModelWithProjection

TEXT_WIDTH_2 = 48
POOLED_WIDTH = 24
_TIME_WIDTH = 8
COSXL = {
    "_class_name": "EDMEulerScheduler",
    "sigma_min": 0.002,
    "sigma_max": 120.0,
    "sigma_data": 1.0,
    "sigma_schedule": "exponential",
    "prediction_type": "v_prediction",
}


def write_tiny_xl_checkpoint(
    path: Path,
    *,
    vae: Literal["kl", "tiny"] = "kl",
    scheduler: dict[str, Any] | None = None,
    index: dict[str, Any] | None = None,
    seed: int = 0,
) -> Path:
    """Write an SDXL InstructPix2Pix checkpoint of ~0.5 M parameters and return its path.

    `scheduler` is its scheduler's whole file, `index` overrides entries of model_index.json.
    """
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(seed)
        pipeline = StableDiffusionXLInstructPix2PixPipeline(
            vae=autoencoder(vae),
            text_encoder=_unit(text_encoder(num_hidden_layers=2)),
            text_encoder_2=_unit(
                text_encoder(
                    CLIPTextModelWithProjection,
                    num_hidden_layers=3,
                    hidden_size=TEXT_WIDTH_2,
                    projection_dim=POOLED_WIDTH,
                )
            ),
            tokenizer=tiny_tokenizer(),
            tokenizer_2=tiny_tokenizer(pad_token="!"),  # as SDXL's: other padding, the same words
            unet=_unet(),
            scheduler=EulerDiscreteScheduler(),
            add_watermarker=False,
        )
        pipeline.save_pretrained(path)
    (path / "README.md").write_text(MODEL_CARD)
    config = scheduler or scheduler_config("epsilon", zero_snr=False)
    (path / "scheduler" / "scheduler_config.json").write_text(json.dumps(config, indent=2))
    entries = json.loads((path / "model_index.json").read_text())
    entries |= {"scheduler": ["diffusers", config["_class_name"]], **(index or {})}
    (path / "model_index.json").write_text(json.dumps(entries, indent=2))
    return path


def _unit(model: Any) -> Any:
    """`model`, with a spread of 1 in its states before the last layer, where no norm ends.

    Layers see their input normed, so that scaling all that is added up scales the states alone.
    """
    ids = torch.randint(0, model.config.vocab_size, (4, MAX_LENGTH))
    with torch.no_grad():
        states = model(ids, output_hidden_states=True)
        for name, parameter in model.named_parameters():
            if any(part in name for part in ("embedding", "out_proj", "fc2")):
                parameter.div_(states.hidden_states[-2].std())
            if "text_projection" in name:
                parameter.div_(2 * states.text_embeds.std())
    return model


def _unet() -> Any:
    overrides = {
        "cross_attention_dim": TEXT_WIDTH + TEXT_WIDTH_2,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": _TIME_WIDTH,
        "projection_class_embeddings_input_dim": POOLED_WIDTH + 6 * _TIME_WIDTH,
        "use_linear_projection": True,
        "transformer_layers_per_block": (1, 2),
    }
    sizes = torch.tensor([[32.0, 48, 0, 0, 32, 48], [64, 64, 0, 0, 64, 64]])
    added = {"text_embeds": torch.randn(2, POOLED_WIDTH), "time_ids": sizes}
    return tiny_unet(overrides, added)
