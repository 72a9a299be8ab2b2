"""Opening a bundle: the directory that export writes and the runtime serves."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.built_for import BuiltFor, Machine
from runtime.errors import BundleCorrupt, BundleIncompatible, BundleNotFound, InvalidRequest
from runtime.manifest import (
    MANIFEST_FILE,
    File,
    GraphName,
    Manifest,
    Precision,
    Tokenizer,
    Variant,
)
from runtime.params import EditParams
from runtime.ports import check_ports
from runtime.samplers import sampler_table


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle: every file that the manifest names is there, unaltered."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: str | Path) -> Bundle:
        """Read the manifest and check all digests, before any library parses a file.

        Raises `BundleNotFound`, `BundleCorrupt` or `BundleIncompatible`.
        """
        path = Path(path)
        manifest = _read_manifest(path)
        _check_defaults(manifest)
        check_ports(manifest)
        for file in manifest.files():
            _verify(path, file)
        return cls(path, manifest)

    def variant(
        self, graph: GraphName, stored: Sequence[Precision], machine: Machine | None = None
    ) -> Variant:
        """The variant of `graph` in the first precision of `stored` that there is: a portable one,
        or with `machine` an engine that runs on it.

        Raises `BundleIncompatible` when there is none.
        """
        variants = self.manifest.graphs[graph]
        fitting = [variant for variant in variants if _fits(variant.built_for, machine)]
        if not fitting:
            raise BundleIncompatible(_nothing_fits(graph, variants, machine))
        by_precision = {variant.precision: variant for variant in fitting}
        for precision in stored:
            if precision in by_precision:
                return by_precision[precision]
        raise BundleIncompatible(
            f"{graph} is stored in {', '.join(by_precision)}, asked for was {' or '.join(stored)}; "
            f"export the checkpoint with --precision {stored[0]}, or ask for another precision"
        )

    def graph_path(self, variant: Variant) -> Path:
        return self.path / variant.file.path

    def tokenizer_path(self, tokenizer: Tokenizer) -> Path:
        return self.path / tokenizer.file.path


def _fits(built_for: BuiltFor | None, machine: Machine | None) -> bool:
    if machine is None:
        return built_for is None
    return built_for is not None and built_for.runs_on(machine)


def _nothing_fits(graph: GraphName, variants: Sequence[Variant], machine: Machine | None) -> str:
    built = "; ".join(str(variant.built_for) for variant in variants if variant.built_for)
    if machine is None:
        return f"{graph} is only built for {built}; export it as ONNX too"
    again = f"export the checkpoint with --target {machine.library} for it"
    if any(variant.built_for is None for variant in variants):
        again = f"run its ONNX graph (backend ort), or {again}"
    return f"{graph} is built for {built or 'no engine'}, this is {machine}; {again}"


def _read_manifest(path: Path) -> Manifest:
    try:
        text = (path / MANIFEST_FILE).read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise BundleNotFound(
            f"{path} is no bundle (it has no {MANIFEST_FILE}); "
            "make one with: retouch export CHECKPOINT BUNDLE"
        ) from exc
    except (OSError, ValueError) as exc:
        raise BundleCorrupt(f"{path / MANIFEST_FILE} cannot be read: {exc}") from exc
    return Manifest.loads(text)


def _check_defaults(manifest: Manifest) -> None:
    """Every edit starts from the defaults, so that bad ones would refuse all of them."""
    try:
        params = EditParams(**{"instruction": "any", **manifest.defaults})  # type: ignore[arg-type]
        prediction = manifest.model.prediction_type
        sampler_table(params.sampler, manifest.noise_schedule, prediction, params.steps)
    except (TypeError, InvalidRequest) as exc:
        raise BundleCorrupt(f"the manifest's defaults do not suit: {exc}; correct them") from exc


def _verify(root: Path, file: File) -> None:
    try:
        target = (root / file.path).resolve()
        # A link inside the bundle could still lead outside.
        if not target.is_relative_to(root.resolve()):
            raise BundleCorrupt(f"{file.path} leads outside the bundle; export it again")
        if not target.is_file():  # opening a pipe would wait for ever
            raise BundleCorrupt(f"{file.path} is no file of the bundle; export it again")
        with target.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, RuntimeError) as exc:  # links in a circle raise RuntimeError
        raise BundleCorrupt(f"{file.path} cannot be read: {exc}; export it again") from exc
    if digest != file.sha256:
        raise BundleCorrupt(
            f"{file.path} has SHA-256 {digest}, the manifest says {file.sha256}; "
            "copy or export the bundle again"
        )
