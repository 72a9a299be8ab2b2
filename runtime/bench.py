"""How long ticks and whole edits take on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from runtime.editor import edit_params, result_of
from runtime.engine import Engine
from runtime.request import Request
from runtime.scheduler import Limits


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of one tick of so many `requests`, or of one whole edit, over `count` of them.

    `rows` are those of the UNet that one of them evaluates.
    """

    what: Literal["tick", "edit"]
    requests: int
    rows: float
    count: int
    p50_s: float
    min_s: float
    max_s: float


def limits_for(size: int, batches: Sequence[int]) -> Limits:
    """Bounds that let ticks hold as many edits, of three rows each, as are to be measured."""
    rows = 3 * max(batches)
    return Limits(
        max_rows=rows,
        max_running=max(batches),
        max_pixels=max(size * size, 64 * 64),
        max_tick_pixels=rows * size * size,
    )


def measure(
    engine: Engine, size: int, steps: int, repeat: int, batches: Sequence[int]
) -> Iterator[Measured]:
    """Whole edits one after the other, then ticks of each number of edits in `batches`.

    Each is done once before it counts, because libraries compile new shapes. Pictures are noise of
    `size` pixels square, all different: encoded ones would be kept. An engine that takes fewer rows
    makes smaller ticks, which `rows` tells. Raises `EditError`.
    """
    edits = [_edit(engine, size, steps, seed) for seed in range(repeat + 1)][1:]
    yield _measured("edit", 1, edits)
    for requests in batches:
        _ticks(engine, size, 3, requests)
        ticks: list[tuple[float, int]] = []
        while len(ticks) < repeat:
            ticks += _ticks(engine, size, steps, requests)
        yield _measured("tick", requests, ticks)


def _edit(engine: Engine, size: int, steps: int, seed: int) -> tuple[float, int]:
    """Seconds and rows."""
    request = _request(engine, size, steps, seed)
    engine.add(request)
    begun = time.perf_counter()
    while not request.finished:
        engine.step()
    seconds = time.perf_counter() - begun
    return seconds, result_of(request).rows


def _ticks(engine: Engine, size: int, steps: int, requests: int) -> list[tuple[float, int]]:
    """Seconds and rows of every tick in which nobody joins or is decoded."""
    made = [_request(engine, size, steps, 1000 + seed) for seed in range(requests)]
    engine.add(*made)
    engine.step()  # all of them join an idle engine, and are encoded
    found = []
    while not all(request.finished for request in made):
        before, begun = engine.stats().rows, time.perf_counter()
        ended = engine.step()
        if not ended:
            found.append((time.perf_counter() - begun, engine.stats().rows - before))
    for request in made:
        result_of(request)
    return found


def _request(engine: Engine, size: int, steps: int, seed: int) -> Request:
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    asked = {"steps": steps, "max_size": size, "seed": seed}
    params = edit_params(engine.manifest, "make it night", asked)
    return engine.prepare(Image.fromarray(pixels), params)


def _measured(
    what: Literal["tick", "edit"], requests: int, found: Sequence[tuple[float, int]]
) -> Measured:
    seconds = [one for one, _ in found]
    rows = statistics.mean(rows for _, rows in found)
    middle = statistics.median(seconds)
    return Measured(what, requests, rows, len(found), middle, min(seconds), max(seconds))
