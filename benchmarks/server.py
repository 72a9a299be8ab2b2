"""Servers in processes of their own: start one, wait until it is ready, weigh it, stop it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

LIMIT_S = 600


class Scale(threading.Thread):
    """Weighs a process and all below it, ten times a second, until it is stopped."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._stopped = threading.Event()
        self.peak_gib = 0.0
        """Largest sum of resident memory so far; pages that processes share count in each."""

    def run(self) -> None:
        while not self._stopped.wait(0.1):
            total = sum(_resident_kib(pid) for pid in family(self._pid))
            self.peak_gib = max(self.peak_gib, total / 2**20)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is ready: where, after how many seconds, and on which scale."""

    url: str
    ready_s: float
    scale: Scale
    pid: int

    def kill(self) -> None:
        """As a crash does: all of its processes, without a word."""
        for pid in list(family(self.pid)):
            os.kill(pid, signal.SIGKILL)


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
    scale = Scale(process.pid)
    scale.start()
    try:
        while not _ready(url):
            if process.poll() is not None or time.perf_counter() - start > LIMIT_S:
                raise RuntimeError(f"the server is not ready (exit status {process.poll()})")
            time.sleep(0.05)
        yield Server(url, time.perf_counter() - start, scale, process.pid)
    finally:
        scale.stop()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def family(pid: int) -> Iterator[int]:
    """`pid` and the processes that descend from it (Linux); some may end meanwhile."""
    yield pid
    with suppress(OSError):
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in file.read_text().split():
                yield from family(int(child))


def _resident_kib(pid: int) -> int:
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)
    return 0
