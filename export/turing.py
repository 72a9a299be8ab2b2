"""The form of the graphs for compute 7.5 (Turing), where TensorRT-RTX has no float32 products.

It has float32 convolutions and float16 products. So the Linear layers that stay float32, those of
the timestep's embedding and of attention in an autoencoder, become convolutions, which is the same
arithmetic, and every attention multiplies in float16. The bounds of the parity report are those of
the usual form.
"""

from __future__ import annotations

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor
from diffusers.models.embeddings import TimestepEmbedding
from torch import Tensor, nn

from export.precision import HALF_ARITHMETIC
from runtime.manifest import GraphName


class Pointwise(nn.Module):
    """`linear` as a convolution of width 1 in float32, [R, C] -> [R, D] or [B, N, C] -> [B, N, D].

    `out` is the type of the result.
    """

    def __init__(self, linear: nn.Linear, out: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.weight = nn.Parameter(linear.weight.detach()[:, :, None])  # [D, C, 1]
        self.bias = linear.bias
        self.out = out

    def forward(self, x: Tensor) -> Tensor:
        columns = x.float()[..., None] if x.ndim == 2 else x.float().mT  # [R, C, 1], [B, C, N]
        result = nn.functional.conv1d(columns, self.weight, self.bias).to(self.out)
        return result[..., 0] if x.ndim == 2 else result.mT


def without_float32_products(name: GraphName, module: nn.Module) -> None:
    """Replace in place the products of a graph that would be float32 in an export in fp16.

    `module` has float32 weights still.
    """
    for child in module.modules():
        if isinstance(child, TimestepEmbedding):
            child.linear_1, child.linear_2 = Pointwise(child.linear_1), Pointwise(child.linear_2)
        elif isinstance(child, Attention) and name not in HALF_ARITHMETIC:
            _split_scale(child)
            for projection in ("to_q", "to_k", "to_v"):
                setattr(child, projection, Pointwise(getattr(child, projection), torch.float16))
            child.to_out[0] = Pointwise(child.to_out[0])
        elif isinstance(child, Attention) and child.upcast_attention:
            _split_scale(child)


@torch.no_grad()
def _split_scale(attention: Attention) -> None:
    """Scale queries and keys before their product, which float16 could not hold, not after it."""
    for projection in (attention.to_q, attention.to_k):
        for tensor in projection.parameters():
            tensor *= attention.scale**0.5
    attention.scale = 1.0
    attention.upcast_attention, attention.upcast_softmax = False, True
    attention.set_processor(AttnProcessor())  # the one that heeds both
