from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from diffusers import (
    AutoencoderTiny,
    StableDiffusionInstructPix2PixPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from train import autoencoder
from train.checkpoint import write_checkpoint
from train.loop import Progress, Schedule, Trainer, flat_gradients
from train.optimizers import build_optimizers
from train.recipe import AutoencoderRecipe, Recipe, RecipeError, TextRecipe, UNetRecipe
from train.recipe import load as load_recipe
from train.stages import build_model, train_unet
from train.staging import Studio
from train.stream import LAST_TIMESTEP, VISITS, Batch, EditStream, batches, dropped, visited
from train.unet import EditLoss, EditModel, change_weights, grounding_loss

TINY = Recipe(
    bf16=False,
    autoencoder=AutoencoderRecipe(
        size=32,
        batch=2,
        width=8,
        encoder_blocks=(0, 1, 1),
        decoder_blocks=(1, 1, 1),
        latent_channels=4,
    ),
    text=TextRecipe(width=16, layers=1, heads=2, length=32, merges=100),
    unet=UNetRecipe(
        size=32, widths=(32, 32), attention=(False, True), heads=2, groups=8, batch=4, large_every=2
    ),
)


@pytest.fixture(scope="module")
def vae() -> AutoencoderTiny:
    torch.manual_seed(0)
    return autoencoder.build(TINY.autoencoder).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def untrained(vae: AutoencoderTiny) -> tuple[EditModel, CLIPTokenizer]:
    return build_model(TINY, vae)


@pytest.fixture
def stream(
    studio: Studio, vae: AutoencoderTiny, untrained: tuple[EditModel, CLIPTokenizer]
) -> EditStream:
    return EditStream(studio, vae, untrained[1], TINY.unet, Progress())


def fresh(untrained: EditModel) -> EditModel:
    """Another model with the same weights. A deep copy's hooks would report to the original."""
    unet = UNet2DConditionModel.from_config(untrained.unet.config)
    model = EditModel(unet, CLIPTextModel(untrained.text_encoder.config))
    model.load_state_dict(untrained.state_dict())
    return model


def endless(stream: EditStream, first: int) -> Iterator[Batch]:
    """What `batches` gives, without a worker process."""
    return (stream[step] for step in range(first, 1000))


def equal(one: Batch, other: Batch) -> bool:
    return all(
        torch.equal(getattr(one, item.name), getattr(other, item.name)) for item in fields(Batch)
    )


class _Stopping(Schedule):
    """A schedule that is cut off at a step, as by a kill just after a checkpoint."""

    def __init__(self, rate: float, steps: int, warmup_steps: int, stop: int) -> None:
        super().__init__(rate, steps=steps, warmup_steps=warmup_steps)
        object.__setattr__(self, "stop", stop)

    def done(self, step: int, elapsed: float) -> float:
        return 1.0 if step >= self.stop else super().done(step, elapsed)  # type: ignore[attr-defined]


def _train(
    folder: Path,
    parts: tuple[Studio, AutoencoderTiny, EditModel, CLIPTokenizer],
    *stops: int,
) -> list[Tensor]:
    """Trains to the last of ``stops``, as a new process would go on after each of them."""
    studio, vae, untrained, tokenizer = parts
    for stop in stops:
        model = fresh(untrained)
        schedule = _Stopping(5e-3, steps=stops[-1], warmup_steps=2, stop=stop)
        accelerator = Accelerator(cpu=True)
        trainer = Trainer(model, schedule, folder, accelerator, model.hidden_matrices())
        stream = EditStream(studio, vae, tokenizer, TINY.unet, trainer.progress)
        loss = EditLoss(model, endless(stream, trainer.progress.step))
        trainer.run(loss, report=lambda line: None)
    return [value.clone() for value in trainer.average.values]


def test_resumed_run_equals_an_unbroken_one_to_the_bit(
    tmp_path: Path,
    studio: Studio,
    vae: AutoencoderTiny,
    untrained: tuple[EditModel, CLIPTokenizer],
) -> None:
    parts = (studio, vae, *untrained)
    unbroken = _train(tmp_path / "unbroken", parts, 4)
    resumed = _train(tmp_path / "resumed", parts, 1, 3, 4)
    shorter = _train(tmp_path / "shorter", parts, 3)
    assert all(torch.equal(a, b) for a, b in zip(unbroken, resumed, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(unbroken, shorter, strict=True))


def test_a_batch_depends_on_its_step_alone(stream: EditStream, studio: Studio) -> None:
    again = EditStream(studio, stream.vae, stream.tokenizer, TINY.unet, Progress())
    assert equal(stream[5], again[5])
    for step in (0, 1, 2):
        again[step]
    assert equal(stream[5], again[5])
    assert not equal(stream[5], stream[7])


def test_worker_process_gives_the_same_batches(stream: EditStream) -> None:
    prepared = batches(stream, 3)
    assert all(equal(next(prepared), stream[step]) for step in (3, 4))


def test_every_other_step_is_large(stream: EditStream) -> None:
    small, large = stream[0], stream[1]
    assert small.before.shape == (4, 4, 8, 8)
    assert large.before.shape == (1, 4, 16, 16)
    assert small.region.shape == small.nouns.shape == (4, 4, 4)


def test_processes_draw_different_pairs(stream: EditStream, studio: Studio) -> None:
    parts = [
        EditStream(studio, stream.vae, stream.tokenizer, TINY.unet, Progress(rank=rank, world=2))[0]
        for rank in (0, 1)
    ]
    assert parts[0].after.shape[0] == 2
    assert not torch.equal(parts[0].after, parts[1].after)


def test_pairs_are_visited_a_few_times_each() -> None:
    counts: dict[int, int] = {}
    for position in range(60_000):
        counts[visited(position)] = counts.get(visited(position), 0) + 1
    newest = 60_000 // VISITS
    assert set(counts) == set(range(newest))
    # A pair before which nothing old was to be had is visited more often, the newest less.
    middle = [counts[number] for number in range(4_000, newest - 4_000)]
    assert set(middle) == {VISITS}


def test_conditioning_is_dropped_as_often_as_in_the_paper() -> None:
    uniform = torch.rand(100_000, generator=torch.Generator().manual_seed(0))
    text, image = (rows.numpy() for rows in dropped(0.05, uniform))
    for share, expected in (
        ((text & ~image).mean(), 0.05),
        ((text & image).mean(), 0.05),
        ((~text & image).mean(), 0.05),
        ((~text & ~image).mean(), 0.85),
    ):
        assert abs(share - expected) < 0.004


def test_a_row_without_a_picture_sees_none(stream: EditStream) -> None:
    found = 0
    for step in range(0, 60, 2):
        batch = stream[step]
        for row in torch.flatten(torch.nonzero(batch.image == 0)):
            found += 1
            assert not batch.before[row].any()
    assert found > 2


def test_gradients_lie_in_memory_as_their_parameters_do() -> None:
    """Else fused AdamW, without a word, gives weights the gradients of their neighbours."""
    plain = nn.Conv2d(3, 5, 3)
    conv = copy.deepcopy(plain)
    conv.weight.data = conv.weight.data.contiguous(memory_format=torch.channels_last)
    flat_gradients(conv)
    (optimizer,) = build_optimizers(conv, (), 0.1, 0.0)
    pictures = torch.randn(2, 3, 8, 8)
    for module in (conv, plain):
        module(pictures).square().sum().backward()
    optimizer.step()
    torch.optim.AdamW(plain.parameters(), 0.1, betas=(0.9, 0.99), weight_decay=0.0).step()
    assert torch.allclose(conv.weight, plain.weight, atol=1e-4)


def test_processes_share_a_step_without_overlap_or_gap() -> None:
    parts = [Progress(step=7, rank=rank, world=4).share(32) for rank in range(4)]
    assert [i for part in parts for i in part] == list(range(7 * 32, 8 * 32))


def test_learning_rate_warms_up_holds_and_falls() -> None:
    schedule = Schedule(1.0, steps=100, warmup_steps=10, constant_share=0.5)
    rates = [schedule.rate(step, schedule.done(step, 0.0)) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10] == rates[50] == 1.0
    assert all(a >= b for a, b in zip(rates[50:], rates[51:], strict=False))
    assert rates[100] == pytest.approx(0.02)


def test_muon_turns_a_kernel_alike_in_all_directions() -> None:
    layer = nn.Conv2d(8, 16, 3)
    kernel = [parameter for parameter in layer.parameters() if parameter.ndim > 1]
    before = layer.weight.detach().clone()
    gradients = flat_gradients(layer)
    # One direction far stronger than all others.
    gradients.copy_(torch.randn_like(gradients) * 0.1 + 1)
    for optimizer in build_optimizers(layer, kernel, 0.01, weight_decay=0.0):
        optimizer.step()
    values = torch.linalg.svdvals((layer.weight.detach() - before).flatten(1))
    assert float(values.min() / values.max()) > 0.4


def test_every_parameter_is_trained(
    stream: EditStream, untrained: tuple[EditModel, CLIPTokenizer]
) -> None:
    model = fresh(untrained[0])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loss = EditLoss(model, endless(stream, 0))
    # Zero layers hide those before them from the first gradients.
    for _ in range(2):
        optimizer.zero_grad()
        loss(Progress()).backward()
        optimizer.step()
    still = [
        name
        for name, value in model.named_parameters()
        if value.grad is None or not value.grad.any()
    ]
    # CLIP's tower has tokens and places that no sentence of this step used.
    assert not [name for name in still if "embedding" not in name]


def test_small_edits_count_as_much_as_large_ones(stream: EditStream) -> None:
    batch = stream[0]
    zeros = torch.zeros_like(batch.before)
    small, large = zeros.clone(), zeros.clone()
    small[:, :, :2, :2] = 1
    large[:] = 1
    kept = torch.ones(len(zeros))
    last = torch.full_like(batch.timestep, LAST_TIMESTEP)
    batch = replace(batch, timestep=last, text=kept, image=kept)
    made = [replace(batch, before=zeros, after=after) for after in (small, large)]
    weights = [change_weights(item) for item in made]
    shares = [
        float((weight * item.after.square().mean(dim=(1, 2, 3))).mean())
        for weight, item in zip(weights, made, strict=True)
    ]
    assert 0.5 * shares[1] < shares[0] <= shares[1]
    # What cannot be known exactly must not drown the rest.
    for unsure in (replace(made[0], text=0 * kept), replace(made[0], timestep=last - 500)):
        assert (change_weights(unsure) < 0.1 * weights[0]).all()


def test_right_answers_of_the_helping_heads_cost_nothing(stream: EditStream) -> None:
    batch = stream[0]
    names = 50 * torch.nn.functional.one_hot(batch.nouns, 38).permute(0, 3, 1, 2).float()
    sure = replace(batch, region=(batch.region > 0.5).float())
    region = 100 * (sure.region - 0.5)
    assert float(grounding_loss(names, region, sure)) < 1e-3
    assert float(grounding_loss(-names, -region, sure)) > 1


def test_autoencoder_loss_is_least_for_the_same_picture() -> None:
    pictures = torch.rand(2, 3, 16, 16) * 2 - 1
    exact = autoencoder.reconstruction_loss(pictures, pictures)
    assert exact < autoencoder.reconstruction_loss(pictures + 0.01, pictures)


def test_psnr_of_a_round_trip_knows_a_perfect_one(vae: AutoencoderTiny) -> None:
    class Perfect:
        def encode(self, pictures: Tensor) -> object:
            return type("Output", (), {"latents": pictures})

        def decode(self, latents: Tensor) -> object:
            return type("Output", (), {"sample": latents})

    pictures = torch.rand(2, 3, 16, 16) * 2 - 1
    assert autoencoder.psnr_of_round_trip(Perfect(), pictures) > 50
    assert autoencoder.psnr_of_round_trip(vae, pictures) < 20


def test_checkpoint_loads_in_the_stock_pipeline_and_edits(
    tmp_path: Path, vae: AutoencoderTiny, untrained: tuple[EditModel, CLIPTokenizer]
) -> None:
    logging.getLogger("diffusers").setLevel(logging.ERROR)
    model, tokenizer = fresh(untrained[0]), untrained[1]
    write_checkpoint(tmp_path / "checkpoint", model, tokenizer, copy.deepcopy(vae))
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(
        tmp_path / "checkpoint", safety_checker=None
    )
    pipeline.set_progress_bar_config(disable=True)
    image = Image.new("RGB", (48, 32), "teal")
    result = pipeline(
        "make it night", image=image, num_inference_steps=2, guidance_scale=1.5,
        image_guidance_scale=1.2,
    ).images[0]  # fmt: skip
    assert result.size == (48, 32)
    assert pipeline.unet.config.in_channels == 8
    assert isinstance(pipeline.unet, nn.Module)
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    weights = dict(model.unet.named_parameters())
    for name, value in pipeline.unet.named_parameters():
        assert torch.equal(value, weights[name].float())


@pytest.mark.skipif(torch.cuda.device_count() > 0, reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told_before_anything_is_read() -> None:
    recipe = replace(TINY, unet=replace(TINY.unet, device="cuda"))
    with pytest.raises(RecipeError, match='torch finds none: use "cpu"'):
        train_unet(recipe)


def test_recipe_names_an_unknown_key_and_a_wrong_type(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[unet]\nwidth = 3\n")
    with pytest.raises(RecipeError, match=r"unet: unknown key 'width'"):
        load_recipe(path)
    path.write_text("[unet]\nbatch = 'many'\n")
    with pytest.raises(RecipeError, match=r"unet: batch must be of type int, not 'many'"):
        load_recipe(path)
    path.write_text("[unet]\ndevice = 'tpu'\n")
    with pytest.raises(RecipeError, match=r"unet: device must be one of cpu, cuda, not 'tpu'"):
        load_recipe(path)
    with pytest.raises(RecipeError, match="cannot read recipe"):
        load_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize("path", sorted(Path("train/recipes").glob("*.toml")), ids=str)
def test_shipped_recipes_are_valid(path: Path) -> None:
    shipped = load_recipe(path)
    training = shipped.processes if shipped.unet.device == "cpu" else 1
    assert shipped.unet.batch % (4 * training) == 0
    assert replace(shipped, processes=1).unet == shipped.unet
