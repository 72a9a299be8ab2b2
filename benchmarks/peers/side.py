"""A side of a comparison, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from benchmarks.peers.work import Done, Work, dumps

ROOT = Path(__file__).resolve().parent.parent.parent


class Side:
    """Gives work to `command`, run in the project's folder, until the block that it opens ends.

    `started` is when, in `time.perf_counter()`'s time; `peak_gib`, the most resident memory that it
    had, is known after the block.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command

    def __enter__(self) -> Self:
        self._errors = tempfile.TemporaryFile("w+")
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        return self

    def do(self, work: Work) -> Done:
        """Raises `RuntimeError`, with the end of what it said, when it ends instead."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # told below, with the reason
            print(dumps(work), file=self._process.stdin, flush=True)
        if line := self._process.stdout.readline():
            return Done(*json.loads(line))
        self._errors.seek(0)
        raise RuntimeError(f"{self._command} ended: {self._errors.read()[-2000:]}")

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._process.stdout.close()
        self._errors.close()
        self.peak_gib = usage.ru_maxrss / 2**20  # Linux counts in KiB
