"""Tells which object a box of a picture shows: a small classifier, trained on cut-outs in scenes.

The small CLIP, which has seen whole scenes alone, named one in ten of single objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import track
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from train.autoencoder import to_tensor
from train.cases import Case
from train.changes import NOUNS
from train.evaluate import Critic, Numbers, Verdict
from train.picture import Picture
from train.recipe import Recipe
from train.scenes import render
from train.scores import NONE
from train.stages import open_studio
from train.staging import Studio, draw_scene, generator

Box = tuple[float, float, float, float]  # left, top, right, bottom; fractions of the picture

SIDE: Final = 48
STEPS: Final = 900
_SEED: Final = 31
_SCENES: Final = 20  # in a step; each gives up to three objects and a place without any
_SIZE: Final = 128  # of the scenes they are from
_RATE: Final = 2e-3
_MARGIN: Final = 0.15  # shown around a box, as a share of it
_NAMES: Final = ("found", "found_best", "found_nothing")


class Finder(nn.Module):
    """Crops ``[B, 3, 48, 48]`` in -1..1 to logits ``[B, N + 1]``: of nothing, then of the nouns."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 32, 64, 128, 192)
        layers: list[nn.Module] = []
        for narrow, wide in zip(widths[:-1], widths[1:], strict=True):
            halving = nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=False)
            layers += [halving, nn.BatchNorm2d(wide), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3))
        self.head = nn.Linear(widths[-1] * (SIDE // 16) ** 2, len(NOUNS) + 1)

    def forward(self, crops: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(crops))
        return logits


def crop(picture: Picture, box: Box) -> Picture:
    """The square around a box, ``[48, 48, 3]``; edges are repeated where it leaves the picture."""
    height, width = picture.shape[:2]
    left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    reach = (1 + _MARGIN) * max(right - left, bottom - top, 2) / 2
    scale = SIDE / (2 * reach)
    x, y = (left + right) / 2 - reach, (top + bottom) / 2 - reach
    matrix = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]])
    shown = cv2.warpAffine(picture, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(shown, np.float32)


def examples(studio: Studio, number: int) -> list[tuple[Picture, int]]:
    """Crops of the objects of a scene and one of none, each with its class."""
    rng = generator(_SEED, number)
    nouns = [NOUNS[int(i)] for i in rng.choice(len(NOUNS), 3, replace=False)]
    scene = draw_scene(studio, _SIZE, rng, nouns)
    picture = _softened(render(scene), rng)
    made = [
        (crop(picture, _shaken(item.box, rng)), 1 + NOUNS.index(item.cutout.noun))
        for item in scene.objects
    ]
    x, y, size = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.45)
    empty = (x - size / 2, y - size / 2, x + size / 2, y + size / 2)
    if all(_apart(empty, item.box) for item in scene.objects):
        made.append((crop(picture, empty), 0))
    return made


def _softened(picture: Picture, rng: np.random.Generator) -> Picture:
    """As an autoencoder might show it."""
    sigma = float(rng.uniform(0.1, 1.2))
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def _shaken(box: Box, rng: np.random.Generator) -> Box:
    width, height = box[2] - box[0], box[3] - box[1]
    x, y = rng.normal(0, 0.05, 2) * (width, height)
    grow = rng.normal(0, 0.05) * max(width, height)
    return box[0] + x - grow, box[1] + y - grow, box[2] + x + grow, box[3] + y + grow


def _apart(one: Box, other: Box) -> bool:
    return one[0] > other[2] or one[2] < other[0] or one[1] > other[3] or one[3] < other[1]


def train_finder(studio: Studio, steps: int = STEPS) -> Finder:
    """A finder for the cut-outs of ``studio``: the same for the same arguments."""
    torch.manual_seed(_SEED)
    finder = Finder()
    optimizer = torch.optim.AdamW(finder.parameters(), lr=_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    for step in track(range(steps), description="finder"):
        numbers = range(step * _SCENES, (step + 1) * _SCENES)
        crops, labels = zip(*(e for n in numbers for e in examples(studio, n)), strict=True)
        loss = F.cross_entropy(finder(to_tensor(crops)), torch.tensor(labels), label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return finder.eval().requires_grad_(False)


def open_finder(recipe: Recipe) -> Finder:
    """The finder of a recipe's runs, trained first where there is none: a few minutes."""
    file = recipe.runs / "finder" / "finder.safetensors"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        save_model(train_finder(open_studio(recipe, "train", _SIZE)), str(file))
    finder = Finder()
    load_model(finder, str(file))
    return finder.eval().requires_grad_(False)


def seeker(finder: Finder) -> Critic:
    """A critic that gives ``found``, ``found_best`` and ``found_nothing``: 1 where the finder sees
    the noun in its box if it is wanted, or does not see it if not; NaN with nothing to find."""

    def critic(cases: Sequence[Case]) -> Verdict:
        best = _found(finder, cases, [case.after for case in cases])
        nothing = _found(finder, cases, [case.before for case in cases])

        def verdict(outputs: Sequence[Picture]) -> list[Numbers]:
            found = zip(_found(finder, cases, outputs), best, nothing, strict=True)
            return [dict(zip(_NAMES, numbers, strict=True)) for numbers in found]

        return verdict

    return critic


def _found(finder: Finder, cases: Sequence[Case], pictures: Sequence[Picture]) -> list[float]:
    found = [NONE] * len(cases)
    for i, (case, picture) in enumerate(zip(cases, pictures, strict=True)):
        if case.presence is not None:
            seen = int(finder(to_tensor([crop(picture, case.presence.box)])).argmax())
            there = seen == 1 + NOUNS.index(case.presence.noun)
            found[i] = float(there == case.presence.wanted)
    return found
