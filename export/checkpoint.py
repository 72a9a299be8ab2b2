"""Opening a checkpoint: everything that can be wrong with it is found before weights are read.

A checkpoint is the directory that diffusers' `StableDiffusionInstructPix2PixPipeline` saves.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import diffusers
import huggingface_hub
import torch
import transformers
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from torch import nn

from export.errors import CheckpointError, first_line
from export.quiet import quiet

PIPELINE: Final = "StableDiffusionInstructPix2PixPipeline"
_TEXT_TO_IMAGE: Final = "StableDiffusionPipeline"
Config = Mapping[str, Any]

_MODELS: Final[Mapping[str, Mapping[str, type[Any]]]] = {
    "unet": {"UNet2DConditionModel": diffusers.UNet2DConditionModel},
    "vae": {
        "AutoencoderKL": diffusers.AutoencoderKL,
        "AutoencoderTiny": diffusers.AutoencoderTiny,
    },
    "text_encoder": {"CLIPTextModel": transformers.CLIPTextModel},
}
_OTHERS: Final = {
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "scheduler": (),  # any: `facts.noise_schedule` asks it for its betas
}
_CONFIG_FILES: Final = {
    "unet": "config.json",
    "vae": "config.json",
    "text_encoder": "config.json",
    "tokenizer": "tokenizer_config.json",
    "scheduler": "scheduler_config.json",
}
_PICKLED: Final = (".bin", ".ckpt", ".pt", ".pth")
_HUB_ID: Final = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_FILES: Final = [
    "model_index.json",
    "README.md",
    "edit_defaults.json",
    *(f"{component}/*.{kind}" for component in _CONFIG_FILES for kind in ("json", "txt")),
    *(f"{component}/*.safetensors" for component in _MODELS),
]
# UNet options that ask for conditions which an instruction and a picture do not supply, unless
# they are `_FROM_TEXT`.
_EXTRA_CONDITIONS: Final = (
    "class_embed_type",
    "num_class_embeds",
    "addition_embed_type",
    "encoder_hid_dim",
    "encoder_hid_dim_type",
)
_FROM_TEXT: Final = ("addition_embed_type", "text")  # pooled from the text states by the UNet


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A validated checkpoint.

    `classes` and `configs` are by component. Configs of models have the defaults of their class
    filled in; the others are as the files state them.
    """

    path: Path
    classes: Mapping[str, str]
    configs: Mapping[str, Config]

    def load(self, component: str) -> nn.Module:
        """Load a model's weights, float32, for evaluation. Raises `CheckpointError`."""
        folder = self.path / component
        kind = _MODELS[component][self.classes[component]]
        dtype_option = "dtype" if component == "text_encoder" else "torch_dtype"
        try:
            with quiet():
                model, report = kind.from_pretrained(
                    folder,
                    **{dtype_option: torch.float32},
                    use_safetensors=True,
                    variant=_weight_variant(folder),
                    output_loading_info=True,
                    local_files_only=True,
                )
        except MemoryError:
            raise
        except Exception as exc:  # damaged files make the libraries raise almost any kind
            raise CheckpointError(f"{folder} cannot be loaded: {first_line(exc)}") from exc
        for problem in ("missing_keys", "mismatched_keys"):
            if names := sorted(str(name) for name in report[problem]):
                what = f"{problem.replace('_', ' ')}: {', '.join(names[:3])}"
                raise CheckpointError(f"{folder} lacks weights ({len(names)} {what}, ...)")
        module: nn.Module = model.eval().requires_grad_(False)
        return module

    def tokenizer(self) -> Any:
        """The checkpoint's transformers tokenizer. Raises `CheckpointError`."""
        folder = self.path / "tokenizer"
        try:
            with quiet():
                return transformers.CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        except Exception as exc:  # as above
            raise CheckpointError(f"{folder} cannot be loaded: {first_line(exc)}") from exc


def open_checkpoint(source: str | Path) -> Checkpoint:
    """Open a checkpoint directory, or download it when `source` is a hub id ("org/name").

    Raises `CheckpointError`.
    """
    path = Path(source)
    if not path.exists() and _HUB_ID.fullmatch(str(source)):
        path = _download(str(source))
    index = _read_index(path)
    classes = {name: _class_of(path, index, name) for name in _CONFIG_FILES}
    configs = {name: _read_config(path, name, classes[name]) for name in _CONFIG_FILES}
    for component in _MODELS:
        _check_weights(path / component)
    _check_unet(configs["unet"], configs["vae"], configs["text_encoder"])
    if configs["text_encoder"].get("use_attention_mask"):
        raise CheckpointError("the text encoder wants an attention mask; those are not exported")
    return Checkpoint(path, classes, configs)


