"""Half precision: what computes in it, what is only stored in it, and what stays float32.

text_encoder, tick   weights and arithmetic in float16, except islands of float32: norms, whose
                     variances overflow, the timestep embedding, and attention scores where the
                     checkpoint asks for it. Mix and sampler arithmetic are outside the UNet and
                     float32 already.
image_encoder,       weights stored in float16, arithmetic in float32: activations of several
image_decoder        autoencoders exceed float16's 65504, which shows as black pictures, and these
                     graphs run once an edit, not once a step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import onnx_ir as ir
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn

from runtime.manifest import GraphName

HALF_ARITHMETIC: Final[tuple[GraphName, ...]] = ("text_encoder", "tick")
_ISLANDS: Final = (nn.GroupNorm, nn.LayerNorm, TimestepEmbedding)
_HALF_MAX: Final = float(np.finfo(np.float16).max)


class Float32Island(nn.Module):
    """Computes `inner` in float32 between half-precision neighbours; casts show in the graph."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, *rest: Tensor | None) -> Tensor:
        result: Tensor = self.inner(x.float(), *rest)
        return result.to(x.dtype)


def to_half(module: nn.Module) -> None:
    """Convert `module` to float16 in place, tensor by tensor, around float32 islands."""
    for name, child in module.named_children():
        if isinstance(child, _ISLANDS):
            setattr(module, name, Float32Island(child))
        else:
            to_half(child)
    if isinstance(module, Attention) and module.upcast_attention:
        module.set_processor(AttnProcessor())  # the one that heeds it
    for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(torch.float16)


def reduce_timestep(unet: Any) -> None:
    """Make the sinusoids of the timestep survive a library that computes in bfloat16 or float16.

    They are sines and cosines of t * f with t up to 999 and f up to 1. Rounded to bfloat16, t = 981
    becomes 980 or 984, an angle off by radians: with OpenVINO's bf16 hint a row was wrong by 5 to
    12 % above t = 256. So t is reduced to one period of each frequency first, which is exact, by an
    operation that reads the graph's input itself; what is rounded after that is an angle of at
    most 2 pi. Measured with it: 0.9 % at every t.

    Stable Diffusion XL's sizes have sinusoids too. The UNet's own code flattens them first, which
    bfloat16 rounds: 1023 x 999 pixels made a row of a tiny model wrong by 7 %, instead of 1 %.
    """
    if isinstance(unet.time_proj, Timesteps):
        reduced = _reduced(unet.time_proj)
        unet.get_time_embed = lambda sample, timestep: reduced(timestep).to(sample.dtype)
    if unet.config.addition_embed_type == "text_time":
        unet.get_aug_embed = _added_embedding(unet, _reduced(unet.add_time_proj))


def _added_embedding(unet: Any, reduced: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    def get_aug_embed(
        emb: Tensor, encoder_hidden_states: Tensor, added_cond_kwargs: Mapping[str, Tensor]
    ) -> Tensor:
        waves = reduced(added_cond_kwargs["time_ids"]).flatten(1)  # [R, 6 * 2F]
        joined = torch.cat([added_cond_kwargs["text_embeds"], waves], dim=-1)
        embedded: Tensor = unet.add_embedding(joined.to(emb.dtype))
        return embedded

    return get_aug_embed


def _reduced(projection: Timesteps) -> Callable[[Tensor], Tensor]:
    """`projection` as a function of timesteps of any shape that gives [..., 2F]."""
    half = projection.num_channels // 2
    exponent = torch.arange(half, dtype=torch.float32) / (half - projection.downscale_freq_shift)
    frequency = torch.exp(-math.log(10000) * exponent)  # [F]
    exact = 2 * math.pi / frequency.double()
    period = exact.float()
    # fmod takes away periods that are too long or short by a rounding; this gives it back.
    drift = (frequency.double() * (period.double() - exact) / exact).float()

    def project(timestep: Tensor) -> Tensor:
        shape = (-1, *(1 for _ in timestep.shape))
        rest = torch.fmod(timestep, period.view(shape))  # [F, ...]
        angle = rest * frequency.view(shape) + (timestep - rest) * drift.view(shape)
        waves = (
            [angle.cos(), angle.sin()] if projection.flip_sin_to_cos else [angle.sin(), angle.cos()]
        )
        return torch.cat(waves).movedim(0, -1)

    return project


def store_half(model: ir.Model) -> None:
    """Store float32 matrices and kernels of `model` as float16, and cast them back in the graph.

    Vectors (biases, norms) are small and stay; so do tensors that float16 cannot hold.
    """
    graph = model.graph
    for name, value in list(graph.initializers.items()):
        tensor = value.const_value
        if tensor is None or tensor.dtype != ir.DataType.FLOAT or len(tensor.shape) < 2:
            continue
        array = tensor.numpy()
        if np.abs(array).max(initial=0.0) > _HALF_MAX:
            continue
        stored = ir.Value(
            name=f"{name}.half",
            const_value=ir.tensor(array.astype(np.float16), name=f"{name}.half"),
        )
        cast = ir.node("Cast", [stored], {"to": ir.DataType.FLOAT}, name=f"{name}.cast")
        _replace_initializer(graph, value, stored, cast)


def _replace_initializer(graph: ir.Graph, value: ir.Value, stored: ir.Value, cast: ir.Node) -> None:
    name = value.name
    assert name is not None
    del graph.initializers[name]
    graph.register_initializer(stored)
    graph.insert_before(graph[0], cast)
    result = cast.outputs[0]
    result.name = name
    result.type, result.shape = value.type, value.shape
    ir.convenience.replace_all_uses_with(value, result)
