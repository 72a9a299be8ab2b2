"""The runtime against diffusers' SDXL pipeline: same checkpoint, same seed, same picture.

`xl_bundle` is an SDXL checkpoint with an AutoencoderTiny, `cosxl_bundle` a CosXL one with an
AutoencoderKL.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from diffusers import (
    EDMDPMSolverMultistepScheduler,
    EDMEulerScheduler,
    StableDiffusionXLInstructPix2PixPipeline,
)
from PIL import Image

from export.checkpoint import Checkpoint, open_checkpoint
from export.quiet import quiet
from runtime import EditParams, SamplerName
from runtime.backends.base import load_backend
from runtime.bundle import Bundle
from runtime.cache import Cache
from runtime.errors import InvalidRequest
from runtime.runner import Runner
from runtime.samplers import sampler_table
from tests.parity.oracle import (
    assert_same,
    manifest_for,
    photo,
    prepared,
    reference_scheduler,
    run_request,
    with_scheduler,
)

Result = tuple[np.ndarray, np.ndarray]
V_ZERO_SNR = {
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}
SETTINGS: list[tuple[int, int, dict[str, Any]]] = [
    (32, 32, {"image_guidance": 1.0}),
    (48, 32, {"image_guidance": 1.5, "text_guidance": 3.0}),
    (40, 64, {"image_guidance": 2.0, "negative_instruction": "red sky", "guidance_rescale": 0.7}),
]
EDM: dict[SamplerName, tuple[Any, dict[str, Any]]] = {
    SamplerName.EULER: (EDMEulerScheduler, {}),
    SamplerName.DPMPP_2M: (EDMDPMSolverMultistepScheduler, {}),
    SamplerName.DPMPP_2M_KARRAS: (EDMDPMSolverMultistepScheduler, {"sigma_schedule": "karras"}),
}


class Pair(NamedTuple):
    """A checkpoint in diffusers and, exported, in the runtime."""

    checkpoint: Checkpoint
    pipeline: Any
    bundle: Bundle
    runner: Runner


def opened(checkpoint: Path, bundle: Path) -> Iterator[Pair]:
    with quiet():
        pipeline = StableDiffusionXLInstructPix2PixPipeline.from_pretrained(
            checkpoint, add_watermarker=False
        )
    pipeline.set_progress_bar_config(disable=True)
    found = Bundle.open(bundle)
    runner = Runner(found, load_backend("ort", device="cpu"), Cache(0))
    yield Pair(open_checkpoint(checkpoint), pipeline, found, runner)
    runner.close()


@pytest.fixture(scope="module")
def xl(xl_checkpoint: Path, xl_bundle: Path) -> Iterator[Pair]:
    yield from opened(xl_checkpoint, xl_bundle)


@pytest.fixture(scope="module")
def cosxl(cosxl_checkpoint: Path, cosxl_bundle: Path) -> Iterator[Pair]:
    yield from opened(cosxl_checkpoint, cosxl_bundle)


def asked(sampler: SamplerName, **fields: Any) -> EditParams:
    given = {"steps": 5, "seed": 11, "max_size": 96, **fields}
    return EditParams("make it night", sampler=sampler, **given)


def run_pipeline(pair: Pair, image: Image.Image, params: EditParams) -> Result:
    kept = {}

    def keep(step: int, timestep: Any, latents: torch.Tensor) -> None:
        kept["latents"] = latents

    picture = pair.pipeline(
        params.instruction,
        image=image,
        width=image.width,
        height=image.height,
        negative_prompt=params.negative_instruction or None,
        num_inference_steps=params.steps,
        guidance_scale=params.text_guidance,
        image_guidance_scale=params.image_guidance,
        guidance_rescale=params.guidance_rescale,
        generator=torch.Generator("cpu").manual_seed(params.seed),
        callback=keep,
        output_type="np",
    ).images[0]
    return kept["latents"][0].numpy(), np.round(picture * 255).astype(np.uint8)


@pytest.mark.parametrize("config", [{}, V_ZERO_SNR], ids=["epsilon", "v zero-snr"])
@pytest.mark.parametrize("sampler", SamplerName)
@pytest.mark.parametrize(("width", "height", "fields"), SETTINGS)
def test_same_seed_gives_the_same_picture(
    width: int,
    height: int,
    fields: dict[str, Any],
    sampler: SamplerName,
    config: dict[str, Any],
    xl: Pair,
) -> None:
    checkpoint = with_scheduler(xl.checkpoint, config)
    image, params = photo(width, height), asked(sampler, **fields)
    xl.pipeline.scheduler = reference_scheduler(checkpoint, sampler)
    expected = run_pipeline(xl, image, params)
    request = prepared(manifest_for(checkpoint, xl.bundle.manifest), image, params)
    assert_same(run_request(xl.runner, request), expected)


@pytest.mark.parametrize("sampler", EDM)
@pytest.mark.parametrize(("width", "height", "fields"), SETTINGS)
def test_cosxl_gives_the_same_picture(
    width: int, height: int, fields: dict[str, Any], sampler: SamplerName, cosxl: Pair
) -> None:
    image, params = photo(width, height), asked(sampler, **fields)
    kind, options = EDM[sampler]
    assert cosxl.pipeline.is_cosxl_edit
    cosxl.pipeline.scheduler = kind.from_config(cosxl.checkpoint.configs["scheduler"], **options)
    expected = run_pipeline(cosxl, image, params)
    assert_same(run_request(cosxl.runner, prepared(cosxl.bundle.manifest, image, params)), expected)


def test_an_empty_negative_instruction_is_encoded_when_the_checkpoint_says_so(xl: Pair) -> None:
    """As by pipelines whose model_index.json sets `force_zeros_for_empty_prompt` false."""
    image, params = photo(32, 32), asked(SamplerName.EULER)
    xl.pipeline.scheduler = reference_scheduler(xl.checkpoint, SamplerName.EULER)
    zeros = run_pipeline(xl, image, params)
    xl.pipeline.register_to_config(force_zeros_for_empty_prompt=False)
    encoded = run_pipeline(xl, image, params)
    xl.pipeline.register_to_config(force_zeros_for_empty_prompt=True)
    assert np.abs(encoded[0] - zeros[0]).max() > 0.1

    index = {**xl.checkpoint.index, "force_zeros_for_empty_prompt": False}
    manifest = manifest_for(dataclasses.replace(xl.checkpoint, index=index), xl.bundle.manifest)
    bundle = dataclasses.replace(xl.bundle, manifest=manifest)
    runner = Runner(bundle, load_backend("ort"), Cache(0))
    assert_same(run_request(runner, prepared(manifest, image, params)), encoded)
    runner.close()


@pytest.mark.parametrize("sampler", [SamplerName.DDIM, SamplerName.LCM])
def test_samplers_of_trained_timesteps_are_refused_by_cosxl(
    sampler: SamplerName, cosxl: Pair
) -> None:
    with pytest.raises(InvalidRequest, match=f"{sampler} steps through .* choose one of euler, "):
        sampler_table(sampler, cosxl.bundle.manifest.noise_schedule, "v_prediction", 5)
