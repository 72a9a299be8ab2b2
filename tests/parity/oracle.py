"""What the comparisons with diffusers' pipelines share: schedulers, pictures, a request's run."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
)
from PIL import Image

from export.checkpoint import Checkpoint
from export.facts import model_facts, noise_schedule
from runtime import EditParams, SamplerName
from runtime.manifest import Manifest
from runtime.request import Request
from runtime.runner import Runner
from runtime.samplers import sampler_table

REFERENCES: dict[SamplerName, tuple[Any, dict[str, Any]]] = {
    SamplerName.EULER: (EulerDiscreteScheduler, {}),
    SamplerName.EULER_A: (EulerAncestralDiscreteScheduler, {}),
    SamplerName.DDIM: (DDIMScheduler, {}),
    SamplerName.DPMPP_2M: (DPMSolverMultistepScheduler, {}),
    SamplerName.DPMPP_2M_KARRAS: (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    SamplerName.LCM: (LCMScheduler, {}),
}
LATENT_BOUND = 1e-3


def photo(width: int, height: int) -> Image.Image:
    """Smooth colours with an edge, of a size that needs no resizing."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 2, y * 3, 255 * (x > y)], axis=-1)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def with_scheduler(checkpoint: Checkpoint, changes: dict[str, Any]) -> Checkpoint:
    """The checkpoint as if its scheduler's file were changed."""
    config = {**checkpoint.configs["scheduler"], **changes}
    return dataclasses.replace(checkpoint, configs={**checkpoint.configs, "scheduler": config})


def manifest_for(checkpoint: Checkpoint, manifest: Manifest) -> Manifest:
    """The manifest with what an export of this checkpoint would state; the graphs stay the same."""
    return dataclasses.replace(
        manifest, noise_schedule=noise_schedule(checkpoint), model=model_facts(checkpoint)
    )


def reference_scheduler(checkpoint: Checkpoint, sampler: SamplerName) -> Any:
    kind, options = REFERENCES[sampler]
    own = EulerAncestralDiscreteScheduler.from_config(checkpoint.configs["scheduler"])
    return kind.from_config(own.config, **options)


def prepared(manifest: Manifest, image: Image.Image, params: EditParams) -> Request:
    model = manifest.model
    table = sampler_table(
        params.sampler, manifest.noise_schedule, model.prediction_type, params.steps
    )
    return Request(params, table, np.asarray(image))


def run_request(runner: Runner, request: Request) -> tuple[np.ndarray, np.ndarray]:
    """Final latents [C, h, w] and picture uint8 [H, W, 3] of the runtime."""
    runner.encode(request)
    while request.error is None and request.step < request.table.steps:
        runner.tick([request])
    assert request.latents is not None, request.error
    latents = request.latents.x
    runner.decode(request)
    assert request.result is not None, request.error
    return latents, request.result


def assert_same(ours: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]) -> None:
    """Of latents and pictures; a level apart is a rounding that fell to the other side."""
    assert np.abs(ours[0] - theirs[0]).max() < LATENT_BOUND
    difference = np.abs(ours[1].astype(int) - theirs[1].astype(int))
    assert np.mean(difference > 1) < 1e-3
