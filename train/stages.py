"""The stages of a run, in order; each reads what the one before it left in ``recipe.runs``."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import cv2
import torch
from accelerate import Accelerator
from diffusers import AutoencoderTiny
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from train import autoencoder, clip, cutouts, photos, pool, preview
from train.captions import caption
from train.checkpoint import write_checkpoint
from train.instructions import Language
from train.loop import Schedule, Trainer
from train.objects import Props
from train.parallel import in_processes
from train.photos import Split
from train.picture import Picture
from train.pool import Chunks, Pool
from train.recipe import AutoencoderRecipe, Device, Recipe, RecipeError
from train.samples import autoencoder_picture, draw_pair
from train.staging import Studio, centre, generator
from train.stream import EditStream, batches
from train.styles import open_styles
from train.text import build_text_encoder, build_tokenizer, token_ids
from train.unet import EditLoss, EditModel, build_unet, load_unet


def open_studio(recipe: Recipe, split: Split, size: int) -> Studio:
    """What scenes of a split are made from; photographs are kept at twice ``size`` at least."""
    props = Props(
        cutouts.canonical(recipe.cutouts),
        {name: cutouts.accessory(recipe.cutouts, name) for name in ("hat", "sunglasses")},
    )
    return Studio(
        photos.load(recipe.photos, split, 2 * size),
        cutouts.load(recipe.cutouts, split),
        props,
        open_styles(recipe.photos / "styles") if recipe.styles else None,
    )


def train_autoencoder(recipe: Recipe) -> None:
    """Trains (or goes on training) the autoencoder and leaves it in ``runs/autoencoder/vae``."""
    in_processes(recipe.processes, _train_autoencoder, recipe)


def train_decoder(recipe: Recipe) -> None:
    """Goes on with the decoder of a trained autoencoder, the encoder as it is: latents, and what
    was trained on them, stay valid. Leaves the result in ``runs/autoencoder/vae``."""
    in_processes(recipe.processes, _train_decoder, recipe)


def train_clip(recipe: Recipe) -> None:
    """Trains (or goes on training) the small CLIP and leaves it in ``runs/clip/model``."""
    in_processes(recipe.processes, _train_clip, recipe)


def train_unet(recipe: Recipe) -> None:
    """Trains (or goes on training) the UNet with its text encoder and leaves a checkpoint in
    ``runs/checkpoint``. Raises ``RecipeError`` for a GPU that is not there."""
    if recipe.unet.device == "cuda" and not torch.cuda.device_count():
        raise RecipeError('unet: device "cuda" asks for a GPU, and torch finds none: use "cpu"')
    in_processes(recipe.processes if recipe.unet.device == "cpu" else 1, _train_unet, recipe)


def _accelerator(recipe: Recipe, device: Device = "cpu") -> Accelerator:
    cv2.setNumThreads(1)
    return Accelerator(cpu=device == "cpu", mixed_precision="bf16" if recipe.bf16 else "no")


def _train_autoencoder(recipe: Recipe) -> None:
    torch.manual_seed(recipe.autoencoder.seed)
    vae = autoencoder.build(recipe.autoencoder)
    schedule = Schedule(
        recipe.autoencoder.learning_rate, minutes=recipe.autoencoder.minutes, average=0.995
    )
    _fit_autoencoder(recipe, recipe.autoencoder, vae, vae, schedule, "autoencoder")


def _train_decoder(recipe: Recipe) -> None:
    stage = replace(recipe.autoencoder, seed=recipe.autoencoder.seed + 1, latent_noise=0.0)
    vae = load_autoencoder(recipe)
    vae.decoder.requires_grad_()
    schedule = Schedule(
        stage.learning_rate / 2, minutes=stage.decoder_minutes, constant_share=0.3, average=0.995
    )
    _fit_autoencoder(recipe, stage, vae, vae.decoder, schedule, "decoder")


def _fit_autoencoder(
    recipe: Recipe,
    stage: AutoencoderRecipe,
    vae: AutoencoderTiny,
    trained: nn.Module,
    schedule: Schedule,
    name: str,
) -> None:
    accelerator = _accelerator(recipe)
    studio = open_studio(recipe, "train", 2 * stage.size)

    def make(size: int, index: int) -> Picture:
        return autoencoder_picture(studio, size, generator(stage.seed, index))

    trainer = Trainer(trained, schedule, recipe.runs / name, accelerator)
    trainer.run(autoencoder.AutoencoderLoss(vae, make, stage))
    if accelerator.is_main_process:
        vae.save_pretrained(recipe.runs / "autoencoder" / "vae")


def load_autoencoder(recipe: Recipe) -> AutoencoderTiny:
    vae = AutoencoderTiny.from_pretrained(recipe.runs / "autoencoder" / "vae")
    return vae.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def _train_clip(recipe: Recipe) -> None:
    stage = recipe.clip
    accelerator = _accelerator(recipe)
    torch.manual_seed(stage.seed)
    studio = open_studio(recipe, "train", stage.size)
    tokenizer = build_tokenizer(recipe.text)
    model = clip.build_clip(stage, recipe.text, tokenizer)

    def make(index: int) -> tuple[Picture, str]:
        rng = generator(stage.seed, index)
        pair = draw_pair(studio, stage.size, rng)
        language: Language = "zh" if rng.random() < recipe.unet.chinese else "en"
        return pair.after, caption(pair.scenes[1], rng, language, pair.changes)

    schedule = Schedule(stage.learning_rate, minutes=stage.minutes, average=0.995)
    folder = recipe.runs / "clip"
    trainer = Trainer(model, schedule, folder, accelerator)
    trainer.run(clip.ClipLoss(model, tokenizer, make, stage))
    if accelerator.is_main_process:
        model.save_pretrained(folder / "model")
        tokenizer.save_pretrained(folder / "tokenizer")


def load_clip(recipe: Recipe) -> CLIPModel:
    return CLIPModel.from_pretrained(recipe.runs / "clip" / "model").eval().requires_grad_(False)


def load_tokenizer(recipe: Recipe) -> CLIPTokenizer:
    """The tokenizer that the small CLIP was trained with."""
    return CLIPTokenizer.from_pretrained(recipe.runs / "clip" / "tokenizer")


def build_model(recipe: Recipe, vae: AutoencoderTiny) -> tuple[EditModel, CLIPTokenizer]:
    """The model before its first step: of ``unet.start``, or fresh with the text tower of the
    small CLIP if that was trained. The same weights for the same seed."""
    torch.manual_seed(recipe.unet.seed)
    start = recipe.unet.start
    if start is not None:
        tokenizer = CLIPTokenizer.from_pretrained(start / "tokenizer")
        text_encoder = CLIPTextModel.from_pretrained(start / "text_encoder")
        return EditModel(load_unet(start), text_encoder), tokenizer
    if (recipe.runs / "clip" / "model").exists():
        text_encoder = clip.text_encoder_of(load_clip(recipe)).requires_grad_()
        tokenizer = load_tokenizer(recipe)
    else:
        tokenizer = build_tokenizer(recipe.text)
        text_encoder = build_text_encoder(recipe.text, tokenizer)
    unet = build_unet(recipe.unet, vae.config.latent_channels, recipe.text.width)
    return EditModel(unet, text_encoder), tokenizer


def _train_unet(recipe: Recipe) -> None:
    stage = recipe.unet
    on_gpu = stage.device == "cuda"
    vae = load_autoencoder(recipe)
    model, tokenizer = build_model(recipe, vae)
    studio = open_studio(recipe, "train", 2 * stage.size)
    pairs = preview.fixed_pairs(open_studio(recipe, "held_out", stage.size), stage.size)
    # Processes can't be forked any more once a GPU is in use.
    drawn = pool.draw(Chunks(studio, tokenizer, stage), recipe.processes) if on_gpu else None
    accelerator = _accelerator(recipe, stage.device)
    schedule = Schedule(stage.learning_rate, stage.minutes, warmup_steps=150, weight_decay=0.1)
    folder = recipe.runs / "unet"
    trainer = Trainer(model, schedule, folder, accelerator, model.hidden_matrices())
    if drawn is not None:
        torch.set_float32_matmul_precision("high")
        source = Pool(vae.to(accelerator.device), stage, token_ids(tokenizer, [""])[0], drawn)
        compiled = cast(EditModel, torch.compile(model, dynamic=False))
        loss = EditLoss(compiled, source.batches(trainer.progress.step))
    else:
        # The backward pass of fused attention is slower on a CPU than plain matrix products.
        model.unet.set_attn_processor(AttnProcessor())
        stream = EditStream(studio, vae, tokenizer, stage, trainer.progress)
        loss = EditLoss(model, batches(stream, trainer.progress.step))
    trainer.run(loss, sheet=preview.sheet_of(model, vae, tokenizer, pairs))
    if accelerator.is_main_process:
        write_checkpoint(recipe.runs / "checkpoint", model.eval().cpu(), tokenizer, vae.cpu())


def autoencoder_psnr(recipe: Recipe, size: int) -> float:
    """PSNR in dB of the trained autoencoder on the centres of the held-out photos."""
    pictures = photos.load(recipe.photos, "held_out", 2 * size)
    vae = load_autoencoder(recipe)
    squares: list[Tensor] = [autoencoder.to_tensor([centre(photo, size)]) for photo in pictures]
    return sum(autoencoder.psnr_of_round_trip(vae, one) for one in squares) / len(squares)
