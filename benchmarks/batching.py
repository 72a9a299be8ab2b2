"""Eight edits of different settings: one after another, and mixed in one engine.

python -m benchmarks.batching [--bundle models/mini] [--size 128] [--repeat 5]
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import typer
from PIL import Image

from benchmarks.hardware import hardware
from runtime import Editor, EditParams, EditResult, Limits, SamplerName, open_editor

INSTRUCTIONS = ["make it night", "make it black and white", "make it sepia", "invert the colours"]


def mixed(editor: Editor, size: int) -> list[EditParams]:
    """Eight edits that share no setting but the size."""
    samplers = list(SamplerName)
    return [
        editor.params(
            INSTRUCTIONS[i % 4],
            seed=i,
            steps=6 + 2 * i,
            sampler=samplers[i % len(samplers)],
            text_guidance=1.0 + 0.25 * i,
            image_guidance=[1.0, 1.5, 2.0][i % 3],
            max_size=size,
        )
        for i in range(8)
    ]


def main(bundle: Path = Path("models/mini"), size: int = 128, repeat: int = 5) -> None:
    """Print one JSON line: seconds of both ways, their ratio, and how far pictures differ."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8))
    with open_editor(bundle, limits=Limits(max_cache_bytes=0)) as editor:  # encode every time
        edits = [(image, params) for params in mixed(editor, size)]
        solo_s: list[float] = []
        together_s: list[float] = []
        for _ in range(repeat + 1):
            start = time.perf_counter()
            solo = [editor.edit_many([edit])[0] for edit in edits]
            middle = time.perf_counter()
            together = editor.edit_many(edits)
            solo_s.append(middle - start)
            together_s.append(time.perf_counter() - middle)
    ratios = sorted(a / b for a, b in zip(solo_s[1:], together_s[1:], strict=True))
    line: dict[str, Any] = {
        "benchmark": "batching",
        "bundle": str(bundle),
        "size": size,
        "solo_s": statistics.median(solo_s[1:]),
        "together_s": statistics.median(together_s[1:]),
        "ratio": statistics.median(ratios),
        "ratio_spread": [ratios[0], ratios[-1]],
        "largest_pixel_difference": max(map(_difference, solo, together)),
        **hardware(),
    }
    print(json.dumps(line))


def _difference(one: object, other: object) -> int:
    assert isinstance(one, EditResult)
    assert isinstance(other, EditResult)
    gap = np.asarray(one.image, np.int16) - np.asarray(other.image, np.int16)
    return int(np.abs(gap).max())


if __name__ == "__main__":
    typer.run(main)
