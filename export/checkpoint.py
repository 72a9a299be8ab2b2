"""Opening a checkpoint: everything that can be wrong with it is found before weights are read.

A checkpoint is the directory that one of diffusers' InstructPix2Pix pipelines saves.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import diffusers
import huggingface_hub
import torch
import transformers
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from torch import nn

from export.compatibility import Config, check_compatible
from export.errors import CheckpointError, first_line
from export.lora import Lora, check_lora, merge_lora
from export.quiet import quiet

_SD: Final = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
_PIPELINES: Final = {
    "StableDiffusionInstructPix2PixPipeline": _SD,
    "StableDiffusionXLInstructPix2PixPipeline": (*_SD, "text_encoder_2", "tokenizer_2"),
}
_TEXT_TO_IMAGE: Final = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")

_MODELS: Final[Mapping[str, Mapping[str, type[Any]]]] = {
    "unet": {"UNet2DConditionModel": diffusers.UNet2DConditionModel},
    "vae": {
        "AutoencoderKL": diffusers.AutoencoderKL,
        "AutoencoderTiny": diffusers.AutoencoderTiny,
    },
    "text_encoder": {"CLIPTextModel": transformers.CLIPTextModel},
    "text_encoder_2": {"CLIPTextModelWithProjection": transformers.CLIPTextModelWithProjection},
}
_TOKENIZERS: Final = ("CLIPTokenizer", "CLIPTokenizerFast")
_OTHERS: Final = {
    "tokenizer": _TOKENIZERS,
    "tokenizer_2": _TOKENIZERS,
    "scheduler": (),  # any: `facts.noise_schedule` asks it for its betas
}
_CONFIG_FILES: Final = {
    "unet": "config.json",
    "vae": "config.json",
    "text_encoder": "config.json",
    "text_encoder_2": "config.json",
    "tokenizer": "tokenizer_config.json",
    "tokenizer_2": "tokenizer_config.json",
    "scheduler": "scheduler_config.json",
}
_TEXT_ENCODERS: Final = ("text_encoder", "text_encoder_2")
_PICKLED: Final = (".bin", ".ckpt", ".pt", ".pth")
_HUB_ID: Final = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_FILES: Final = [
    "model_index.json",
    "README.md",
    "edit_defaults.json",
    *(f"{component}/*.{kind}" for component in _CONFIG_FILES for kind in ("json", "txt")),
    *(f"{component}/*.safetensors" for component in _MODELS),
]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A validated checkpoint.

    `classes` and `configs` are by component. Configs of models have the defaults of their class
    filled in; the others are as the files state them. `index` is model_index.json, which also
    holds the pipeline's own options. `loras` are merged into every model that is loaded.
    """

    path: Path
    index: Config
    classes: Mapping[str, str]
    configs: Mapping[str, Config]
    loras: tuple[Lora, ...]

    @property
    def is_xl(self) -> bool:
        """Whether it has two text encoders and added conditions, as Stable Diffusion XL has."""
        return "text_encoder_2" in self.classes

    @property
    def texts(self) -> Mapping[str, str]:
        """The tokenizers' components and the text encoders that read their ids, in order."""
        first = {"tokenizer": "text_encoder"}
        return {**first, "tokenizer_2": "text_encoder_2"} if self.is_xl else first

    @property
    def scales_pictures(self) -> bool:
        """Whether the UNet is shown picture latents times the scaling factor, as CosXL's is."""
        return self.is_xl and bool(self.index.get("is_cosxl_edit"))

    def load(self, component: str) -> nn.Module:
        """Load a model's weights, float32, for evaluation.

        Raises `CheckpointError`, or `LoraError` when one of `loras` does not fit them.
        """
        folder = self.path / component
        kind = _MODELS[component][self.classes[component]]
        dtype_option = "dtype" if component in _TEXT_ENCODERS else "torch_dtype"
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
        for lora in self.loras:
            merge_lora(lora, component, module, self.configs["unet"])
        return module

    def tokenizer(self, component: str = "tokenizer") -> Any:
        """One of the tokenizers, as transformers' object. Raises `CheckpointError`."""
        folder = self.path / component
        try:
            with quiet():
                return transformers.CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        except Exception as exc:  # as above
            raise CheckpointError(f"{folder} cannot be loaded: {first_line(exc)}") from exc


def open_checkpoint(source: str | Path, loras: Sequence[Lora] = ()) -> Checkpoint:
    """Open a checkpoint directory, or download it when `source` is a hub id ("org/name").

    Raises `CheckpointError`, or `LoraError` when one of `loras` is not about such models.
    """
    path = Path(source)
    if not path.exists() and _HUB_ID.fullmatch(str(source)):
        path = _download(str(source))
    index = _read_index(path)
    components = _PIPELINES[index["_class_name"]]
    classes = {name: _class_of(path, index, name) for name in components}
    configs = {name: _read_config(path, name, classes[name]) for name in components}
    for component in _MODELS:
        if component in components:
            _check_weights(path / component)
    check_compatible(configs)
    for lora in loras:
        check_lora(lora, configs)
    return Checkpoint(path, index, classes, configs, tuple(loras))


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
            "a pipeline's save_pretrained wrote"
        )
    index = _read_json(path / "model_index.json")
    found, editing = index.get("_class_name"), " or ".join(_PIPELINES)
    if found in _TEXT_TO_IMAGE:
        raise CheckpointError(
            f"{path} is a {found}: a text-to-image checkpoint, not an editing one; give one that "
            f"{editing} wrote with save_pretrained"
        )
    if found not in _PIPELINES:
        raise CheckpointError(f"{path} is a {found} checkpoint; only {editing} is exported")
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
    if component in _TEXT_ENCODERS:
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
