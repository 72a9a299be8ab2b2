from __future__ import annotations

from pathlib import Path

import pytest

from tests.drawn_studio import drawn_studio
from train import sampling
from train.cases import Case, draw_case
from train.sampling import Pipeline
from train.staging import Studio
from train.suites import ROWS, Size


@pytest.fixture(scope="session")
def studio() -> Studio:
    return drawn_studio()


@pytest.fixture(scope="session")
def every(studio: Studio) -> list[Case]:
    """A case of every row."""
    return [draw_case(studio, row, 0, Size(64, 64), "seen", 11) for row in ROWS]


@pytest.fixture(scope="session")
def pipeline(other_checkpoint: Path) -> Pipeline:
    return sampling.load_pipeline(other_checkpoint)
