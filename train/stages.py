"""The stages of a run, in order; each reads what the one before it left in ``recipe.runs``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTokenizer

from train import autoencoder, photos
from train.checkpoint import write_checkpoint
from train.loop import Schedule, Trainer
from train.parallel import in_processes
from train.pool import Pool, build_pool, open_pool
from train.recipe import Recipe
from train.samples import autoencoder_picture, centre
from train.text import build_text_encoder, build_tokenizer
from train.unet import EditLoss, EditModel, build_unet

_CALIBRATION_PICTURES = 128


def autoencoder_folder(recipe: Recipe) -> Path:
    return recipe.runs / "autoencoder"


def train_autoencoder(recipe: Recipe, minutes: float | None = None) -> None:
    """Trains (or goes on training) the autoencoder and leaves it in ``runs/autoencoder/vae``."""
    if minutes is not None:
        recipe = replace(recipe, autoencoder=replace(recipe.autoencoder, minutes=minutes))
    in_processes(recipe.processes, _train_autoencoder, recipe)


def _train_autoencoder(recipe: Recipe) -> None:
    stage = recipe.autoencoder
    torch.manual_seed(stage.seed)
    pictures = photos.load(recipe.photos, "train", 2 * stage.size * 2)
    vae = autoencoder.build(stage)
    schedule = Schedule(stage.learning_rate, minutes=stage.minutes, average=0.995)
    trainer = Trainer(vae, schedule, autoencoder_folder(recipe))
    trainer.run(autoencoder.AutoencoderLoss(vae, pictures, stage))
    if trainer.progress.rank:
        return
    vae.eval()
    autoencoder.standardise(vae, calibration_pictures(recipe, pictures))
    vae.save_pretrained(autoencoder_folder(recipe) / "vae")


def calibration_pictures(recipe: Recipe, pictures: list[photos.Photo]) -> Tensor:
    """Pictures that no training step has seen, from the training photos."""
    stage = recipe.autoencoder
    numbers = range(_CALIBRATION_PICTURES)
    return autoencoder.to_tensor(
        [autoencoder_picture(pictures, stage.size, stage.seed + 1, i) for i in numbers]
    )


def load_autoencoder(recipe: Recipe) -> AutoencoderKL:
    vae = AutoencoderKL.from_pretrained(autoencoder_folder(recipe) / "vae")
    return vae.eval().requires_grad_(False)


def train_unet(recipe: Recipe, minutes: float | None = None) -> None:
    """Encodes the pools, then trains (or goes on training) the UNet with its text encoder and
    leaves a checkpoint in ``runs/checkpoint``."""
    if minutes is not None:
        recipe = replace(recipe, unet=replace(recipe.unet, minutes=minutes))
    in_processes(recipe.processes, _train_unet, recipe)


def _pools(recipe: Recipe, vae: AutoencoderKL) -> tuple[Pool, Pool]:
    small, large = recipe.runs / "pool", recipe.runs / "large_pool"
    if not (small.exists() and large.exists()):
        pictures = photos.load(recipe.photos, "train", 2 * recipe.large_pool.size)
        build_pool(small, recipe.pool, vae, pictures)
        build_pool(large, recipe.large_pool, vae, pictures)
    return open_pool(small), open_pool(large)


def build_model(recipe: Recipe, vae: AutoencoderKL) -> tuple[EditModel, CLIPTokenizer]:
    """The untrained model; the same weights for the same seed."""
    torch.manual_seed(recipe.unet.seed)
    tokenizer = build_tokenizer(recipe.text)
    text_encoder = build_text_encoder(recipe.text, tokenizer)
    side = recipe.large_pool.size // 2 ** (len(vae.config.block_out_channels) - 1)
    unet = build_unet(recipe.unet, vae.config.latent_channels, recipe.text.width, side)
    return EditModel(unet, text_encoder), tokenizer


def _train_unet(recipe: Recipe) -> None:
    vae = load_autoencoder(recipe)
    pools = _pools(recipe, vae)
    model, tokenizer = build_model(recipe, vae)
    stage = recipe.unet
    schedule = Schedule(stage.learning_rate, minutes=stage.minutes, warmup_steps=150, average=0.998)
    trainer = Trainer(model, schedule, recipe.runs / "unet")
    trainer.run(EditLoss(model, tokenizer, pools, stage))
    if trainer.progress.rank == 0:
        write_checkpoint(recipe.runs / "checkpoint", model.eval(), tokenizer, vae)


def autoencoder_psnr(recipe: Recipe, size: int) -> float:
    """PSNR in dB of the trained autoencoder on the centres of the held-out photos."""
    pictures = photos.load(recipe.photos, "held_out", 2 * size)
    vae = load_autoencoder(recipe)
    squares = [autoencoder.to_tensor([centre(photo, size)]) for photo in pictures]
    return sum(autoencoder.psnr_of_round_trip(vae, one) for one in squares) / len(squares)
