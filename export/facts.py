"""What the manifest states about a checkpoint, read from its configs and model card."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Collection, Mapping
from typing import Any, Final, get_args

import diffusers
import huggingface_hub
import torch

from export.checkpoint import Checkpoint
from export.compatibility import Config
from export.errors import CheckpointError
from export.quiet import quiet
from runtime.errors import BundleCorrupt, InvalidRequest
from runtime.manifest import Model, NoiseSchedule, PredictionType
from runtime.params import EditParams

DEFAULTS_FILE: Final = "edit_defaults.json"
MODEL_CARD: Final = "README.md"
# Options of diffusers' schedulers that change D by more than a linear rule.
_CLIPPING: Final = ("clip_sample", "thresholding")
# Options of diffusers' EDM schedulers as CosXL has them.
_COSXL: Final = {
    "prediction_type": "v_prediction",
    "sigma_data": 1.0,
    "sigma_schedule": "exponential",
    "final_sigmas_type": "zero",
}


def model_facts(checkpoint: Checkpoint) -> Model:
    """The manifest's `model`. Raises `CheckpointError`."""
    vae, scheduler = checkpoint.configs["vae"], checkpoint.configs["scheduler"]
    levels = vae.get("block_out_channels") or vae["decoder_block_out_channels"]
    downscale = 2 ** (len(levels) - 1)
    prediction = scheduler.get("prediction_type", "epsilon")
    if prediction not in (known := get_args(PredictionType)):
        raise CheckpointError(
            f"prediction type {prediction!r} is not supported; known: {', '.join(known)}"
        )
    return Model(
        latent_channels=vae["latent_channels"],
        downscale=downscale,
        size_multiple=downscale,  # the graphs take every latent size
        text_width=checkpoint.configs["unet"]["cross_attention_dim"],
        prediction_type=prediction,
        languages=_languages(checkpoint),
        **(_xl_facts(checkpoint) if checkpoint.is_xl else {}),
    )


def _xl_facts(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "pooled_width": checkpoint.configs["text_encoder_2"]["projection_dim"],
        # The default is the pipeline's.
        "zero_empty_text": bool(checkpoint.index.get("force_zeros_for_empty_prompt", True)),
    }


def noise_schedule(checkpoint: Checkpoint) -> NoiseSchedule:
    """The training noise schedule, from the betas of the checkpoint's own scheduler class.

    `alphas_cumprod` is recomputed from the betas, because some classes replace a final 0 (zero
    terminal SNR) by a small number. The other options are those that the file states: diffusers
    drops a class's own defaults when another class is made from its config.
    Raises `CheckpointError`.
    """
    config = checkpoint.configs["scheduler"]
    scheduler = own_scheduler(checkpoint)
    if is_edm(scheduler):
        return _edm_schedule(checkpoint, scheduler.config)
    betas = scheduler.betas
    try:
        return NoiseSchedule(
            alphas_cumprod=tuple(torch.cumprod(1.0 - betas, dim=0).tolist()),
            timestep_spacing=config.get("timestep_spacing"),
            steps_offset=config.get("steps_offset", 0),
            set_alpha_to_one=config.get("set_alpha_to_one", True),
        )
    except BundleCorrupt as exc:
        raise CheckpointError(f"the noise schedule is unusable: {exc}") from exc


def own_scheduler(checkpoint: Checkpoint) -> Any:
    """diffusers' scheduler that the checkpoint names, with its config.

    It has `betas` [N], or `is_edm` is true of it.
    Raises `CheckpointError` when there is none, or when it bends the denoised latents.
    """
    name = checkpoint.classes["scheduler"]
    kind = getattr(diffusers, name, None)
    if kind is None:
        raise CheckpointError(f"scheduler {name} is not in diffusers {diffusers.__version__}")
    try:
        with quiet():
            scheduler = kind.from_config(dict(checkpoint.configs["scheduler"]))
    except (TypeError, ValueError, NotImplementedError) as exc:
        raise CheckpointError(
            f"scheduler {name} rejects its config: {exc}; name the class that the model was "
            "trained with in model_index.json"
        ) from exc
    if getattr(scheduler, "betas", None) is None and not is_edm(scheduler):
        raise CheckpointError(f"scheduler {name} has no beta schedule; use one of diffusion models")
    _refuse_clipping(name, scheduler.config, inspect.signature(kind.__init__).parameters)
    return scheduler


