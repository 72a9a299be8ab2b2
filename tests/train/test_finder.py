from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from train import finder
from train.autoencoder import to_tensor
from train.cases import Case, Presence
from train.changes import NOUNS
from train.picture import Picture
from train.staging import Studio


class Named(finder.Finder):
    """Sees the noun whose number is ten times the red of a crop's middle."""

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        red = (crops[:, 0, 20:28, 20:28].mean(dim=(1, 2)) + 1) / 2
        return torch.nn.functional.one_hot((10 * red).round().long(), len(NOUNS) + 1).float()


def test_an_object_is_to_be_there_or_gone(every: list[Case]) -> None:
    def box(value: float) -> Picture:
        picture = np.zeros((64, 64, 3), np.float32)
        picture[16:32, 32:48] = value
        return picture

    place = (0.5, 0.25, 0.75, 0.5)
    there, gone = Presence(NOUNS[2], place, True), Presence(NOUNS[2], place, False)
    blank = replace(every[0], before=box(0), after=box(0.3))
    todo = [replace(blank, presence=presence) for presence in (there, gone, None)]
    verdict = finder.seeker(Named())(todo)
    shown, hidden = verdict([box(0.3)] * 3), verdict([box(0.7)] * 3)
    assert [n["found"] for n in shown[:2]] == [1, 0]
    assert [n["found"] for n in hidden[:2]] == [0, 1]
    assert [n["found_best"] for n in shown[:2]] == [1, 0]
    assert [n["found_nothing"] for n in shown[:2]] == [0, 1]
    assert math.isnan(shown[2]["found"])


def test_finder_learns_what_it_is_shown(smooth_studio: Studio) -> None:
    learned = finder.train_finder(smooth_studio, steps=25)
    made = [
        example
        for number in range(5000, 5010)
        for example in finder.examples(smooth_studio, number)
    ]
    crops, labels = zip(*made, strict=True)
    assert 0 in labels
    said = learned(to_tensor(crops)).argmax(dim=1).tolist()
    right = np.mean([a == b for a, b in zip(said, labels, strict=True)])
    assert right > 0.2, "chance is 1 in 38"
