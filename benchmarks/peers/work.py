"""What a side of a comparison is given and answers: JSON lines on its standard input and output.

Also runs in environments of peers, and so imports nothing that one of them may lack.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

INSTRUCTION: Final = "make it night"


class Edit(NamedTuple):
    """One edit, of a picture that is as random as its noise."""

    seed: int
    steps: int
    text_guidance: float


class Work(NamedTuple):
    """Edits that arrive at once, of pictures of `size` pixels a side."""

    size: int
    edits: list[Edit]

    def pictures(self) -> list[Image.Image]:
        return [_picture(edit.seed, self.size) for edit in self.edits]


class Done(NamedTuple):
    """Seconds after which each edit was finished, and what all of them took: processor time, and
    rows of the UNet.
    """

    finished_s: list[float]
    cpu_s: float
    rows: int


def dumps(work: Work) -> str:
    return json.dumps([work.size, work.edits])


def loads(line: str) -> Work:
    size, edits = json.loads(line)
    return Work(size, [Edit(*edit) for edit in edits])


def answer(do: Callable[[Work], Done]) -> None:
    """Answer every line until there are no more. What libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w") as output:
        os.dup2(2, 1)
        for line in sys.stdin:
            print(json.dumps(do(loads(line))), file=output, flush=True)


def _picture(seed: int, size: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    return Image.fromarray(pixels)


def equal(edits: Sequence[Edit]) -> bool:
    """Whether they differ in nothing but the seed."""
    return len({(edit.steps, edit.text_guidance) for edit in edits}) == 1