def _download(hub_id: str) -> Path:
    try:
        with quiet():
            path = huggingface_hub.snapshot_download(
                hub_id, allow_patterns=_HUB_FILES, ignore_patterns=["*.fp16.*", "*.non_ema.*"]
            )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as exc:
        raise CheckpointError(
            f"there is no directory {hub_id}, and it could not be downloaded from the hub: "
            f"{first_line(exc)}"
        ) from exc
    return Path(path)


def _read_index(path: Path) -> Config:
    if not path.exists():
        raise CheckpointError(f"there is no checkpoint at {path}; give a directory or a hub id")
    if not path.is_dir():
        raise CheckpointError(
            f"{path} is a file; a checkpoint is a directory in diffusers' format (convert single "
            "files with diffusers' `from_single_file` and `save_pretrained`)"
        )
    if not (path / "model_index.json").is_file():
        raise CheckpointError(
            f"{path} is no checkpoint: it has no model_index.json; give the directory that "
            f"{PIPELINE}.save_pretrained wrote"
        )
    index = _read_json(path / "model_index.json")
    if (found := index.get("_class_name")) == _TEXT_TO_IMAGE:
        raise CheckpointError(
            f"{path} is a {found}: a text-to-image checkpoint, not an editing one; give one that "
            f"{PIPELINE}.save_pretrained wrote"
        )
    if found != PIPELINE:
        raise CheckpointError(f"{path} is a {found} checkpoint; only {PIPELINE} is exported")
    return index


def _class_of(path: Path, index: Config, component: str) -> str:
    entry = index.get(component)
    if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[1], str):
        raise CheckpointError(f"{path / 'model_index.json'} names no {component}")
    if not (path / component).is_dir():
        raise CheckpointError(f"{path} has no {component} directory; the checkpoint is incomplete")
    supported = tuple(_MODELS.get(component, ())) or _OTHERS[component]
    if supported and entry[1] not in supported:
        raise CheckpointError(
            f"{component} is a {entry[1]}, which is not exported; supported: {', '.join(supported)}"
        )
    return entry[1]


def _read_config(path: Path, component: str, name: str) -> Config:
    config = _read_json(path / component / _CONFIG_FILES[component])
    if component not in _MODELS:
        return config
    kind = _MODELS[component][name]
    if component == "text_encoder":
        return {**transformers.CLIPTextConfig().to_dict(), **config}
    parameters = inspect.signature(kind.__init__).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    return {**defaults, **config}


def _read_json(path: Path) -> Config:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise CheckpointError(f"{path} cannot be read: {first_line(exc)}") from exc
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} holds a {type(value).__name__}, not an object")
    return value


def _check_weights(folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        return
    pickled = [file.name for file in folder.iterdir() if file.suffix in _PICKLED]
    if pickled:
        raise CheckpointError(
            f"{folder} holds pickled weights only ({', '.join(sorted(pickled)[:3])}), which can "
            "run any code when loaded; save the pipeline as safetensors"
        )
    raise CheckpointError(f"{folder} holds no weights (*.safetensors)")


def _weight_variant(folder: Path) -> str | None:
    """diffusers' name of the weight files when only half-precision ones are there."""
    plain = any(".fp16" not in file.name for file in folder.glob("*.safetensors"))
    return None if plain else "fp16"


def _check_unet(unet: Config, vae: Config, text: Config) -> None:
    latent, into, out = vae["latent_channels"], unet["in_channels"], unet["out_channels"]
    if into == latent:
        raise CheckpointError(
            f"the UNet has {into} input channels: a text-to-image checkpoint, not an editing one, "
            f"whose UNet has {2 * latent} (noise and picture)"
        )
    if (into, out) != (2 * latent, latent):
        raise CheckpointError(
            f"the UNet has {into} input and {out} output channels; an editing one on an "
            f"autoencoder of {latent} latent channels has {2 * latent} and {latent}"
        )
    asked = [(name, unet[name]) for name in _EXTRA_CONDITIONS if unet.get(name) is not None]
    if extra := [name for name, value in asked if (name, value) != _FROM_TEXT]:
        raise CheckpointError(
            f"the UNet needs further conditions ({', '.join(extra)}): unsupported"
        )
    width = unet["cross_attention_dim"]
    if width != text["hidden_size"]:
        raise CheckpointError(
            f"the UNet attends to text of width {width}, the text encoder gives "
            f"{text['hidden_size']}"
        )
