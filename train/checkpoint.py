"""Writes the checkpoint: the directory that the stock pipeline loads."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from diffusers import AutoencoderTiny, StableDiffusionInstructPix2PixPipeline
from transformers import CLIPTokenizer

from train.unet import EditModel, build_scheduler


def write_checkpoint(
    folder: Path, model: EditModel, tokenizer: CLIPTokenizer, vae: AutoencoderTiny
) -> None:
    """Saves all parts as safetensors, replacing what was in ``folder`` at the end only.

    UNet and autoencoder are stored as float16, which diffusers loads as float32 unless told
    otherwise; the small text encoder as float32, since transformers keeps the stored type.
    """
    scratch = folder.with_name(folder.name + ".new")
    shutil.rmtree(scratch, ignore_errors=True)
    pipeline = StableDiffusionInstructPix2PixPipeline(
        vae=vae.half(),
        text_encoder=model.text_encoder,
        tokenizer=tokenizer,
        unet=model.unet.half(),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(scratch, safe_serialization=True)
    # The two files from before tokenizer.json, for readers that know only those.
    tokenizer.backend_tokenizer.model.save(str(scratch / "tokenizer"))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(scratch, folder)
