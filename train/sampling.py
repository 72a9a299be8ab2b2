"""Runs the stock pipeline over a checkpoint, in batches, with any scales of guidance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
import transformers
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    StableDiffusionInstructPix2PixPipeline,
)

from runtime.errors import InvalidRequest
from runtime.params import EditParams
from train.autoencoder import encode, to_tensor
from train.picture import Picture

SCHEDULERS: Final[Mapping[str, Any]] = {
    "ddim": DDIMScheduler,
    "euler": EulerDiscreteScheduler,
    "dpmpp_2m": DPMSolverMultistepScheduler,
}
_PIXELS: Final = 8 * 128 * 128  # in a batch: 8 pictures took a fifth less time each than 32


class SettingsError(Exception):
    """A checkpoint's defaults cannot be used. The message names the file and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to sample: names, meanings and bounds of ``EditParams``, cheapest by default."""

    text_guidance: float = 1.0
    image_guidance: float = 1.0
    steps: int = 1
    sampler: str = "ddim"
    max_size: int = 256

    def save(self, checkpoint: Path) -> None:
        """Makes them the checkpoint's defaults."""
        (checkpoint / _DEFAULTS).write_text(json.dumps(asdict(self)) + "\n", "utf-8")


_DEFAULTS: Final = "edit_defaults.json"


def load_settings(checkpoint: Path) -> Settings:
    """The checkpoint's defaults. Raises ``SettingsError`` if it has none or none that can be used
    here."""
    path = checkpoint / _DEFAULTS
    try:
        values = json.loads(path.read_text("utf-8"))
        settings = Settings(**{field.name: values[field.name] for field in fields(Settings)})
        EditParams("any", **asdict(settings))
    except (OSError, ValueError, TypeError, KeyError, InvalidRequest) as exc:
        raise SettingsError(
            f"{path} cannot be used ({exc}): write it with `retouch train sweep --write`"
        ) from exc
    if settings.sampler not in SCHEDULERS:
        raise SettingsError(
            f"{path}: sampler {settings.sampler!r} is not one of {', '.join(SCHEDULERS)}"
        )
    return settings


class Pipeline(StableDiffusionInstructPix2PixPipeline):  # type: ignore[misc]
    """The stock pipeline, but that it follows every scale.

    The stock one drops both where s_T <= 1 or s_I < 1. Where it does not, both do the same.
    """

    @property
    def do_classifier_free_guidance(self) -> bool:
        return bool((self.guidance_scale, self.image_guidance_scale) != (1, 1))


def load_pipeline(checkpoint: Path) -> Pipeline:
    """The pipeline over a checkpoint, quiet, in float32: bfloat16 moved means by up to 0.1 dB."""
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    pipeline: Pipeline = Pipeline.from_pretrained(checkpoint, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    for part in (pipeline.unet, pipeline.vae):
        part.to(memory_format=torch.channels_last)
    return pipeline


def edit(
    pipeline: Pipeline,
    pictures: Sequence[Picture],
    texts: Sequence[str],
    seeds: Sequence[int],
    settings: Settings,
) -> list[Picture]:
    """The edited pictures ``[H, W, 3]`` in 0..1 of pictures of one size, in their order."""
    scheduler = SCHEDULERS[settings.sampler].from_config(pipeline.scheduler.config)
    pipeline.register_modules(scheduler=scheduler)
    outputs: list[Picture] = []
    for part in _parts(pictures):
        outputs.extend(
            pipeline(
                list(texts[part]),
                image=(to_tensor(pictures[part]) + 1) / 2,
                num_inference_steps=settings.steps,
                guidance_scale=settings.text_guidance,
                image_guidance_scale=settings.image_guidance,
                generator=[torch.Generator().manual_seed(seed) for seed in seeds[part]],
                output_type="np",
            ).images
        )
    return outputs


@torch.no_grad()
def autoencoded(vae: Any, pictures: Sequence[Picture]) -> list[Picture]:
    """The pictures ``[H, W, 3]`` as the autoencoder shows them: the best that outputs can be."""
    shown: list[Picture] = []
    for part in _parts(pictures):
        decoded = vae.decode(encode(vae, to_tensor(pictures[part]))).sample
        shown.extend(((decoded.float() + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).numpy())
    return shown


def _parts(pictures: Sequence[Picture]) -> list[slice]:
    height, width = pictures[0].shape[:2]
    size = max(1, _PIXELS // (height * width))
    return [slice(start, start + size) for start in range(0, len(pictures), size)]
