"""LoRA weights merged into a checkpoint's models before they are exported.

Files are those of peft and diffusers (`save_lora_weights`), and of kohya's scripts for the same
models. What is in a file but finds no place in the model is an error: a LoRA of another model would
otherwise change a few layers and look as if it worked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from diffusers.loaders import StableDiffusionLoraLoaderMixin
from diffusers.loaders.lora_base import fuse_text_encoder_lora
from diffusers.utils import recurse_remove_peft_layers
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from export.compatibility import Config
from export.errors import LoraError, first_line
from export.quiet import quiet

_COMPONENTS: Final = ("unet", "text_encoder", "text_encoder_2")
# The second factor of a pair, in the names of peft and of older diffusers.
_SECOND: Final = (".lora_B.weight", "lora.up.weight", "lora_linear_layer.up.weight")
_MAX_WEIGHT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Lora:
    """A file, and the strength at which it is merged (1: as it was trained)."""

    path: Path
    weight: float = 1.0


def parse_lora(text: str) -> Lora:
    """A LoRA as written on the command line, "FILE" or "FILE:WEIGHT". Raises `LoraError`."""
    path, colon, weight = text.rpartition(":")
    if not colon or Path(text).exists():
        path, weight = text, "1"
    try:
        strength = float(weight)
    except ValueError:
        raise LoraError(f"weight {weight!r} of {path} is no number; write FILE:0.8") from None
    if not abs(strength) <= _MAX_WEIGHT:
        raise LoraError(f"weight {weight} of {path} is not in [-{_MAX_WEIGHT:g}, {_MAX_WEIGHT:g}]")
    if Path(path).suffix != ".safetensors" or not Path(path).is_file():
        raise LoraError(f"{path} is no safetensors file; pickled ones can run code when loaded")
    return Lora(Path(path), strength)


def check_lora(lora: Lora, configs: Mapping[str, Config]) -> None:
    """Raises `LoraError` for a file that changes no component of a checkpoint, or other things too.

    `configs` are the checkpoint's, by component.
    """
    components = [name for name in _COMPONENTS if name in configs]
    tensors, _, _ = _read(lora, configs["unet"])
    strange = sorted(name for name in tensors if name.split(".")[0] not in components)
    if strange or not tensors:
        found = ", ".join(strange[:3]) or "nothing"
        raise LoraError(f"{lora.path} holds {found}; weights of {' and '.join(components)} serve")


def merge_lora(lora: Lora, component: str, module: nn.Module, unet: Config) -> None:
    """Adds `lora` to the weights of `module` in place, if the file is about that component.

    W becomes W + weight * alpha / r * B A (Hu et al. 2021, section 4.1). `unet` is the UNet's
    config. Raises `LoraError`.
    """
    tensors, alphas, metadata = _read(lora, unet)
    pairs = [key for key in tensors if key.startswith(f"{component}.") and key.endswith(_SECOND)]
    if not pairs:
        return
    try:
        with quiet():
            placed = _merge(lora.weight, component, module, (tensors, alphas, metadata))
    except Exception as exc:  # peft and diffusers raise almost any kind
        raise LoraError(f"{lora.path} does not fit this {component}: {first_line(exc)}") from exc
    if placed != len(pairs):
        raise LoraError(
            f"{lora.path} does not fit this {component}: of {len(pairs)} layers it has {placed}"
        )


def _merge(weight: float, component: str, module: Any, given: tuple[Any, Any, Any]) -> int:
    """Returns the number of layers that were changed."""
    tensors, alphas, metadata = given
    if component == "unet":
        module.load_lora_adapter(
            tensors, prefix=component, network_alphas=alphas, metadata=metadata
        )
        placed = _adapted(module)
        module.fuse_lora(lora_scale=weight)
        module.unload_lora()
    else:
        StableDiffusionLoraLoaderMixin.load_lora_into_text_encoder(
            tensors, alphas, module, prefix=component, metadata=metadata
        )
        placed = _adapted(module)
        fuse_text_encoder_lora(module, lora_scale=weight)
        recurse_remove_peft_layers(module)
        del module.peft_config  # as diffusers does, or another LoRA would be refused its name
        module._hf_peft_config_loaded = False
    return placed


def _adapted(module: nn.Module) -> int:
    return sum(isinstance(part, BaseTunerLayer) for part in module.modules())


def _read(lora: Lora, unet: Config) -> tuple[dict[str, Any], Any, Any]:
    """Tensors by diffusers' names, and the strengths that they were trained with.

    Kohya's files for Stable Diffusion XL number the blocks through; the UNet's config tells how
    many make one of diffusers'.
    """
    try:
        with quiet():
            tensors, alphas, metadata = StableDiffusionLoraLoaderMixin.lora_state_dict(
                str(lora.path),
                use_safetensors=True,
                return_lora_metadata=True,
                unet_config=SimpleNamespace(**unet),
            )
    except Exception as exc:  # as above
        raise LoraError(f"{lora.path} cannot be read: {first_line(exc)}") from exc
    return tensors, alphas, metadata
