"""Opening the model, and trying whether it and the database open: `python -m service.trial`.

A trial is a process of its own, so that what the model took there is given back when it ends; a
server that had opened it itself would keep as much memory as the worker needs once more.
"""

from __future__ import annotations

import os
import subprocess
import sys

from runtime.editor import open_engine
from runtime.engine import Engine
from runtime.errors import EditError
from service.jobs.database import open_database
from service.settings import SOURCE_ROOT, Settings


def open_warm(settings: Settings) -> Engine:
    """The engine, warm. Raises `EditError`."""
    engine = open_engine(
        settings.bundle,
        backend=settings.backend,
        device=settings.device,
        precision=settings.precision,
        limits=settings.limits,
    )
    engine.warm_up()
    return engine


def trial() -> str | None:
    """What stands in the way of opening what the environment names; None if nothing."""
    path = os.pathsep.join(filter(None, (str(SOURCE_ROOT), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "service.trial"]
    tried = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    if tried.returncode == 0:
        return None
    said = tried.stderr.strip().splitlines()
    return said[-1] if said else f"opening the model ended with status {tried.returncode}"


def main() -> None:
    """Open them and leave, with the reason as the last line of stderr when that fails."""
    try:
        settings = Settings.from_env(os.environ)
        open_database(settings.jobs.database, settings.jobs.folder).close()
        open_warm(settings).close()
    except (EditError, ValueError) as exc:
        raise SystemExit(" ".join(f"{type(exc).__name__}: {exc}".split())) from exc


if __name__ == "__main__":
    main()
