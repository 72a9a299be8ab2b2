"""Writes the checkpoint: the directory that the stock pipeline loads."""

from __future__ import annotations

import json
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
    _forget_origin(scratch / "vae" / "config.json")
    # The two files from before tokenizer.json, for readers that know only those.
    tokenizer.backend_tokenizer.model.save(str(scratch / "tokenizer"))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(scratch, folder)


def _forget_origin(config: Path) -> None:
    """Takes out the path that a part was loaded from, which says something of one machine only."""
    known = json.loads(config.read_text("utf-8"))
    known.pop("_name_or_path", None)
    config.write_text(json.dumps(known, indent=2) + "\n", "utf-8")
