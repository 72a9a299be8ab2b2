from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline

from tests.drawn_studio import photo
from train import sampling
from train.picture import Picture
from train.sampling import Pipeline, Settings


def edited(pipeline: Pipeline, settings: Settings, count: int = 3) -> list[Picture]:
    pictures = [(photo(n)[:64, :96] / 255).astype(np.float32) for n in range(count)]
    texts = ["make it night", "turn the sky red", "black and white"][:count]
    return sampling.edit(pipeline, pictures, texts, [5, 6, 7][:count], settings)


def test_outputs_are_those_of_the_stock_pipeline(
    other_checkpoint: Path, pipeline: Pipeline
) -> None:
    stock = StableDiffusionInstructPix2PixPipeline.from_pretrained(
        other_checkpoint, safety_checker=None
    )
    stock.set_progress_bar_config(disable=True)
    stock.register_modules(
        scheduler=sampling.SCHEDULERS["ddim"].from_config(stock.scheduler.config)
    )
    image = torch.from_numpy(photo(0)[:64, :96].astype(np.float32) / 255).permute(2, 0, 1)[None]
    for text, picture in ((1.0, 1.0), (2.0, 1.5)):
        expected = stock(
            "make it night", image=image, num_inference_steps=2, guidance_scale=text,
            image_guidance_scale=picture, generator=torch.Generator().manual_seed(5),
            output_type="np",
        ).images[0]  # fmt: skip
        found = edited(pipeline, Settings(text, picture, steps=2))
        assert np.allclose(found[0], expected, atol=1e-4)


def test_every_scale_is_followed(pipeline: Pipeline) -> None:
    """The stock pipeline would give one and the same picture for all of these."""
    outputs = [
        edited(pipeline, Settings(text, picture), 1)[0]
        for text, picture in ((1.0, 1.0), (1.0, 1.5), (0.5, 1.0), (2.0, 0.5))
    ]
    for i, one in enumerate(outputs):
        for other in outputs[i + 1 :]:
            assert not np.allclose(one, other, atol=1e-3)


def test_scales_of_almost_one_are_as_good_as_one(pipeline: Pipeline) -> None:
    plain, mixed = (edited(pipeline, Settings(1.0, scale), 1)[0] for scale in (1.0, 1 + 1e-6))
    assert np.allclose(plain, mixed, atol=1e-3)


def test_an_output_does_not_depend_on_its_company(pipeline: Pipeline) -> None:
    alone, beside = (edited(pipeline, Settings(), count) for count in (1, 3))
    assert np.allclose(alone[0], beside[0], atol=1e-4)


def test_defaults_of_a_checkpoint_survive_a_round_trip(tmp_path: Path) -> None:
    settings = Settings(1.5, 1.2, 4, "euler", 192)
    settings.save(tmp_path)
    assert sampling.load_settings(tmp_path) == settings


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"steps": 1}'),
        json.dumps(asdict(Settings(steps=0))),
        json.dumps(asdict(Settings(sampler="lcm"))),
    ],
)
def test_unusable_defaults_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "edit_defaults.json").write_text(text)
    with pytest.raises(sampling.SettingsError, match=r"edit_defaults\.json"):
        sampling.load_settings(tmp_path)
