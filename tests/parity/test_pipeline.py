"""The runtime against diffusers' own pipeline: same checkpoint, same seed, same picture.

Both sides compute in float32 on the CPU. The sampler of the reference is made as its users make it,
with `Scheduler.from_config(pipeline.scheduler.config)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from PIL import Image

from export.checkpoint import Checkpoint, open_checkpoint
from runtime import Editor, EditParams, Limits, SamplerName
from runtime.backends.base import load_backend
from runtime.bundle import Bundle
from runtime.cache import Cache
from runtime.engine import Engine
from runtime.runner import Runner
from tests.parity.oracle import (
    LATENT_BOUND,
    assert_same,
    manifest_for,
    photo,
    prepared,
    reference_scheduler,
    run_request,
    with_scheduler,
)

STEPS = 6


@dataclass(frozen=True)
class Case:
    sampler: SamplerName
    width: int = 32
    height: int = 32
    config: dict[str, Any] = field(default_factory=dict)  # of the checkpoint's scheduler
    params: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        chosen = {**self.config, **self.params}
        words = [f"{name}={value}" for name, value in chosen.items()]
        return " ".join([self.sampler, f"{self.width}x{self.height}", *words])


EPSILON, V, SAMPLE = ({"prediction_type": name} for name in ("epsilon", "v_prediction", "sample"))
V_ZERO_SNR = {**V, "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
PICTURES: list[tuple[int, int, dict[str, Any]]] = [
    (32, 32, {}),
    (48, 32, {"negative_instruction": "red sky"}),
]
GRID = [
    Case(sampler, width, height, prediction, {"image_guidance": image_guidance, **params})
    for sampler in SamplerName
    for prediction in (EPSILON, V)
    for image_guidance in (1.0, 1.5, 2.0)
    for width, height, params in PICTURES
]
CASES = [
    *GRID,
    # diffusers has not implemented it for ancestral Euler.
    *(Case(sampler, config=SAMPLE) for sampler in SamplerName if sampler != SamplerName.EULER_A),
    *(Case(sampler, 64, 64, V_ZERO_SNR, {"steps": 7}) for sampler in SamplerName),
    Case(SamplerName.EULER_A, 80, 56, params={"image_guidance": 2.0}),
    Case(SamplerName.DPMPP_2M, params={"text_guidance": 3.0, "steps": 15}),
    Case(SamplerName.DDIM, config={"timestep_spacing": "linspace"}),
    Case(SamplerName.EULER, config={"timestep_spacing": "leading"}),
    Case(SamplerName.DPMPP_2M, config={**V, "beta_schedule": "squaredcos_cap_v2"}),
]


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint: Path) -> Checkpoint:
    return open_checkpoint(tiny_checkpoint)


@pytest.fixture(scope="module")
def pipeline(tiny_checkpoint: Path) -> StableDiffusionInstructPix2PixPipeline:
    loaded = StableDiffusionInstructPix2PixPipeline.from_pretrained(tiny_checkpoint)
    loaded.set_progress_bar_config(disable=True)
    return loaded


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return Bundle.open(tiny_bundle)


@pytest.fixture(scope="module")
def runner(bundle: Bundle) -> Iterator[Runner]:
    opened = Runner(bundle, load_backend("ort", device="cpu"), Cache(0))
    yield opened
    opened.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_seed_gives_the_same_picture(
    case: Case,
    pipeline: StableDiffusionInstructPix2PixPipeline,
    runner: Runner,
    bundle: Bundle,
    checkpoint: Checkpoint,
) -> None:
    checkpoint = with_scheduler(checkpoint, case.config)
    manifest = manifest_for(checkpoint, bundle.manifest)
    fields: dict[str, Any] = {"steps": STEPS, "seed": 11, "max_size": 96, **case.params}
    params = EditParams("make it night", sampler=case.sampler, **fields)
    image = photo(case.width, case.height)

    pipeline.scheduler = reference_scheduler(checkpoint, case.sampler)
    expected = run_pipeline(pipeline, image, params)
    assert_same(run_request(runner, prepared(manifest, image, params)), expected)


@pytest.mark.parametrize(("text", "image"), [(7.5, 0.5), (1.0, 1.5), (0.5, 1.0), (3.0, 0.0)])
def test_scales_that_switch_diffusers_guidance_off_follow_the_formula(
    text: float, image: float, runner: Runner, bundle: Bundle
) -> None:
    """diffusers drops guidance for s_T <= 1 or s_I < 1; here equation 3 holds for every value."""
    picture = photo(64, 64)

    def denoised(text_guidance: float, image_guidance: float) -> np.ndarray:
        params = EditParams(
            "make it night",
            text_guidance=text_guidance,
            image_guidance=image_guidance,
            sampler=SamplerName.EULER,
            steps=1,
            seed=5,
        )
        request = prepared(bundle.manifest, picture, params)
        runner.encode(request)
        runner.tick([request])
        assert request.latents is not None
        return request.latents.history

    # One step is linear in the branches: D is the same weighted sum of the branches' own D.
    full, shown, null = denoised(1, 1), denoised(0, 1), denoised(0, 0)
    expected = null + image * (shown - null) + text * (full - shown)
    np.testing.assert_allclose(denoised(text, image), expected, atol=LATENT_BOUND)


@pytest.mark.parametrize("backend", ["ort", "openvino"])
def test_neighbours_do_not_change_a_result(backend: str, bundle: Bundle) -> None:
    """Eight mixed requests in one engine against their solo runs, in float32."""
    engine = Engine(bundle, load_backend(backend, precision="fp32"), Limits(max_rows=24))
    samplers = list(SamplerName)
    edits = [
        (
            photo(64, 48 if i % 4 == 3 else 64),
            EditParams(
                ["make it night", "turn the sky red"][i % 2],
                seed=i,
                steps=3 + i,
                sampler=samplers[i % len(samplers)],
                text_guidance=2.0 + i / 2,
                image_guidance=[1.0, 1.5, 2.0][i % 3],
                max_size=64,
            ),
        )
        for i in range(8)
    ]
    with Editor(engine) as editor:
        together = editor.edit_many(edits)
        alone = [editor.edit_many([edit])[0] for edit in edits]
    for one, other in zip(together, alone, strict=True):
        assert not isinstance(one, Exception)
        assert not isinstance(other, Exception)
        assert one.rows == other.rows
        gap = np.abs(np.asarray(one.image, int) - np.asarray(other.image, int))
        assert gap.max() <= 1
        assert np.mean(gap) < 1e-3


def run_pipeline(
    pipeline: StableDiffusionInstructPix2PixPipeline, image: Image.Image, params: EditParams
) -> tuple[np.ndarray, np.ndarray]:
    """Final latents [C, h, w] and picture uint8 [H, W, 3] of diffusers."""
    kept = {}

    def keep(_: Any, step: int, timestep: Any, state: dict[str, Any]) -> dict[str, Any]:
        kept["latents"] = state["latents"]
        return {}

    picture = pipeline(
        params.instruction,
        image=image,
        negative_prompt=params.negative_instruction or None,
        num_inference_steps=params.steps,
        guidance_scale=params.text_guidance,
        image_guidance_scale=params.image_guidance,
        generator=torch.Generator("cpu").manual_seed(params.seed),
        callback_on_step_end=keep,
        output_type="np",
    ).images[0]
    return kept["latents"][0].numpy(), np.round(picture * 255).astype(np.uint8)
