"""The eager edit, which exported bundles are judged by, is diffusers' own edit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionInstructPix2PixPipeline

from export.checkpoint import open_checkpoint
from export.facts import own_scheduler
from export.graphs import build_graph
from export.reference import IMAGE_GUIDANCE, TEXT_GUIDANCE, EagerEdit, picture
from runtime.manifest import GRAPH_NAMES
from tests.tiny import MAX_LENGTH

SIGMOID = {"_class_name": "DDPMScheduler", "beta_schedule": "sigmoid", "prediction_type": "sample"}


@pytest.mark.parametrize("changes", [{}, SIGMOID], ids=["as it is", "sigmoid"])
def test_the_eager_edit_is_that_of_the_pipeline(
    changes: dict[str, Any], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))
    file = path / "scheduler" / "scheduler_config.json"
    config = json.loads(file.read_text()) | changes
    file.write_text(json.dumps(config))
    index = json.loads((path / "model_index.json").read_text())
    index["scheduler"] = ["diffusers", config["_class_name"]]
    (path / "model_index.json").write_text(json.dumps(index))

    checkpoint = open_checkpoint(path)
    betas = own_scheduler(checkpoint).betas
    pixels = picture(1, 48, 64, torch.Generator().manual_seed(2))
    edit = EagerEdit(checkpoint, pixels, MAX_LENGTH)
    for name in GRAPH_NAMES:
        edit.advance(name, build_graph(name, checkpoint))

    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(path)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = EulerDiscreteScheduler(
        trained_betas=betas.tolist(), prediction_type=config["prediction_type"], steps_offset=1
    )
    expected = pipeline(
        edit.instruction,
        image=pixels.permute(0, 3, 1, 2) / 255,
        num_inference_steps=edit.steps,
        guidance_scale=TEXT_GUIDANCE,
        image_guidance_scale=IMAGE_GUIDANCE,
        generator=torch.Generator().manual_seed(edit.seed),
        output_type="np",
    ).images[0]
    assert edit.result is not None
    levels = np.round(expected * 255)
    assert levels.std() > 10
    assert np.abs(edit.result - levels).max() <= 1
