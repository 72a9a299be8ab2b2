"""What the manifest states about a checkpoint, read from its configs and model card."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Final

import diffusers
import huggingface_hub
import torch

from export.checkpoint import Checkpoint
from export.errors import CheckpointError
from export.quiet import quiet
from runtime.errors import BundleCorrupt, InvalidRequest
from runtime.manifest import Model, NoiseSchedule
from runtime.params import EditParams

DEFAULTS_FILE: Final = "edit_defaults.json"
MODEL_CARD: Final = "README.md"
_PREDICTION_TYPES: Final = ("epsilon", "v_prediction")


def model_facts(checkpoint: Checkpoint) -> Model:
    """The manifest's `model`. Raises `CheckpointError`."""
    vae, scheduler = checkpoint.configs["vae"], checkpoint.configs["scheduler"]
    levels = vae.get("block_out_channels") or vae["decoder_block_out_channels"]
    downscale = 2 ** (len(levels) - 1)
    prediction = scheduler.get("prediction_type", "epsilon")
    if prediction not in _PREDICTION_TYPES:
        known = ", ".join(_PREDICTION_TYPES)
        raise CheckpointError(f"prediction type {prediction!r} is not supported; known: {known}")
    return Model(
        latent_channels=vae["latent_channels"],
        downscale=downscale,
        size_multiple=downscale,  # the graphs take every latent size
        text_width=checkpoint.configs["text_encoder"]["hidden_size"],
        prediction_type=prediction,
        languages=_languages(checkpoint),
    )


def noise_schedule(checkpoint: Checkpoint) -> NoiseSchedule:
    """The training noise schedule, from the betas of the checkpoint's own scheduler class.

    `alphas_cumprod` is recomputed from the betas, because some classes replace a final 0 (zero
    terminal SNR) by a small number. The other options are those that the file states: diffusers
    drops a class's own defaults when another class is made from its config.
    Raises `CheckpointError`.
    """
    config = checkpoint.configs["scheduler"]
    betas = getattr(_scheduler(checkpoint), "betas", None)
    if betas is None:
        name = checkpoint.classes["scheduler"]
        raise CheckpointError(f"scheduler {name} has no beta schedule; use one of diffusion models")
    try:
        return NoiseSchedule(
            alphas_cumprod=tuple(torch.cumprod(1.0 - betas, dim=0).tolist()),
            timestep_spacing=config.get("timestep_spacing"),
            steps_offset=config.get("steps_offset", 0),
            set_alpha_to_one=config.get("set_alpha_to_one", True),
        )
    except BundleCorrupt as exc:
        raise CheckpointError(f"the noise schedule is unusable: {exc}") from exc


def _scheduler(checkpoint: Checkpoint) -> Any:
    name = checkpoint.classes["scheduler"]
    kind = getattr(diffusers, name, None)
    if kind is None:
        raise CheckpointError(f"scheduler {name} is not in diffusers {diffusers.__version__}")
    try:
        with quiet():
            return kind.from_config(dict(checkpoint.configs["scheduler"]))
    except (TypeError, ValueError, NotImplementedError) as exc:
        raise CheckpointError(f"scheduler {name} rejects its config: {exc}") from exc


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
