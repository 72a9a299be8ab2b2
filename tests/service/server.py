"""A server in a process of its own, over the fake backend."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2

from benchmarks.server import family
from service.settings import SOURCE_ROOT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


BENTOML = ["bentoml", "serve", "service.app:EditService", "--working-dir", str(SOURCE_ROOT)]
RETOUCH = ["retouch", "serve"]


def environment(bundle: Path, home: Path, **variables: str) -> dict[str, str]:
    return {
        **os.environ,
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        "RETOUCH_BUNDLE": str(bundle),
        "RETOUCH_BACKEND": "fake",
        "RETOUCH_JOBS_DIR": str(home / "jobs"),
        **variables,
    }


class Server:
    """A server over the fake backend, in a home of its own, started in the folder of the bundle."""

    def __init__(self, bundle: Path, home: Path, program: list[str], **variables: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (home / "log").open("wb")
        command = [sys.executable, "-m", *program, "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(
            command,
            env=environment(Path(bundle.name), home, **variables),
            cwd=bundle.parent,
            stdout=self._log,
            stderr=self._log,
        )

    def wait_ready(self) -> None:
        for _ in range(400):
            try:
                if httpx2.get(f"{self.url}/readyz", timeout=1).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            assert self.process.poll() is None, self.log()
            time.sleep(0.25)
        raise AssertionError(self.log())

    def edits_in_engine(self) -> float:
        lines = httpx2.get(f"{self.url}/metrics").text.splitlines()
        gauges = ("retouch_engine_running ", "retouch_engine_waiting ")
        return sum(float(line.split()[1]) for line in lines if line.startswith(gauges))

    def log(self) -> str:
        return Path(self._log.name).read_text()

    def kill(self) -> None:
        """As a crash does: all of its processes at once, without a word."""
        for pid in list(family(self.process.pid)):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(timeout=60)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self._log.close()
        return code


@contextlib.contextmanager
def started(
    bundle: Path, home: Path, program: list[str] = BENTOML, **variables: str
) -> Iterator[Server]:
    running = Server(bundle, home, program, **variables)
    try:
        running.wait_ready()
        yield running
    finally:
        running.stop()
