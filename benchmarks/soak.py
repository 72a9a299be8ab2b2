"""Many clients with mixed edits for minutes: right answers, right refusals, flat memory.

python -m benchmarks.soak [--clients 200] [--seconds 300] [--bundle models/mini] [--backend auto]

Every client sends one edit after another and comes back as `Retry-After` says when it is refused.
Edits are drawn from a table of sizes, steps, scales and seeds; an answer must be the picture that
an engine of this process makes of the same edit alone. Memory is what the server's `/metrics`
tells, its mean over the second fifth of the time against the last.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from benchmarks.hardware import hardware
from benchmarks.server import serving
from runtime import open_editor

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "models" / "examples" / "coffee.jpg"
INSTRUCTION = "make it black and white"
BOUND = 0.03  # by which memory may differ
PATIENCE_S = 600.0
_MEMORY = "process_resident_memory_bytes "

SIZES = ((64, 64), (128, 96), (96, 128), (256, 192))
STEPS = (1, 2, 5)
SCALES = ((7.5, 1.5), (5.0, 1.0), (1.0, 1.0))  # three rows a step, two, one
SEEDS = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Case:
    """One edit, and its right answer: RGB, [H, W, 3]."""

    upload: bytes
    fields: dict[str, Any]
    right: NDArray[np.uint8]


@dataclass(slots=True)
class Tally:
    """What came back. `wrong` tells the first answers that should not have come."""

    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    worst: int = 0  # difference of a value from the right one
    seconds: list[float] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds, bytes

    def blame(self, told: str) -> None:
        self.answers["wrong"] += 1
        self.wrong = [*self.wrong, told][:5]


def main(
    bundle: Path = Path("models/mini"),
    clients: int = 200,
    seconds: float = 300.0,
    backend: str = "auto",
    tolerance: int = 0,
    port: int = 4396,
) -> None:
    """Print one JSON line; the exit status is 1 when a bound is broken."""
    cases = _cases(bundle, backend)
    command = [sys.executable, "-m", "retouch", "serve", "--port", str(port)]
    command += ["--bundle", str(bundle.resolve()), "--backend", backend]
    with (
        tempfile.TemporaryDirectory() as home,
        serving(command, ROOT, port, BENTOML_HOME=home, RETOUCH_JOBS_DIR=home) as server,
    ):
        tally = asyncio.run(_soak(server.url, cases, clients, seconds, tolerance))
    memory = [_fifth(tally.memory, place, seconds) / 2**20 for place in range(5)]
    change = memory[4] / memory[1] - 1
    line = {
        "benchmark": "soak",
        "bundle": str(bundle),
        "backend": backend,
        "clients": clients,
        "seconds": seconds,
        "cases": len(cases),
        "answers": dict(tally.answers),
        "worst_difference": tally.worst,
        "wrong": tally.wrong,
        "p50_s": statistics.median(tally.seconds),
        "max_s": max(tally.seconds),
        "memory_mib": memory,
        "memory_change": change,
        **hardware(),
    }
    print(json.dumps(line))
    if tally.wrong or abs(change) > BOUND:
        raise typer.Exit(1)


def _cases(bundle: Path, backend: str) -> list[Case]:
    """All combinations; each size is of a picture of its own."""
    cases = []
    with Image.open(EXAMPLE) as example, open_editor(bundle, backend=backend) as editor:
        for size, steps, (text, image), seed in itertools.product(SIZES, STEPS, SCALES, SEEDS):
            fields: dict[str, Any] = {"steps": steps, "seed": seed, "max_size": max(size)}
            fields |= {"text_guidance": text, "image_guidance": image}
            stream = io.BytesIO()
            example.resize(size).save(stream, "PNG")
            result = editor.edit(Image.open(stream), INSTRUCTION, **fields)
            asked = fields | {"instruction": INSTRUCTION}
            cases.append(Case(stream.getvalue(), asked, np.asarray(result.image)))
    return cases


async def _soak(url: str, cases: list[Case], clients: int, seconds: float, tolerance: int) -> Tally:
    tally, start = Tally(), time.monotonic()
    # The server closes connections that were idle for five seconds, just as one may be used again.
    limits = httpx2.Limits(max_connections=clients + 1, keepalive_expiry=2)
    async with (
        httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S, limits=limits) as client,
        asyncio.TaskGroup() as group,
    ):
        for number in range(clients):
            chosen = random.Random(number)
            group.create_task(_one(client, cases, chosen, start + seconds, tally, tolerance))
        group.create_task(_watch(client, start, seconds, tally))
    return tally


async def _one(
    client: httpx2.AsyncClient,
    cases: list[Case],
    chosen: random.Random,
    end: float,
    tally: Tally,
    tolerance: int,
) -> None:
    while time.monotonic() < end:
        case, sent = chosen.choice(cases), time.monotonic()
        try:
            answer = await client.post("/edit", files={"image": case.upload}, data=case.fields)
        except httpx2.TransportError as exc:
            tally.blame(f"no answer: {exc!r}")
            continue
        wait = answer.headers.get("retry-after", "")
        if answer.status_code in (429, 503) and wait.isdecimal():
            tally.answers[str(answer.status_code)] += 1
            await asyncio.sleep(int(wait) * chosen.uniform(1, 1.5))
        elif answer.status_code != 200:
            tally.blame(f"{answer.status_code}: {answer.text[:200]}")
        else:
            tally.seconds.append(time.monotonic() - sent)
            _check(case, answer, tally, tolerance)


def _check(case: Case, answer: httpx2.Response, tally: Tally, tolerance: int) -> None:
    """Whether it is this client's own picture."""
    got = np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)
    seed = answer.headers["x-retouch-seed"]
    if got.shape != case.right.shape or seed != str(case.fields["seed"]):
        tally.blame(f"another edit: {got.shape}, seed {seed} for {case.fields}")
        return
    difference = int(np.abs(got - case.right).max())
    tally.worst = max(tally.worst, difference)
    if difference > tolerance:
        tally.blame(f"differs by {difference} of 255: {case.fields}")
    else:
        tally.answers["right"] += 1


async def _watch(client: httpx2.AsyncClient, start: float, seconds: float, tally: Tally) -> None:
    """The server's memory, once a second."""
    while (now := time.monotonic() - start) < seconds:
        with suppress(httpx2.TransportError):  # one of many looks, on a machine that is full
            lines = (await client.get("/metrics")).text.splitlines()
            (told,) = (line for line in lines if line.startswith(_MEMORY))
            tally.memory.append((now, float(told.removeprefix(_MEMORY))))
        await asyncio.sleep(1)


def _fifth(memory: list[tuple[float, float]], place: int, seconds: float) -> float:
    """Mean bytes in a fifth of the time; 0 is the first."""
    low, high = place * seconds / 5, (place + 1) * seconds / 5
    return statistics.fmean(size for now, size in memory if low <= now < high)


if __name__ == "__main__":
    typer.run(main)
