"""Checkpoints of Stable Diffusion 1.5's structure with random weights, as large or smaller.

What such a model draws means nothing; the time and memory it takes are those of a trained one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch

from export.quiet import quiet

with quiet():
    from diffusers import (
        AutoencoderKL,
        EulerAncestralDiscreteScheduler,
        StableDiffusionImg2ImgPipeline,
        StableDiffusionInstructPix2PixPipeline,
        UNet2DConditionModel,
    )
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

_PIPELINES: Final[dict[int, Any]] = {
    4: StableDiffusionImg2ImgPipeline,
    8: StableDiffusionInstructPix2PixPipeline,
}


def write_random_checkpoint(
    path: Path, *, channels: int, width: int, layers: int
) -> dict[str, int]:
    """Write it, weights in float16, and return the number of parameters of each model.

    `channels` are those that the UNet is given: 8 for InstructPix2Pix, 4 for Stable Diffusion
    itself. `width` (a multiple of 32, from 96) are the channels of its first level, `layers` those
    of each level; Stable Diffusion 1.5 has 320 and 2. The other models are as much smaller.
    """
    torch.manual_seed(0)
    with quiet():
        torch.set_default_dtype(torch.float16)
        models = {
            "unet": _unet(channels, width, layers),
            "vae": _autoencoder(width, layers),
            "text_encoder": _text_encoder(width, layers),
        }
        torch.set_default_dtype(torch.float32)
        tokenizer = _tokenizer()
        scheduler = EulerAncestralDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        )
        _PIPELINES[channels](
            **models,
            tokenizer=tokenizer,
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).save_pretrained(path)
    tokenizer.backend_tokenizer.model.save(str(path / "tokenizer"))  # as transformers 4 reads it
    return {name: sum(p.numel() for p in model.parameters()) for name, model in models.items()}


def _unet(channels: int, width: int, layers: int) -> Any:
    # As many heads as there can be of 40 channels or more, which Stable Diffusion's have.
    heads = next(count for count in range(width // 40, 0, -1) if width % count == 0)
    return UNet2DConditionModel(
        sample_size=64,
        in_channels=channels,
        block_out_channels=(width, 2 * width, 4 * width, 4 * width),
        layers_per_block=layers,
        cross_attention_dim=_text_width(width),
        attention_head_dim=heads,  # an old misnomer
    )


def _autoencoder(width: int, layers: int) -> Any:
    channels = 32 * (width // 80)  # 128 in Stable Diffusion; the norms have 32 groups
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(channels, 2 * channels, 4 * channels, 4 * channels),
        layers_per_block=layers,
        latent_channels=4,
        sample_size=512,
    )


def _text_encoder(width: int, layers: int) -> Any:
    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=_text_width(width),
        intermediate_size=4 * _text_width(width),
        num_hidden_layers=6 * layers,
        num_attention_heads=12,
        max_position_embeddings=77,
    )
    return CLIPTextModel(config)


def _text_width(width: int) -> int:
    return 12 * (width // 5)  # 768 in CLIP ViT-L: twelve heads


def _tokenizer() -> CLIPTokenizer:
    """CLIP's tokenizer with bytes for a vocabulary: every text has ids, none is downloaded."""
    symbols = sorted(ByteLevel.alphabet())
    tokens = [*symbols, *(symbol + "</w>" for symbol in symbols)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)
