"""Half precision: what computes in it, what is only stored in it, and what stays float32.

text_encoder, tick   weights and arithmetic in float16, except islands of float32: norms, whose
                     variances overflow, and the timestep embedding. Mix and sampler arithmetic
                     are outside the UNet and float32 already.
image_encoder,       weights stored in float16, arithmetic in float32: activations of several
image_decoder        autoencoders exceed float16's 65504, which shows as black pictures, and these
                     graphs run once an edit, not once a step.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx_ir as ir
import torch
from diffusers.models.embeddings import TimestepEmbedding
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
    for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
        if tensor.is_floating_point():
            tensor.data = tensor.data.to(torch.float16)


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