def is_edm(scheduler: Any) -> bool:
    """Whether it has every noise level between two (Karras et al. 2022), not trained timesteps."""
    return isinstance(
        scheduler, diffusers.EDMEulerScheduler | diffusers.EDMDPMSolverMultistepScheduler
    )


def _edm_schedule(checkpoint: Checkpoint, config: Config) -> NoiseSchedule:
    """CosXL's kind of continuous schedule; with it a model predicts v as with any other."""
    name = checkpoint.classes["scheduler"]
    for option, wanted in _COSXL.items():
        if config[option] != wanted:
            raise CheckpointError(
                f"scheduler {name} has {option} {config[option]!r}, stated or by default; of its "
                f"kind only CosXL's is exported, which has {wanted!r}: correct "
                "scheduler/scheduler_config.json if the model was trained so"
            )
    if checkpoint.is_xl and not isinstance(checkpoint.index.get("is_cosxl_edit"), bool):
        raise CheckpointError(
            f"scheduler {name} is CosXL's, and model_index.json does not say whether pictures are "
            'scaled as its are, for save_pretrained leaves it out; add "is_cosxl_edit": true'
        )
    ends = (1 / (1 + config[sigma] ** 2) for sigma in ("sigma_min", "sigma_max"))
    return NoiseSchedule(
        alphas_cumprod=tuple(ends),
        timestep_spacing=None,
        steps_offset=0,
        set_alpha_to_one=True,
        continuous=True,
    )


def _refuse_clipping(name: str, config: Config, options: Collection[str]) -> None:
    """A key that is no option of the class is a stale one of another class, and has no effect."""
    for option in _CLIPPING:
        if option in options and config[option]:
            raise CheckpointError(
                f"scheduler {name} has {option} true, stated or by default, but samplers here "
                f'leave the denoised latents as they are; set "{option}": false in '
                "scheduler/scheduler_config.json if the model is good without"
            )


def edit_defaults(checkpoint: Checkpoint) -> dict[str, int | float | str]:
    """`EditParams` fields calibrated for the checkpoint (edit_defaults.json), empty without one.

    Raises `CheckpointError` for unknown names and values out of bounds.
    """
    path = checkpoint.path / DEFAULTS_FILE
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text("utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it holds no object")
        known = {field.name for field in dataclasses.fields(EditParams)} - {"instruction", "seed"}
        if unknown := sorted(values.keys() - known):
            raise ValueError(
                f"unknown names {', '.join(unknown)}; known: {', '.join(sorted(known))}"
            )
        EditParams("any", seed=0, **values)
    except (OSError, ValueError, InvalidRequest) as exc:
        raise CheckpointError(f"{path}: {exc}") from exc
    return values


def licence_of(checkpoint: Checkpoint) -> str:
    """The model card's `license`, else "unknown"."""
    return str(_model_card(checkpoint).get("license") or "unknown")


def _languages(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The model card's `language`, else English, which CLIP's text encoders were trained on."""
    value = _model_card(checkpoint).get("language") or "en"
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)


def _model_card(checkpoint: Checkpoint) -> Mapping[str, Any]:
    path = checkpoint.path / MODEL_CARD
    if not path.exists():
        return {}
    try:
        return huggingface_hub.metadata_load(path) or {}
    except Exception as exc:  # the parser's own errors, or text that is no UTF-8
        raise CheckpointError(f"the front matter of {path} cannot be read: {exc}") from exc
