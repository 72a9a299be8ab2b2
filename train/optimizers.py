"""The optimisers of a run: AdamW, and Muon for the matrices inside a network.

Muon (Jordan et al. 2024) makes every update of a matrix orthogonal, so that all its directions
learn alike. A kernel ``[out, in, h, w]`` is the matrix ``[out, in * h * w]``. Updates are as large
as AdamW's (Liu et al. 2025, section 2.2), so that one learning rate serves both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import nn

_BETAS: Final = (0.9, 0.99)


def build_optimizers(
    module: nn.Module, hidden: Sequence[nn.Parameter], learning_rate: float, weight_decay: float
) -> list[torch.optim.Optimizer]:
    """AdamW for the parameters of ``module``, but Muon for those in ``hidden``, if any. Every
    parameter must have its gradient already, and keep that tensor."""
    chosen = {id(parameter) for parameter in hidden}
    others = [parameter for parameter in module.parameters() if id(parameter) not in chosen]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(
            others, lr=learning_rate, betas=_BETAS, weight_decay=weight_decay, fused=True
        )
    ]
    if hidden:
        matrices = [_as_matrix(parameter) for parameter in hidden]
        optimizers.append(
            torch.optim.Muon(
                matrices,
                lr=learning_rate,
                weight_decay=weight_decay,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    return optimizers


def _as_matrix(parameter: nn.Parameter) -> nn.Parameter:
    """The same memory, seen as a matrix, and its gradient likewise."""
    assert parameter.grad is not None
    matrix = nn.Parameter(parameter.detach().flatten(1))
    matrix.grad = parameter.grad.flatten(1)
    return matrix
