"""How right the edits are, on photos and wordings that training has not seen.

Every edit of the table is made to every held-out photo by the stock pipeline and compared with its
exact target, in dB (PSNR) and by two yes-or-no questions about the squared error: is the output
*closer* to the target than to the input, and does it *halve* the error of doing nothing? The second
is measured against the target as the autoencoder shows it, the best that any output could be.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    StableDiffusionInstructPix2PixPipeline,
)
from PIL import Image

from train.autoencoder import encode, to_tensor
from train.edits import EDITS, Edit, Picture
from train.instructions import held_out_sentences, sentences
from train.photos import Photo
from train.samples import centre, generator

_SCHEDULERS: dict[str, Any] = {
    "ddim": DDIMScheduler,
    "euler": EulerDiscreteScheduler,
    "dpmpp_2m": DPMSolverMultistepScheduler,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """How to sample: names and meanings as in ``EditParams``."""

    text_guidance: float = 1.0
    image_guidance: float = 1.0
    steps: int = 8
    sampler: str = "ddim"


SWEEP_EDITS = (
    "black_and_white",
    "night",
    "sunset",
    "invert",
    "fog",
    "sketch",
    "tint-blue",
    "keep",
)
SWEEP_GRID = (
    *(Settings(text, 1.0, 8) for text in (1.0, 1.25, 1.5, 2.0)),
    Settings(1.25, 1.3, 8),
    *(Settings(1.25, 1.0, steps) for steps in (4, 6, 12, 20)),
    *(Settings(1.25, 1.0, 8, sampler) for sampler in ("euler", "dpmpp_2m")),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One edit to make. ``before`` and ``target`` are ``[S, S, 3]`` in 0..1."""

    kind: str
    text: str
    before: Picture
    target: Picture
    seed: int


@dataclass(frozen=True, slots=True)
class Score:
    """What became of a case: errors in dB, and the two questions."""

    kind: str
    out: float
    nothing: float
    best: float
    closer: bool
    halves: bool


def cases(
    photos: Sequence[Photo], size: int, held_out: bool = True, edits: Iterable[Edit] = EDITS
) -> list[Case]:
    """Every edit on every photo, in a held-out wording (or else one of training)."""
    made: list[Case] = []
    for number, photo in enumerate(photos):
        before = centre(photo, size)
        for edit in edits:
            rng = generator(11, len(made))
            texts = held_out_sentences(edit) if held_out else sentences(edit)
            text = texts[int(rng.integers(len(texts)))]
            made.append(Case(edit.kind, text, before, edit.apply(before), 100 + number))
    return made


def load_pipeline(checkpoint: Path) -> Any:
    """The stock pipeline over a checkpoint, quiet."""
    logging.getLogger("diffusers").setLevel(logging.ERROR)
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(
        checkpoint, safety_checker=None
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def edit_all(
    pipeline: Any, todo: Sequence[Case], settings: Settings, batch: int = 13
) -> list[Picture]:
    """The pipeline's outputs, ``[S, S, 3]`` in 0..1, in the order of the cases."""
    scheduler = _SCHEDULERS[settings.sampler].from_config(pipeline.scheduler.config)
    pipeline.register_modules(scheduler=scheduler)
    outputs: list[Picture] = []
    for start in range(0, len(todo), batch):
        part = todo[start : start + batch]
        images = torch.from_numpy(np.stack([case.before for case in part])).permute(0, 3, 1, 2)
        outputs.extend(
            pipeline(
                [case.text for case in part],
                image=images,
                num_inference_steps=settings.steps,
                guidance_scale=settings.text_guidance,
                image_guidance_scale=settings.image_guidance,
                generator=[torch.Generator().manual_seed(case.seed) for case in part],
                output_type="np",
            ).images
        )
    return outputs


def error(one: Picture, other: Picture) -> float:
    """Mean squared error of two pictures in 0..1."""
    return float(np.square(one - other).mean())


def decibels(squared: float) -> float:
    """PSNR of a mean squared error, at most 60."""
    return float(-10 * np.log10(max(squared, 1e-6)))


@torch.no_grad()
def _round_trip(pipeline: Any, picture: Picture) -> Picture:
    decoded = pipeline.vae.decode(encode(pipeline.vae, to_tensor([picture]))).sample
    shown = (decoded[0].permute(1, 2, 0).numpy() + 1) / 2
    return np.asarray(np.clip(shown, 0, 1), np.float32)


def score(pipeline: Any, case: Case, output: Picture) -> Score:
    """Judges one output."""
    best = _round_trip(pipeline, case.target)
    return Score(
        kind=case.kind,
        out=decibels(error(output, case.target)),
        nothing=decibels(error(case.before, case.target)),
        best=decibels(error(best, case.target)),
        closer=error(output, case.target) < error(output, case.before),
        halves=error(output, best) < 0.5 * error(case.before, best),
    )


def evaluate(pipeline: Any, todo: Sequence[Case], settings: Settings) -> list[Score]:
    """Edits and judges every case."""
    outputs = edit_all(pipeline, todo, settings)
    return [score(pipeline, case, output) for case, output in zip(todo, outputs, strict=True)]


def by_kind(scores: Sequence[Score]) -> list[dict[str, Any]]:
    """One row per kind, and a last one named "all" over the kinds that change something."""
    kinds = list(dict.fromkeys(item.kind for item in scores))
    rows = [_row(kind, [item for item in scores if item.kind == kind]) for kind in kinds]
    changed = [item for item in scores if item.kind != "keep"]
    return [*rows, _row("all", changed)] if changed else rows


def _row(kind: str, items: Sequence[Score]) -> dict[str, Any]:
    means = {
        name: round(float(np.mean([getattr(item, name) for item in items])), 3)
        for name in ("out", "nothing", "best", "closer", "halves")
    }
    return {"kind": kind, "samples": len(items), **means}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a Markdown table."""
    head = "| edit | samples | PSNR dB | doing nothing | autoencoder's best | closer | halves |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for row in rows:
        still = row["kind"] == "keep"
        questions = "– | –" if still else f"{row['closer']:.0%} | {row['halves']:.0%}"
        nothing = "–" if still else f"{row['nothing']:.1f}"
        lines.append(
            f"| {row['kind'].replace('_', ' ')} | {row['samples']} | {row['out']:.1f} "
            f"| {nothing} | {row['best']:.1f} | {questions} |"
        )
    return "\n".join(lines)


def sheet(todo: Sequence[Case], outputs: Sequence[Picture], columns: int = 6) -> Image.Image:
    """A contact sheet: input, output and target of every case side by side."""
    tiles = [
        np.hstack([case.before, output, case.target, np.ones_like(output[:, :6])])
        for case, output in zip(todo, outputs, strict=True)
    ]
    tiles += [np.ones_like(tiles[0])] * (-len(tiles) % columns)
    lines = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return Image.fromarray((np.vstack(lines) * 255).round().astype(np.uint8))


def save(path: Path, settings: Settings, size: int, rows: Sequence[dict[str, Any]]) -> None:
    """Writes the numbers as JSON, with what they were measured at."""
    path.write_text(
        json.dumps({"size": size, "settings": asdict(settings), "rows": list(rows)}, indent=2)
        + "\n"
    )
