"""Whether a checkpoint's components fit each other and ask for nothing that is not exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from export.errors import CheckpointError

Config = Mapping[str, Any]

# UNet options that ask for conditions which an instruction and a picture do not supply.
_EXTRA_CONDITIONS: Final = (
    "class_embed_type",
    "num_class_embeds",
    "addition_embed_type",
    "encoder_hid_dim",
    "encoder_hid_dim_type",
)
_FROM_TEXT: Final = "text"  # `addition_embed_type` that the UNet pools from the text states
_FROM_TEXT_AND_SIZES: Final = "text_time"  # Stable Diffusion XL's
_TIME_IDS: Final = 6  # height and width, top and left of the crop, height and width


def check_compatible(configs: Mapping[str, Config]) -> None:
    """`configs` are by component. Raises `CheckpointError`."""
    _check_channels(configs["unet"], configs["vae"])
    encoders = [config for name, config in configs.items() if name.startswith("text_encoder")]
    _check_text(configs["unet"], encoders)
    if "text_encoder_2" in configs:
        _check_added(configs["unet"], configs["text_encoder_2"])
        _check_latents(configs["vae"])
    else:
        _check_conditions(configs["unet"], (None, _FROM_TEXT))


def _check_channels(unet: Config, vae: Config) -> None:
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


def _check_text(unet: Config, encoders: list[Config]) -> None:
    if any(encoder.get("use_attention_mask") for encoder in encoders):
        raise CheckpointError("the text encoder wants an attention mask; those are not exported")
    widths = [encoder["hidden_size"] for encoder in encoders]
    if unet["cross_attention_dim"] != sum(widths):
        given = " and ".join(str(width) for width in widths)
        encoder = "the text encoder gives" if len(widths) == 1 else "the text encoders give"
        raise CheckpointError(
            f"the UNet attends to text of width {unet['cross_attention_dim']}, {encoder} {given}"
        )


def _check_conditions(unet: Config, embeddings: tuple[str | None, ...]) -> None:
    """`embeddings` are the values of `addition_embed_type` that will do."""
    asked = [(name, unet[name]) for name in _EXTRA_CONDITIONS if unet.get(name) is not None]
    served = [("addition_embed_type", value) for value in embeddings]
    if extra := [f"{name} {value!r}" for name, value in asked if (name, value) not in served]:
        raise CheckpointError(
            f"the UNet needs further conditions ({', '.join(extra)}): unsupported"
        )


def _check_added(unet: Config, encoder: Config) -> None:
    _check_conditions(unet, (_FROM_TEXT_AND_SIZES,))
    if (found := unet.get("addition_embed_type")) != _FROM_TEXT_AND_SIZES:
        raise CheckpointError(
            f"the UNet has addition_embed_type {found!r}; a checkpoint with two text encoders has "
            f"{_FROM_TEXT_AND_SIZES!r}"
        )
    pooled, width = encoder["projection_dim"], unet["addition_time_embed_dim"]
    stated, taken = unet["projection_class_embeddings_input_dim"], pooled + _TIME_IDS * width
    if stated != taken:
        raise CheckpointError(
            f"the UNet takes added conditions of width {stated}, but the pooled text ({pooled}) "
            f"and {_TIME_IDS} sizes ({width} each) have {taken}; aesthetic scores are unsupported"
        )


def _check_latents(vae: Config) -> None:
    for name in ("latents_mean", "latents_std"):
        if vae.get(name) is not None:
            raise CheckpointError(
                f"the autoencoder states {name}; only latents scaled by scaling_factor alone are "
                "exported"
            )
