"""The small CLIP as a judge: did the picture change the way its caption did?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import CLIPModel, CLIPTokenizer

from train.cases import Case
from train.clip import image_features, text_features
from train.evaluate import Critic, Numbers, Verdict
from train.picture import Picture
from train.recipe import Recipe
from train.scores import NONE
from train.stages import load_clip, load_tokenizer

# A change shorter than this counts for less: its direction is rounding.
_LEAST_CHANGE: Final = 1e-3


def open_judge(recipe: Recipe) -> Critic | None:
    """The small CLIP of a recipe's runs as a critic, if it was trained."""
    if not (recipe.runs / "clip" / "model").exists():
        return None
    return judge(load_clip(recipe), load_tokenizer(recipe))


def judge(model: CLIPModel, tokenizer: CLIPTokenizer) -> Critic:
    """A critic that gives ``direction`` and ``direction_best``, -1..1; NaN where nothing in the
    caption changes."""

    def critic(cases: Sequence[Case]) -> Verdict:
        before = image_features(model, [case.before for case in cases])
        after = image_features(model, [case.after for case in cases])
        first = text_features(model, tokenizer, [case.captions[0] for case in cases])
        last = text_features(model, tokenizer, [case.captions[1] for case in cases])
        asked = last - first
        best = _cosines(after - before, asked)

        def verdict(outputs: Sequence[Picture]) -> list[Numbers]:
            found = _cosines(image_features(model, outputs) - before, asked)
            pairs = zip(found, best, strict=True)
            return [{"direction": mine, "direction_best": ideal} for mine, ideal in pairs]

        return verdict

    return critic


def _cosines(changes: Tensor, asked: Tensor) -> list[float]:
    cosines = F.cosine_similarity(changes, asked, dim=1, eps=_LEAST_CHANGE)
    return torch.where(asked.norm(dim=1) > _LEAST_CHANGE, cosines, NONE).tolist()
