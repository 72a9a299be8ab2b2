"""Servers in processes of their own: start one, wait until it is ready, weigh it, stop it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LIMIT_S = 600


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is ready: where, in which process, and after how many seconds."""

    url: str
    pid: int
    ready_s: float

    def peak_gib(self) -> float:
        """Largest resident memory so far, summed over the process and all below it.

        Every process is taken at its own peak and pages that they share count in each of them, so
        that the sum is an upper bound.
        """
        return sum(_peak_kib(pid) for pid in _family(self.pid)) / 2**20


@contextmanager
def serving(command: Sequence[str], folder: Path, port: int, **variables: str) -> Iterator[Server]:
    """Runs `command`, which must listen at `port`, in `folder`, with environment `variables`.

    Raises `RuntimeError` when it ends, or is not ready within `LIMIT_S`.
    """
    url = f"http://127.0.0.1:{port}"
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _ready(url):
            if process.poll() is not None or time.perf_counter() - start > LIMIT_S:
                raise RuntimeError(f"the server is not ready (exit status {process.poll()})")
            time.sleep(0.05)
        yield Server(url, process.pid, time.perf_counter() - start)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _family(pid: int) -> Iterator[int]:
    """`pid` and the processes that descend from it (Linux)."""
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in file.read_text().split():
            yield from _family(int(child))


def _peak_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
