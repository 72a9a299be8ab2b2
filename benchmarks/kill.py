"""kill -9 at random moments, under load and with jobs queued: is an accepted job ever lost?

python -m benchmarks.kill [--kills 20] [--bundle models/mini]
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import typer
from PIL import Image

from benchmarks.hardware import hardware
from benchmarks.server import Server, serving

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "models" / "examples" / "cat.jpg"
FIELDS = {"instruction": "make it black and white", "steps": 4, "max_size": 64}
MOMENTS_S = (0.2, 6.0)  # after the server is ready
QUEUED = 12
PATIENCE_S = 300


@dataclass
class Ledger:
    """What was promised and what was seen: the seed of each accepted job, digests of its results.

    `unsure` counts submissions whose answer a kill took away.
    """

    accepted: dict[str, int] = field(default_factory=dict)
    seen: dict[str, set[str]] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    edits: int = 0
    unsure: int = 0


def main(
    kills: int = 20, bundle: Path = Path("models/mini"), port: int = 3997, seed: int = 0
) -> None:
    """Print a JSON line for every kill, and one with the verdict; exit with 1 when it is bad."""
    moments = random.Random(seed)
    ledger = Ledger()
    upload = PICTURE.read_bytes()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        for number in range(1, kills + 1):
            with _server(bundle, port, home) as server, _load(server.url, upload, ledger):
                time.sleep(moments.uniform(*MOMENTS_S))
                server.kill()
            print(json.dumps({"kill": number, "accepted": len(ledger.accepted)}), flush=True)
        with _server(bundle, port, home) as server:
            _look(server.url, ledger, time.perf_counter() + PATIENCE_S)
            wrong = _different(server.url, upload, ledger)
    lost = [job for job in ledger.accepted if job not in ledger.seen]
    line = {
        "benchmark": "kill",
        "verdict": "bad" if lost or wrong else "good",
        "kills": kills,
        "accepted": len(ledger.accepted),
        "lost": len(lost),
        "failed": len(ledger.failed),
        "different": len(wrong),
        "begun_more_than_once": sum(count > 1 for count in ledger.attempts.values()),
        "most_attempts": max(ledger.attempts.values()),
        "submissions_cut_off": ledger.unsure,
        "edits_beside": ledger.edits,
        "seconds": round(time.perf_counter() - began, 1),
        **hardware(),
    }
    print(json.dumps(line), flush=True)
    raise SystemExit(bool(lost or wrong))


@contextmanager
def _server(bundle: Path, port: int, home: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "retouch", "serve", "--port", str(port)]
    command += ["--bundle", str(bundle.resolve())]
    settings = {"RETOUCH_JOBS_DIR": home, "RETOUCH_JOBS_MAX_QUEUED": str(QUEUED)}
    with serving(command, ROOT, port, BENTOML_HOME=home, **settings) as server:
        yield server


@contextmanager
def _load(url: str, upload: bytes, ledger: Ledger) -> Iterator[None]:
    """Submits jobs, edits beside them and fetches results, until the block ends."""
    stop = threading.Event()
    lock = threading.Lock()
    chores = [_submit, _submit, _edit, _fetch]

    def work(chore: Any) -> None:
        while not stop.is_set():
            try:
                chore(url, upload, ledger, lock)
            except httpx2.TransportError:
                stop.wait(0.02)  # killed

    threads = [threading.Thread(target=work, args=(chore,)) for chore in chores]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _submit(url: str, upload: bytes, ledger: Ledger, lock: threading.Lock) -> None:
    try:
        answer = httpx2.post(f"{url}/jobs", files={"image": upload}, data=FIELDS, timeout=60)
    except httpx2.TransportError:
        ledger.unsure += 1
        raise
    if answer.status_code == 429:
        time.sleep(0.2)
    elif answer.status_code == 202:
        job = answer.json()
        with lock:
            ledger.accepted[job["id"]] = job["seeds"][0]


def _edit(url: str, upload: bytes, ledger: Ledger, lock: threading.Lock) -> None:
    """Somebody who waits for an edit now and then."""
    answer = httpx2.post(f"{url}/edit", files={"image": upload}, data=FIELDS, timeout=60)
    ledger.edits += answer.status_code == 200
    time.sleep(0.5)


def _fetch(url: str, upload: bytes, ledger: Ledger, lock: threading.Lock) -> None:
    """Results as they come, so that a later one can be compared."""
    with lock:
        waiting = [job for job in ledger.accepted if job not in ledger.seen]
    for job in waiting[:5]:
        _see(url, job, ledger)
    time.sleep(0.2)


def _see(url: str, job: str, ledger: Ledger) -> str:
    told = httpx2.get(f"{url}/jobs/{job}", timeout=60).json()
    if told["status"] == "done":
        result = httpx2.get(f"{url}{told['result_url']}", timeout=60)
        ledger.seen.setdefault(job, set()).add(_pixels(result.content))
        ledger.attempts[job] = told["attempts"]
    elif told["status"] == "failed":
        ledger.failed.add(job)
    return str(told["status"])


def _look(url: str, ledger: Ledger, deadline: float) -> None:
    """See every job that was accepted once more, at its end."""
    for job in ledger.accepted:
        while _see(url, job, ledger) in ("queued", "running") and time.perf_counter() < deadline:
            time.sleep(0.2)


def _different(url: str, upload: bytes, ledger: Ledger) -> list[str]:
    """Jobs that had another picture than the edit of the same seed, at any time."""
    wrong = []
    for job, pictures in ledger.seen.items():
        form = {**FIELDS, "seed": ledger.accepted[job]}
        edit = httpx2.post(f"{url}/edit", files={"image": upload}, data=form, timeout=60)
        if pictures != {_pixels(edit.content)}:
            wrong.append(job)
    return wrong


def _pixels(picture: bytes) -> str:
    return hashlib.sha256(Image.open(io.BytesIO(picture)).convert("RGB").tobytes()).hexdigest()


if __name__ == "__main__":
    typer.run(main)
