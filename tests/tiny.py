"""Real diffusers and transformers classes at a tiny size, with seeded random weights.

Nothing is downloaded. Weights are scaled so that every output has the spread of a trained model's:
the denoised latent stays of the order of 1, text, image and timestep all change it, and decoded
pictures use the whole range. Comparisons against these nets therefore mean something.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers.pre_tokenizers import ByteLevel

from export.quiet import quiet

with quiet():  # importing the pipeline class logs what else could be installed
    from diffusers import (
        AutoencoderKL,
        AutoencoderTiny,
        EulerAncestralDiscreteScheduler,
        StableDiffusionInstructPix2PixPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

MAX_LENGTH = 16
TEXT_WIDTH = 32
LATENT_CHANNELS = 4
MODEL_CARD = "---\nlicense: cc0-1.0\nlanguage: en\n---\n# Tiny\n\nRandom weights for tests.\n"
WORDS = ("make", "it", "night", "black", "and", "white", "turn", "the", "sky", "red", "into")


def write_tiny_checkpoint(
    path: Path,
    *,
    prediction_type: Literal["epsilon", "v_prediction"] = "epsilon",
    vae: Literal["kl", "tiny"] = "kl",
    zero_snr: bool = False,
    seed: int = 0,
    scheduler: dict[str, Any] | None = None,
    unet: dict[str, Any] | None = None,
) -> Path:
    """Write an InstructPix2Pix checkpoint of ~0.5 M parameters and return its path.

    `scheduler` and `unet` override entries of those components' configs.
    """
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(seed)
        pipeline = StableDiffusionInstructPix2PixPipeline(
            vae=autoencoder(vae),
            text_encoder=text_encoder(),
            tokenizer=tiny_tokenizer(),
            unet=tiny_unet(unet or {}),
            scheduler=EulerAncestralDiscreteScheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.save_pretrained(path)
    (path / "README.md").write_text(MODEL_CARD)
    config = scheduler_config(prediction_type, zero_snr) | (scheduler or {})
    (path / "scheduler" / "scheduler_config.json").write_text(json.dumps(config, indent=2))
    return path


def scheduler_config(prediction_type: str, zero_snr: bool) -> dict[str, Any]:
    """The reference model's file, entry by entry: stale keys of other samplers included."""
    config: dict[str, Any] = {
        "_class_name": "EulerAncestralDiscreteScheduler",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000,
        "prediction_type": prediction_type,
        "clip_sample": False,
        "set_alpha_to_one": False,
        "skip_prk_steps": True,
        "steps_offset": 1,
        "trained_betas": None,
    }
    if zero_snr:
        config |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return config


def tiny_tokenizer(**special: str) -> CLIPTokenizer:
    """A byte-level BPE like CLIP's: 256 bytes, the same with `</w>`, and merges for a few words."""
    symbols = sorted(ByteLevel.alphabet())
    vocab = [*symbols, *(symbol + "</w>" for symbol in symbols)]
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        left = word[0]
        for symbol in (*word[1:-1], word[-1] + "</w>"):
            if (left, symbol) not in merges:
                merges.append((left, symbol))
                vocab.append(left + symbol)
            left += symbol
    vocab += ["<|startoftext|>", "<|endoftext|>"]
    ids = {token: i for i, token in enumerate(vocab)}
    return CLIPTokenizer(vocab=ids, merges=merges, model_max_length=MAX_LENGTH, **special)


def text_encoder(kind: type[Any] = CLIPTextModel, **overrides: Any) -> Any:
    """A text encoder of class `kind`; `overrides` are entries of its config."""
    tokenizer = tiny_tokenizer()
    config: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": TEXT_WIDTH,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": MAX_LENGTH,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    model = kind(CLIPTextConfig(**(config | overrides))).eval()
    with torch.no_grad():  # its own initialisation (std 0.02) would make every text the same
        for name, weight in model.named_parameters():
            if weight.ndim == 2:
                weight.mul_(50 if "embedding" in name else 3)
    return model


def tiny_unet(
    overrides: dict[str, Any], added: dict[str, torch.Tensor] | None = None
) -> UNet2DConditionModel:
    """A UNet with `overrides` in its config; `added` are two rows of its added conditions."""
    config: dict[str, Any] = {
        "sample_size": 16,
        "in_channels": 2 * LATENT_CHANNELS,
        "out_channels": LATENT_CHANNELS,
        "down_block_types": (
            "DownBlock2D",
            "DownBlock2D",
        ),  # attention in the middle: less to trace
        "up_block_types": ("UpBlock2D", "UpBlock2D"),
        "block_out_channels": (32, 64),
        "layers_per_block": 1,
        "attention_head_dim": 2,  # the number of heads, by an old misnomer: widths 16 and 32
        "cross_attention_dim": TEXT_WIDTH,
        "norm_num_groups": 8,
    }
    model = UNet2DConditionModel(**(config | overrides)).eval()
    x = torch.randn(2, model.config.in_channels, 16, 16)
    text = torch.randn(2, MAX_LENGTH, model.config.cross_attention_dim)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if ("attn2" in name or "time_emb_proj" in name) and weight.ndim == 2:
                weight.mul_(3)
        out = model(x, torch.tensor([900.0, 100.0]), text, added_cond_kwargs=added).sample
        _scale_output(model.conv_out, 1.0 / out.std())
    return model


def autoencoder(kind: Literal["kl", "tiny"]) -> AutoencoderKL | AutoencoderTiny:
    return _autoencoder_kl() if kind == "kl" else _autoencoder_tiny()


def _autoencoder_kl() -> AutoencoderKL:
    model = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(32, 64),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=32,
    ).eval()
    latent_std = 1 / model.config.scaling_factor
    with torch.no_grad():
        moments = model.encode(torch.rand(2, 3, 32, 32) * 2 - 1).latent_dist.parameters
        assert model.quant_conv is not None
        _scale_output(model.quant_conv, latent_std / moments.std())
        decoded = model.decode(torch.randn(2, LATENT_CHANNELS, 16, 16) * latent_std).sample
        _scale_output(model.decoder.conv_out, 0.5 / decoded.std())
    return model


def _autoencoder_tiny() -> AutoencoderTiny:
    model = AutoencoderTiny(
        encoder_block_out_channels=(16, 16),
        decoder_block_out_channels=(16, 16),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
        latent_channels=LATENT_CHANNELS,
    ).eval()
    with torch.no_grad():
        encoded = model.encode(torch.rand(2, 3, 32, 32) * 2 - 1).latents
        _scale_output(model.encoder.layers[-1], 1.0 / encoded.std())
        decoded = model.decode(torch.randn(2, LATENT_CHANNELS, 16, 16)).sample
        _scale_output(model.decoder.layers[-1], 0.5 / decoded.std())
        model.decoder.layers[-1].bias.fill_(0.5)  # it decodes to [0, 1] before its last line
    return model


def _scale_output(layer: torch.nn.Conv2d, factor: torch.Tensor | float) -> None:
    layer.weight.mul_(factor)
    assert layer.bias is not None
    layer.bias.mul_(factor)
