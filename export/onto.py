"""A weights package in the place of a bundle: what differs from one that is there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export.engines.recipe import TURING
from export.errors import ExportError
from export.pack import refuse_existing, unwritable
from runtime.bundle import Bundle
from runtime.manifest import Precision
from runtime.weights.difference import write_package


@contextmanager
def exporting_onto(base: Path, package: Path, precision: Precision) -> Iterator[Path]:
    """Gives a path to export a bundle to; what differs there from the bundle at `base` when the
    block ends becomes the file `package`. The bundle itself goes.

    Raises `ExportError` when `package` exists or cannot be written, `BundleError` for a base that
    is none, and for one of another architecture.
    """
    refuse_existing(package)
    opened = Bundle.open(base)
    stored = [one.precision for one in opened.manifest.graphs["tick"] if one.built_for is None]
    if stored != [precision]:  # to be told before minutes of export
        raise ExportError(
            f"{base} has ONNX graphs in {' and '.join(stored) or 'no precision'}, not in "
            f"{precision} alone; give the --precision of a bundle that has"
        )
    engines = [one.built_for for one in opened.manifest.graphs["tick"] if one.built_for]
    if any(TURING in engine.compute for engine in engines):
        raise ExportError(
            f"{base} has engines for compute {TURING} (Turing), and so graphs of a form of their "
            "own, of which no packages are made; export a whole bundle"
        )
    try:
        folder = tempfile.TemporaryDirectory(prefix=f".{package.name}.", dir=package.parent)
    except OSError as exc:
        raise unwritable(package, exc) from exc
    with folder as inside:
        place = Path(inside, "bundle")
        yield place
        try:
            write_package(opened, Bundle.open(place), package)
        except OSError as exc:
            raise unwritable(package, exc) from exc
