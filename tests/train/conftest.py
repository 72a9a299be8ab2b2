from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch

from tests.drawn_studio import drawn_studio
from train.cases import Case, draw_case
from train.changes import NOUNS
from train.cutouts import Cutout
from train.objects import Props
from train.staging import Studio
from train.suites import ROWS, Size

if TYPE_CHECKING:
    from train.sampling import Pipeline


class DrawnStyles:
    """Stands in for the fetched network: a painting is the picture, rolled through its channels."""

    def apply(self, kind: str, picture: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(picture[..., [1, 2, 0]])


def drawn_cutout(noun: str, number: int) -> Cutout:
    """A disc in a colour of its own on a see-through square."""
    pixels = np.zeros((40, 40, 4), np.uint8)
    hue = np.random.default_rng([number, len(noun)]).integers(60, 256, 3)
    cv2.circle(pixels, (20, 20), 18, (*(int(value) for value in hue), 255), -1)
    return Cutout(noun, "drawn", f"{noun}-{number}", pixels)


@pytest.fixture(autouse=True)
def _the_same_weights() -> None:
    """A tiny network with unlucky random weights can be dead: every test starts from one seed."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def studio() -> Studio:
    """A studio of drawn objects on noisy photographs."""
    rng = np.random.default_rng(1)
    photos = [rng.integers(0, 256, (90, 120, 3), dtype=np.uint8) for _ in range(3)]
    drawn = {noun: [drawn_cutout(noun, number) for number in range(2)] for noun in NOUNS}
    props = Props(
        {noun: choice[0] for noun, choice in drawn.items()},
        {name: drawn_cutout(name, 9) for name in ("hat", "sunglasses")},
    )
    return Studio(photos, drawn, props, DrawnStyles())  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def smooth_studio() -> Studio:
    """One in which every noun looks different, with photographs that survive a blur."""
    return drawn_studio()


@pytest.fixture(scope="session")
def every(smooth_studio: Studio) -> list[Case]:
    """A case of every row of an evaluation."""
    return [draw_case(smooth_studio, row, 0, Size(64, 64), "seen", 11) for row in ROWS]


@pytest.fixture(scope="session")
def pipeline(other_checkpoint: Path) -> Pipeline:
    from train import sampling

    return sampling.load_pipeline(other_checkpoint)
