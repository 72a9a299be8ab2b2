"""Guidance plans: which branches a step evaluates, and with which weights.

Dual guidance (Brooks et al. 2023, equation 3), with s_T for the text and s_I for the image,

    e = e_null + s_I (e_image - e_null) + s_T (e_full - e_image),

is a weighted sum of three branches whose weights sum to 1. A branch of weight 0 is not evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from runtime.params import EditParams, PlanName


class Branch(IntEnum):
    """Conditioning of one row: text and image, the image alone, or neither."""

    FULL = 0
    IMAGE = 1
    NULL = 2


Weights = Mapping[Branch, float]


def exact(params: EditParams, step: int) -> Weights:
    """The formula itself at every step: 1, 2 or 3 branches, as the scales need."""
    s_t, s_i = params.text_guidance, params.image_guidance
    weights = {Branch.FULL: s_t, Branch.IMAGE: s_i - s_t, Branch.NULL: 1.0 - s_i}
    return {branch: weight for branch, weight in weights.items() if weight != 0.0}


PLANS: Final[Mapping[PlanName, Callable[[EditParams, int], Weights]]] = {PlanName.EXACT: exact}


def branch_weights(params: EditParams, step: int) -> Weights:
    """Non-zero weights of the branches that `params.plan` evaluates at `step` (from 0)."""
    return PLANS[params.plan](params, step)


def rescale(
    phi: float, weights: Weights, rows: Mapping[Branch, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """What to add to the mix of `rows` [C, h, w] so that its spread is that of the full branch.

    Guidance widens the spread of what the model predicts, which burns highlights out (Lin et al.
    2024, equations 15 and 16). `phi` is how much of it to take back.
    """
    mixed = np.sum([np.float32(w) * rows[branch] for branch, w in weights.items()], axis=0)
    spread = mixed.std()
    factor = phi * (rows[Branch.FULL].std() / spread - 1) if spread else 0.0
    change: NDArray[np.float32] = np.float32(factor) * mixed
    return change
