from __future__ import annotations

import copy
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPTokenizer

from train import autoencoder
from train.checkpoint import write_checkpoint
from train.loop import Progress, Schedule, Trainer
from train.pool import Pool, build_pool, open_pool
from train.recipe import AutoencoderRecipe, PoolRecipe, Recipe, RecipeError, TextRecipe, UNetRecipe
from train.recipe import load as load_recipe
from train.stages import build_model
from train.unet import EditLoss, EditModel, dropped, make_batch

TINY = Recipe(
    autoencoder=AutoencoderRecipe(size=32, batch=2, widths=(8, 8, 8), latent_channels=4),
    text=TextRecipe(width=16, layers=1, heads=2, length=32, merges=100),
    pool=PoolRecipe(size=32, crops=3, edits=2),
    large_pool=PoolRecipe(size=64, crops=2, edits=2),
    unet=UNetRecipe(widths=(32, 32), attention=(False, True), heads=2, batch=4, bf16=False),
)


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (90, 100, 3), dtype=np.uint8) for _ in range(2)]


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory, photos: list[np.ndarray]) -> tuple[Pool, Pool]:
    folder = tmp_path_factory.mktemp("pools")
    torch.manual_seed(0)
    vae = autoencoder.build(TINY.autoencoder).eval()
    build_pool(folder / "small", TINY.pool, vae, photos)
    build_pool(folder / "large", TINY.large_pool, vae, photos)
    return open_pool(folder / "small"), open_pool(folder / "large")


@pytest.fixture(scope="module")
def untrained() -> tuple[EditModel, CLIPTokenizer]:
    return build_model(TINY, autoencoder.build(TINY.autoencoder))


def _train(
    folder: Path,
    pools: tuple[Pool, Pool],
    untrained: tuple[EditModel, CLIPTokenizer],
    *stops: int,
) -> list[Tensor]:
    """Trains to the last of ``stops``, as a new process would go on after each of them."""
    for stop in stops:
        model, tokenizer = copy.deepcopy(untrained[0]), untrained[1]
        schedule = _Stopping(5e-3, steps=stops[-1], warmup_steps=2, stop=stop)
        loss = EditLoss(model, tokenizer, pools, TINY.unet)
        trainer = Trainer(model, schedule, folder)
        trainer.run(loss, report=lambda line: None)
    return [value.clone() for value in trainer.average.values]


class _Stopping(Schedule):
    """A schedule that is cut off at a step, as by a kill just after a checkpoint."""

    def __init__(self, rate: float, steps: int, warmup_steps: int, stop: int) -> None:
        super().__init__(rate, steps=steps, warmup_steps=warmup_steps)
        object.__setattr__(self, "stop", stop)

    def done(self, step: int, elapsed: float) -> float:
        return 1.0 if step >= self.stop else super().done(step, elapsed)  # type: ignore[attr-defined]


def test_resumed_run_equals_an_unbroken_one_to_the_bit(
    tmp_path: Path, pools: tuple[Pool, Pool], untrained: tuple[EditModel, CLIPTokenizer]
) -> None:
    unbroken = _train(tmp_path / "unbroken", pools, untrained, 4)
    resumed = _train(tmp_path / "resumed", pools, untrained, 1, 3, 4)
    shorter = _train(tmp_path / "shorter", pools, untrained, 3)
    assert all(torch.equal(a, b) for a, b in zip(unbroken, resumed, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(unbroken, shorter, strict=True))


def test_conditioning_is_dropped_as_often_as_in_the_paper() -> None:
    text, image = dropped(0.05, np.random.default_rng(0).random(200_000))
    for share, expected in (
        ((text & ~image).mean(), 0.05),
        ((text & image).mean(), 0.05),
        ((~text & image).mean(), 0.05),
        ((~text & ~image).mean(), 0.85),
    ):
        assert abs(share - expected) < 0.003


def test_rows_do_not_depend_on_the_batch_they_are_in(pools: tuple[Pool, Pool]) -> None:
    together = make_batch(pools[0], range(8), TINY.unet)
    alone = make_batch(pools[0], range(5, 6), TINY.unet)
    assert torch.equal(together.noise[5], alone.noise[0])
    assert torch.equal(together.after[5], alone.after[0])
    assert together.texts[5] == alone.texts[0]
    assert together.timestep[5] == alone.timestep[0]


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


def test_standardised_latents_have_unit_spread_and_decode_to_the_same_picture() -> None:
    torch.manual_seed(3)
    vae = autoencoder.build(TINY.autoencoder).eval()
    pictures = torch.rand(4, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        before = vae.decode(autoencoder.encode(vae, pictures)).sample
        autoencoder.standardise(vae, pictures)
        latents = autoencoder.encode(vae, pictures)
        after = vae.decode(latents).sample
    assert torch.allclose(latents.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert float(latents.std()) == pytest.approx(1, abs=1e-2)
    assert torch.allclose(before, after, atol=1e-3)


def test_autoencoder_is_deterministic() -> None:
    vae = autoencoder.build(TINY.autoencoder).eval()
    with torch.no_grad():
        posterior = vae.encode(torch.rand(1, 3, 32, 32)).latent_dist
    assert torch.allclose(posterior.sample(), posterior.mode(), atol=1e-5)


def test_checkpoint_loads_in_the_stock_pipeline_and_edits(
    tmp_path: Path, untrained: tuple[EditModel, CLIPTokenizer]
) -> None:
    logging.getLogger("diffusers").setLevel(logging.ERROR)
    vae = autoencoder.build(TINY.autoencoder)
    model, tokenizer = copy.deepcopy(untrained[0]), untrained[1]
    write_checkpoint(tmp_path / "checkpoint", model, tokenizer, vae)
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
    assert isinstance(pipeline.unet, nn.Module)
    assert pipeline.unet.config.in_channels == 8
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    weights = dict(model.unet.named_parameters())
    for name, value in pipeline.unet.named_parameters():
        assert torch.equal(value, weights[name].float())


def test_recipe_names_an_unknown_key_and_a_wrong_type(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[unet]\nwidth = 3\n")
    with pytest.raises(RecipeError, match=r"unet: unknown key 'width'"):
        load_recipe(path)
    path.write_text("[unet]\nbatch = 'many'\n")
    with pytest.raises(RecipeError, match=r"unet: batch must be of type int, not 'many'"):
        load_recipe(path)
    with pytest.raises(RecipeError, match="cannot read recipe"):
        load_recipe(tmp_path / "none.toml")


def test_shipped_recipe_is_valid() -> None:
    shipped = load_recipe(Path(__file__).parents[2] / "train" / "recipes" / "mini.toml")
    assert shipped.unet.batch % shipped.processes == 0
    assert replace(shipped, processes=1).unet == shipped.unet
