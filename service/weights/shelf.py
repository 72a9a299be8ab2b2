"""The packages of a folder, and which of them is served."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from runtime.errors import BackendError, BundleError, InvalidRequest
from runtime.weights.package import Package
from runtime.weights.scratch import remove_abandoned
from runtime.worker import EngineWorker
from service.errors import HttpError
from service.weights.errors import OFF, REFUSED

log = logging.getLogger("bentoml.retouch")


def check_folder(folder: Path | None) -> None:
    """Raises `ValueError` for a folder that is none."""
    if folder is not None and not folder.is_dir():
        raise ValueError(f"RETOUCH_WEIGHTS_DIR is {folder}, which is no folder; name one that is")


class Shelf:
    """For any thread; without a `folder` every call raises `HttpError` 404."""

    def __init__(self, worker: EngineWorker, folder: Path | None) -> None:
        self._worker, self._folder = worker, folder
        if folder is not None:
            remove_abandoned()

    def told(self) -> dict[str, Any]:
        """What is served, and every package that could be; files that are none are left out."""
        packages = []
        for name, path in sorted(self._files().items()):
            try:
                packages.append(self._entry(name, Package.open(path)))
            except BundleError as exc:
                log.info("%s is not listed: %s", name, exc)
        return {"serving": self._served(), "packages": packages}

    def serve(self, name: str | None) -> None:
        """Blocks until the weights of a package, or None: of the bundle, are those that are served.

        Raises `InvalidRequest` for a name that no file has, `HttpError` 409 for a package that
        cannot be served, `WeightsChanging`, `OutOfMemory` or `ShuttingDown`.
        """
        self._named()
        path = None if name is None else self._file(name)
        try:
            self._worker.replace_weights(None if path is None else Package.open(path))
        except (BundleError, BackendError) as exc:
            raise HttpError(REFUSED, f"the weights stay as they were: {exc}") from exc
        log.info("weights of %s are served, %s", name or "the bundle", self._worker.digest)

    def _served(self) -> dict[str, str | None]:
        package = self._worker.weights
        if package is None:
            return {"name": None, "bundle": self._worker.bundle.manifest.digest()}
        return {"name": package.path.name, "bundle": package.digest}

    def _file(self, name: str) -> Path:
        files = self._files()
        if name not in files:
            known = ", ".join(sorted(files)) or "none"
            raise InvalidRequest(
                f"name {name!r:.100} is no file of the folder, which has {known:.500}; give one of "
                "these, or null for the bundle's own weights"
            )
        return files[name]

    def _files(self) -> dict[str, Path]:
        """By name; only what is listed here is ever opened. A name that is no text is left out.

        None in a folder that is gone: the bundle's own weights can be served all the same.
        """
        try:
            found = [path for path in self._named().iterdir() if path.is_file()]
        except OSError as exc:
            log.warning("RETOUCH_WEIGHTS_DIR cannot be read: %s", exc)
            found = []
        names = {path.name: path for path in found if path.name.isprintable()}
        return {name: path for name, path in names.items() if not name.startswith(".")}

    def _named(self) -> Path:
        if self._folder is None:
            raise HttpError(
                OFF, "weights cannot be replaced here; the operator sets RETOUCH_WEIGHTS_DIR"
            )
        return self._folder

    def _entry(self, name: str, package: Package) -> dict[str, Any]:
        try:
            package.check_base(self._worker.bundle)
        except BundleError:
            return {"name": name, "bundle": package.digest, "fits": False}
        return {"name": name, "bundle": package.digest, "fits": True}
