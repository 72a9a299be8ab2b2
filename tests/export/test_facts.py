"""What the manifest says about a checkpoint is what its files and diffusers say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, get_args

import diffusers
import numpy as np
import pytest

from export.checkpoint import Checkpoint, open_checkpoint
from export.errors import CheckpointError
from export.facts import edit_defaults, licence_of, model_facts, noise_schedule
from export.quiet import quiet
from runtime.manifest import PredictionType


@pytest.fixture
def checkpoint(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))


def with_scheduler(path: Path, name: str, **config: Any) -> Checkpoint:
    """The checkpoint with another scheduler, whose file states no clipping, as real ones do."""
    config = {"clip_sample": False} | config
    index = json.loads((path / "model_index.json").read_text())
    index["scheduler"] = ["diffusers", name]
    (path / "model_index.json").write_text(json.dumps(index))
    config["_class_name"] = name
    (path / "scheduler" / "scheduler_config.json").write_text(json.dumps(config))
    return open_checkpoint(path)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("EulerAncestralDiscreteScheduler", {"beta_schedule": "scaled_linear"}),
        ("DDIMScheduler", {"beta_schedule": "linear", "beta_end": 0.01}),
        ("PNDMScheduler", {"beta_schedule": "squaredcos_cap_v2", "skip_prk_steps": True}),
        ("DPMSolverMultistepScheduler", {"num_train_timesteps": 400}),
        ("LCMScheduler", {}),
        ("DDPMScheduler", {"trained_betas": [0.1, 0.2, 0.3]}),
        ("DDPMScheduler", {"beta_schedule": "sigmoid"}),
    ],
)
def test_any_beta_schedule(checkpoint: Path, name: str, config: dict[str, Any]) -> None:
    schedule = noise_schedule(with_scheduler(checkpoint, name, **config))
    with quiet():
        expected = getattr(diffusers, name)(**config).alphas_cumprod
    np.testing.assert_allclose(schedule.alphas_cumprod, expected.numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", ["EulerDiscreteScheduler", "DDIMScheduler"])
def test_zero_terminal_snr_ends_at_zero_whatever_the_class_clamps(
    checkpoint: Path, name: str
) -> None:
    schedule = noise_schedule(with_scheduler(checkpoint, name, rescale_betas_zero_snr=True))
    assert schedule.alphas_cumprod[-1] == 0.0
    assert schedule.alphas_cumprod[-2] > 0.0


def test_only_options_that_the_file_states_are_kept(checkpoint: Path) -> None:
    # DDIM's class default is "leading"; the file does not say so.
    schedule = noise_schedule(with_scheduler(checkpoint, "DDIMScheduler"))
    assert schedule.timestep_spacing is None
    assert (schedule.steps_offset, schedule.set_alpha_to_one) == (0, True)
    stated = {"timestep_spacing": "trailing", "steps_offset": 1, "set_alpha_to_one": False}
    schedule = noise_schedule(with_scheduler(checkpoint, "DDIMScheduler", **stated))
    assert schedule.timestep_spacing == "trailing"
    assert (schedule.steps_offset, schedule.set_alpha_to_one) == (1, False)


@pytest.mark.parametrize(
    ("name", "config", "reason"),
    [
        ("FlowMatchEulerDiscreteScheduler", {}, "no beta schedule"),
        ("NoSuchScheduler", {}, "not in diffusers"),
        ("DDIMScheduler", {"beta_schedule": "wavy"}, "rejects its config"),
        ("DDIMScheduler", {"beta_schedule": "sigmoid"}, "rejects its config: sigmoid .*; name the"),
        ("DDIMScheduler", {"trained_betas": [0.5, -0.5]}, "noise schedule is unusable"),
    ],
)
def test_schedulers_without_a_usable_noise_schedule(
    checkpoint: Path, name: str, config: dict[str, Any], reason: str
) -> None:
    with pytest.raises(CheckpointError, match=reason):
        noise_schedule(with_scheduler(checkpoint, name, **config))


@pytest.mark.parametrize(
    ("name", "config", "option"),
    [
        ("DDIMScheduler", {"clip_sample": True}, "clip_sample"),
        ("DDPMScheduler", {"clip_sample": True}, "clip_sample"),
        ("LCMScheduler", {"clip_sample": True}, "clip_sample"),
        ("DDIMScheduler", {"thresholding": True}, "thresholding"),
        ("DPMSolverMultistepScheduler", {"thresholding": True}, "thresholding"),
    ],
)
def test_a_scheduler_that_clips_is_refused(
    checkpoint: Path, name: str, config: dict[str, Any], option: str
) -> None:
    opened = with_scheduler(checkpoint, name, **config)
    with pytest.raises(CheckpointError, match=f'{name} has {option} true.*set "{option}": false'):
        noise_schedule(opened)


def test_a_scheduler_that_clips_by_default_is_refused(checkpoint: Path) -> None:
    """As its pipeline would do, of which its file says nothing."""
    opened = with_scheduler(checkpoint, "DDIMScheduler")
    file = checkpoint / "scheduler" / "scheduler_config.json"
    file.write_text('{"_class_name": "DDIMScheduler"}')
    assert diffusers.DDIMScheduler.from_pretrained(file.parent).config.clip_sample
    noise_schedule(opened)
    with pytest.raises(CheckpointError, match="clip_sample true, stated or by default"):
        noise_schedule(open_checkpoint(checkpoint))


@pytest.mark.parametrize("name", ["EulerDiscreteScheduler", "PNDMScheduler"])
def test_an_option_of_another_class_is_stale_and_has_no_effect(checkpoint: Path, name: str) -> None:
    stated = {"clip_sample": True, "thresholding": True}
    assert noise_schedule(with_scheduler(checkpoint, name, **stated))


def test_the_scheduler_file_of_stable_diffusion_is_exported(checkpoint: Path) -> None:
    """Entry by entry: what fine-tunings of it carry along."""
    config = {
        "_diffusers_version": "0.6.0",
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "num_train_timesteps": 1000,
        "set_alpha_to_one": False,
        "skip_prk_steps": True,
        "steps_offset": 1,
        "trained_betas": None,
        "clip_sample": False,
    }
    schedule = noise_schedule(with_scheduler(checkpoint, "PNDMScheduler", **config))
    assert schedule.alphas_cumprod[-1] == pytest.approx(0.00466, rel=1e-2)
    assert (schedule.timestep_spacing, schedule.steps_offset) == (None, 1)


@pytest.mark.parametrize("stated", get_args(PredictionType))
def test_prediction_types(checkpoint: Path, stated: PredictionType) -> None:
    opened = with_scheduler(checkpoint, "DDIMScheduler", prediction_type=stated)
    assert model_facts(opened).prediction_type == stated


def test_other_prediction_types_are_refused(checkpoint: Path) -> None:
    assert model_facts(with_scheduler(checkpoint, "DDIMScheduler")).prediction_type == "epsilon"
    opened = with_scheduler(checkpoint, "DDIMScheduler", prediction_type="flow_prediction")
    known = "epsilon, v_prediction, sample"
    with pytest.raises(
        CheckpointError, match=f"'flow_prediction' is not supported; known: {known}"
    ):
        model_facts(opened)


def test_the_model_card_gives_licence_and_languages(checkpoint: Path) -> None:
    opened = open_checkpoint(checkpoint)
    assert licence_of(opened) == "cc0-1.0"
    card = checkpoint / "README.md"
    card.write_text("---\nlanguage:\n- en\n- fr\n---\nwords\n")
    assert model_facts(opened).languages == ("en", "fr")
    assert licence_of(opened) == "unknown"
    card.unlink()
    assert model_facts(opened).languages == ("en",)
    assert licence_of(opened) == "unknown"


def test_a_broken_model_card_is_named(checkpoint: Path) -> None:
    (checkpoint / "README.md").write_text("---\nlicense: [\n---\n")
    with pytest.raises(CheckpointError, match=r"README\.md"):
        licence_of(open_checkpoint(checkpoint))


def test_edit_defaults(checkpoint: Path) -> None:
    opened = open_checkpoint(checkpoint)
    assert edit_defaults(opened) == {}
    values = {"steps": 8, "text_guidance": 4.5, "sampler": "dpmpp_2m"}
    (checkpoint / "edit_defaults.json").write_text(json.dumps(values))
    assert edit_defaults(opened) == values


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"steps": 1000}', "steps 1000 is out of bounds"),
        ('{"sampler": "magic"}', "sampler 'magic' is unknown"),
        ('{"instruction": "make it night"}', "unknown names instruction"),
        ('{"guidance": 3}', "unknown names guidance; known: guidance_rescale, image_guidance"),
        ("[1]", "no object"),
        ("{", "edit_defaults.json"),
    ],
)
def test_edit_defaults_out_of_bounds(checkpoint: Path, content: str, reason: str) -> None:
    (checkpoint / "edit_defaults.json").write_text(content)
    with pytest.raises(CheckpointError, match=reason):
        edit_defaults(open_checkpoint(checkpoint))
