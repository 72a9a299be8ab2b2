"""What the checkpoint itself computes: seeded inputs, and eager float32 results for them.

Every function takes one graph's module at a time, so that a whole checkpoint is never in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from diffusers import EDMEulerScheduler, EulerDiscreteScheduler
from numpy.typing import NDArray
from torch import Tensor, nn

from export.checkpoint import Checkpoint
from export.facts import is_edm, model_facts, own_scheduler
from export.quiet import quiet
from runtime.manifest import GraphName, Model
from runtime.ports import Ports, ports_of

Arrays = dict[str, NDArray[Any]]

TEXT_GUIDANCE: Final = 7.5
IMAGE_GUIDANCE: Final = 1.5
_BRANCHES: Final = 3  # full, image, null
_MIX: Final = (TEXT_GUIDANCE, IMAGE_GUIDANCE - TEXT_GUIDANCE, 1 - IMAGE_GUIDANCE)
# What a checkpoint's scheduler may state beside its betas, without what changes the sampler.
_SCHEDULE_KEYS: Final = (
    "prediction_type",
    "timestep_spacing",
    "steps_offset",
    "rescale_betas_zero_snr",
)


@dataclass(frozen=True, slots=True)
class Probe:
    """Sizes of one set of inputs: `requests` B, latents of `height` x `width`, the text length."""

    model: Model
    requests: int
    height: int
    width: int
    text_length: int
    vocabulary: int
    latent_std: float  # of what the image encoder gives
    continuous: bool = False  # the noise schedule

    def inputs(self, graph: GraphName) -> dict[str, Tensor]:
        """Seeded inputs of `graph`, of the magnitudes that it meets in service."""
        generator = torch.Generator().manual_seed(1)
        shape = (self.requests, self.model.latent_channels, self.height, self.width)
        match graph:
            case "text_encoder":
                size = (self.requests + 1, self.text_length)
                return {
                    port.name: torch.randint(
                        0, self.vocabulary, size, generator=generator, dtype=torch.int32
                    )
                    for port in ports_of(self.model)[graph].inputs
                }
            case "image_encoder":
                scale = self.model.downscale
                sides = (self.height * scale, self.width * scale)
                return {"image": picture(self.requests, *sides, generator)}
            case "image_decoder":
                return {"latent": torch.randn(shape, generator=generator)}
            case "tick":
                return self._tick(shape, generator)

    def _tick(self, shape: tuple[int, ...], generator: torch.Generator) -> dict[str, Tensor]:
        """Requests at noise levels from 12 to 0.3, each with its three branches."""

        def normal(*size: int) -> Tensor:
            return torch.randn(size, generator=generator)

        count = self.requests
        sigma = torch.logspace(np.log10(12), np.log10(0.3), count)[:, None, None, None]
        slots = torch.arange(count).repeat_interleave(_BRANCHES)
        own_text = torch.tensor([1, 0, 0]).repeat(count)  # text 0 is everyone's negative
        timestep = torch.linspace(981, 20, count)
        if self.continuous:
            timestep = sigma.flatten().log() / 4
        sides = [side * self.model.downscale for side in (self.height, self.width)]
        given = {
            "x": normal(*shape) * (sigma**2 + 1).sqrt(),
            "history": normal(*shape),
            "noise": normal(*shape),
            "image": normal(*shape) * self.latent_std,
            "stale": normal(*shape) * 0.1,
            "text": normal(count + 1, self.text_length, self.model.text_width),
            "pooled": normal(count + 1, self.model.pooled_width or 0),
            "row_slot": slots.to(torch.int32),
            "row_text": ((slots + 1) * own_text).to(torch.int32),
            "row_image": torch.tensor([1.0, 1.0, 0.0]).repeat(count),
            "timestep": timestep.repeat_interleave(_BRANCHES),
            "time_ids": torch.tensor([[*sides, 0.0, 0.0, *sides]]).repeat(len(slots), 1),
            "mix": torch.eye(count).repeat_interleave(_BRANCHES, 1) * torch.tensor(_MIX * count),
            "coef": self._coefficients(sigma.flatten()),
        }
        return {port.name: given[port.name] for port in ports_of(self.model)["tick"].inputs}

    def _coefficients(self, sigma: Tensor) -> Tensor:
        """[B, 7]: steps to 0.8 sigma with some history and some fresh noise."""
        variance = sigma**2 + 1
        p, q = {
            "epsilon": (torch.ones_like(sigma), -sigma),
            "v_prediction": (1 / variance, -sigma / variance.sqrt()),
            "sample": (torch.zeros_like(sigma), torch.ones_like(sigma)),
        }[self.model.prediction_type]
        a, b, c, d = (torch.full_like(sigma, value) for value in (0.8, 0.3, -0.1, 0.2))
        return torch.stack([1 / variance.sqrt(), p, q, a, b, c, d], dim=1)


@dataclass(frozen=True, slots=True)
class Expected:
    """Inputs of a graph and what eager float32 makes of them."""

    inputs: Arrays
    outputs: Arrays


def run_eager(module: nn.Module, inputs: Mapping[str, Tensor], ports: Ports) -> Expected:
    """Run a float32 graph module as torch code."""
    with torch.no_grad(), quiet():
        result = module(**inputs)
    tensors = result if isinstance(result, tuple) else (result,)
    outputs = zip(ports.outputs, tensors, strict=True)
    return Expected(
        {name: tensor.numpy() for name, tensor in inputs.items()},
        {port.name: tensor.numpy() for port, tensor in outputs},
    )


def picture(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Soft coloured shapes, uint8 [count, height, width, 3]: closer to photos than noise is."""
    coarse = torch.rand((count, 3, 5, 7), generator=generator)
    smooth = nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return (smooth.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


class EagerEdit:
    """One whole edit in eager float32, moved on by each graph's module in turn.

    The loop is written as in the paper (Brooks et al. 2023, equation 3), on diffusers' Euler
    sampler: nothing in it is shared with the runtime.
    """

    instruction = "make it black and white"
    steps = 4
    seed = 7

    def __init__(self, checkpoint: Checkpoint, pixels: Tensor, length: int) -> None:
        """`pixels` uint8 [1, H, W, 3]; texts are cut and padded to `length` ids."""
        self.pixels = pixels
        self.result: NDArray[np.uint8] | None = None  # [H, W, 3]
        self._scheduler = _euler(checkpoint)
        self._zero_empty = model_facts(checkpoint).zero_empty_text
        self._state: dict[str, Tensor] = {}
        self._ids = [self._encoded(checkpoint.tokenizer(name), length) for name in checkpoint.texts]

    def advance(self, graph: GraphName, module: nn.Module) -> None:
        """Do the part of `graph`; graphs must come in the order of `GRAPH_NAMES`."""
        state = self._state
        with torch.no_grad(), quiet():
            match graph:
                case "text_encoder":
                    self._encode_texts(module(*self._ids))
                case "image_encoder":
                    state["image"] = module(self.pixels)
                case "tick":
                    state["latent"] = self._denoise(module.unet)
                case "image_decoder":
                    self.result = module(state["latent"])[0][0].numpy()

    def _encoded(self, tokenizer: Any, length: int) -> Tensor:
        """Ids int32 [2, length] of the instruction and of the empty text."""
        ids: Tensor = tokenizer(
            [self.instruction, ""],
            padding="max_length",
            truncation=True,
            max_length=length,
            return_tensors="pt",
        ).input_ids
        return ids.to(torch.int32)

    def _encode_texts(self, encoded: Tensor | tuple[Tensor, Tensor]) -> None:
        """Keeps `text` and, of models that have it, `pooled`, both [full, image, null]."""
        outputs = encoded if isinstance(encoded, tuple) else (encoded,)
        for name, (instruction, negative) in zip(("text", "pooled"), outputs, strict=False):
            if self._zero_empty:
                negative = torch.zeros_like(negative)
            self._state[name] = torch.stack([instruction, negative, negative])

    def _denoise(self, unet: Any) -> Tensor:
        scheduler, image, texts = self._scheduler, self._state["image"], self._state["text"]
        images = torch.cat([image, image, torch.zeros_like(image)])
        added = None
        if "pooled" in self._state:
            height, width = self.pixels.shape[1:3]
            sizes = torch.tensor([[height, width, 0, 0, height, width]] * _BRANCHES)
            added = {"text_embeds": self._state["pooled"], "time_ids": sizes}
        scheduler.set_timesteps(self.steps)
        generator = torch.Generator().manual_seed(self.seed)
        x: Tensor = torch.randn(image.shape, generator=generator) * scheduler.init_noise_sigma
        for t in scheduler.timesteps:
            noisy = scheduler.scale_model_input(x, t).repeat(_BRANCHES, 1, 1, 1)
            rows = unet(torch.cat([noisy, images], 1), t, texts, added_cond_kwargs=added).sample
            full, shown, null = rows.chunk(_BRANCHES)
            out = null + IMAGE_GUIDANCE * (shown - null) + TEXT_GUIDANCE * (full - shown)
            x = scheduler.step(out, t, x).prev_sample
        return x


def _euler(checkpoint: Checkpoint) -> Any:
    """diffusers' Euler sampler on the checkpoint's noise schedule.

    Given betas as numbers, because Euler's class lacks some of the named schedules.
    """
    own, config = own_scheduler(checkpoint), checkpoint.configs["scheduler"]
    with quiet():
        if is_edm(own):
            return EDMEulerScheduler.from_config(own.config)
        stated = {key: config[key] for key in _SCHEDULE_KEYS if key in config}
        betas = own.betas.tolist()
        return EulerDiscreteScheduler(len(betas), trained_betas=betas, **stated)
