"""A UNet that starts as the identity: before any training, the edited picture is the picture.

Most of an edit is leaving things alone. A fresh network needs tens of thousands of samples to learn
to copy; set up like this it copies from the first step and learns what to change.
"""

from __future__ import annotations

from typing import Final

import torch
from diffusers import UNet2DConditionModel

# Constant features beside each latent, so much larger that they alone set a group's deviation.
_ANCHOR: Final = 10.0
_GROUP: Final = 4  # features a latent takes: itself, its negative, and the two constants


@torch.no_grad()
def start_as_identity(unet: UNet2DConditionModel) -> None:
    """Sets the first and last layers so that, at pure noise, v = -(the picture's latents).

    The picture passes through the skip connection from ``conv_in`` to the last block. Group norm
    leaves [x, -x, k, -k] unchanged but for a known factor, and silu(x) - silu(-x) = x undoes the
    activation. Needs groups of four channels at the last level, one for each latent channel.
    """
    latents = unet.config.out_channels
    width = unet.config.block_out_channels[0]
    assert width == _GROUP * unet.config.norm_num_groups, "groups of the last level must be 4 wide"
    assert latents <= unet.config.norm_num_groups, "one group for each latent channel"
    first = _GROUP * torch.arange(latents)
    last = unet.up_blocks[-1].resnets[-1]

    unet.conv_in.weight[first] = unet.conv_in.weight[first + 1] = 0
    unet.conv_in.bias[first] = unet.conv_in.bias[first + 1] = 0
    unet.conv_in.weight[first, latents + torch.arange(latents), 1, 1] = 1
    unet.conv_in.weight[first + 1, latents + torch.arange(latents), 1, 1] = -1

    last.conv2.weight.zero_()
    last.conv2.bias.zero_()
    shortcut = last.conv_shortcut  # [width, hidden + width, 1, 1]; the skip comes last
    skip = shortcut.in_channels - width
    reserved = _GROUP * latents
    shortcut.weight[:reserved] = 0
    shortcut.bias[:reserved] = 0
    for offset in (0, 1):
        shortcut.weight[first + offset, skip + first + offset, 0, 0] = 1
    shortcut.bias[first + 2] = _ANCHOR
    shortcut.bias[first + 3] = -_ANCHOR

    # Variance of a group is (x^2 + k^2) / 2; x has about unit variance.
    unet.conv_norm_out.weight[:reserved] = ((1 + _ANCHOR**2) / 2) ** 0.5
    unet.conv_norm_out.bias[:reserved] = 0
    unet.conv_out.weight.zero_()
    unet.conv_out.bias.zero_()
    unet.conv_out.weight[torch.arange(latents), first, 1, 1] = -1
    unet.conv_out.weight[torch.arange(latents), first + 1, 1, 1] = 1
