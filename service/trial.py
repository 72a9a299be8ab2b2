"""Opening the model, and trying whether it and the database open: `python -m service.trial`.

A trial is a process of its own, so that what the model took there is given back when it ends; a
server that had opened it itself would keep as much memory as the worker needs once more.
"""

from __future__ import annotations

import os
import subprocess
import sys

from runtime.content import open_classifier
from runtime.editor import open_engine
from runtime.errors import EditError
from runtime.worker import EngineWorker
from service.guard.admission import Guard
from service.guard.content import CheckingWorker
from service.jobs.database import open_database
from service.settings import SOURCE_ROOT, Settings
from service.weights.shelf import check_folder


def open_warm(settings: Settings) -> EngineWorker:
    """The engine, warm, and what checks its pictures if that is asked for. Raises `EditError`."""
    threshold = settings.content_threshold
    classifier = None if threshold is None else open_classifier()
    engine = open_engine(
        settings.bundle,
        backend=settings.backend,
        device=settings.device,
        precision=settings.precision,
        gpu=settings.gpu,
        limits=settings.limits,
        translator=settings.translator,
    )
    engine.warm_up()
    if classifier is None or threshold is None:
        return EngineWorker(engine)
    return CheckingWorker(engine, classifier, threshold)


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
    """Open all that is needed and leave; when that fails, stderr ends with the reason."""
    try:
        settings = Settings.from_env(os.environ)
        Guard(settings.access)
        check_folder(settings.weights)
        open_database(settings.jobs.database, settings.jobs.folder).close()
        open_warm(settings).close()
    except (EditError, ValueError) as exc:
        raise SystemExit(" ".join(f"{type(exc).__name__}: {exc}".split())) from exc


if __name__ == "__main__":
    main()
