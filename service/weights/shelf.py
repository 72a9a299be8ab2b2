"""The packages of a folder, and which of them is served."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from runtime.errors import BackendError, BundleError, InvalidRequest
from runtime.weights.package import Package
from runtime.worker import EngineWorker
from service.errors import HttpError
from service.weights.errors import OFF, REFUSED

log = logging.getLogger("bentoml.retouch")


def check_folder(folder: Path | None) -> None:
    """Raises `ValueError` for a folder that is none."""
    if folder is not None and not folder.is_dir():
        raise ValueError(f"RETOUCH_WEIGHTS_DIR is {folder}, which is no folder; name one that is")


class Shelf:
    """For any thread; without a `folder` every call but `serving` raises `HttpError` 404."""

    def __init__(self, worker: EngineWorker, folder: Path | None) -> None:
        self._worker, self._folder = worker, folder
        self.serving: str | None = None
        """Name of the package that is served; None: the bundle's own weights."""

    def told(self) -> dict[str, Any]:
        """What is served, and every package that could be; files that are none are left out."""
        packages = []
        for name, path in sorted(self._files().items()):
            try:
                packages.append(self._entry(name, Package.open(path)))
            except BundleError as exc:
                log.info("%s is not listed: %s", name, exc)
        served = {"name": self.serving, "bundle": self._worker.digest}
        return {"serving": served, "packages": packages}

    def serve(self, name: str | None) -> None:
        """Blocks until the weights of a package, or None: of the bundle, are those that are served.

        Raises `InvalidRequest` for a name that no file has, `HttpError` 409 for a package that
        cannot be served, `WeightsChanging`, `OutOfMemory` or `ShuttingDown`.
        """
        files = self._files()
        if name is not None and name not in files:
            known = ", ".join(sorted(files)) or "none"
            raise InvalidRequest(
                f"name {name!r:.100} is no file of the folder, which has {known:.500}; give one of "
                "these, or null for the bundle's own weights"
            )
        try:
            self._worker.replace_weights(None if name is None else Package.open(files[name]))
        except (BundleError, BackendError) as exc:
            raise HttpError(REFUSED, f"the weights stay as they were: {exc}") from exc
        self.serving = name
        log.info("weights of %s are served, %s", name or "the bundle", self._worker.digest)

    def _files(self) -> dict[str, Path]:
        """By name; only what is listed here is ever opened."""
        if self._folder is None:
            raise HttpError(
                OFF, "weights cannot be replaced here; the operator sets RETOUCH_WEIGHTS_DIR"
            )
        found = (path for path in self._folder.iterdir() if not path.name.startswith("."))
        return {path.name: path for path in found if path.is_file()}

    def _entry(self, name: str, package: Package) -> dict[str, Any]:
        try:
            package.check_base(self._worker.bundle)
        except BundleError:
            return {"name": name, "bundle": package.digest, "fits": False}
        return {"name": name, "bundle": package.digest, "fits": True}
