"""Engines beside the ONNX graphs of a bundle that is being written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from export.engines.build import Engine, build_engine
from export.engines.monitor import Progress
from export.engines.options import check_options
from export.engines.profiles import profiles_of
from export.engines.recipe import BuildReport, EngineRecipe
from export.pack import digest
from runtime.built_for import BuiltFor, Span
from runtime.manifest import GRAPH_NAMES, GraphName, Manifest, Model, Precision, Variant
from runtime.nvidia.gpu import find_gpu
from runtime.nvidia.library import Library, open_library


class EngineJob:
    """The engines of one bundle under way."""

    def __init__(
        self, root: Path, recipe: EngineRecipe, model: Model, on_progress: Progress
    ) -> None:
        """`on_progress` is called with the phase of a build, by TensorRT's name, and its share.

        Raises `EngineError` when the library cannot do what the recipe asks for, and
        `BackendUnavailable` when it is missing, or the GPU that it builds on.
        """
        self._root, self._recipe, self._on_progress = root, recipe, on_progress
        recipe.shapes.check(model)
        self._library = open_library(recipe.library)
        check_options(self._library, recipe.options)
        self._built_for = _built_for(self._library, recipe)
        self.reports: list[BuildReport] = []

    def add(
        self, manifest: Manifest, precision: Precision, on_stage: Callable[[str], None]
    ) -> Manifest:
        """`manifest` with an engine for every graph, built from its ONNX file in `precision`."""
        graphs = dict(manifest.graphs)
        for name in GRAPH_NAMES:
            on_stage(f"build {name}")
            source = _portable(graphs[name], precision)
            graphs[name] = (*graphs[name], self._engine(manifest, name, source))
        return dataclasses.replace(manifest, graphs=graphs)

    def _engine(self, manifest: Manifest, name: GraphName, source: Variant) -> Variant:
        profiles = profiles_of(
            name, manifest.model, manifest.tokenizer.max_length, self._recipe.shapes
        )
        engine = build_engine(
            self._library,
            name,
            self._root / source.file.path,
            source.precision,
            profiles,
            self._recipe.options,
            self._on_progress,
        )
        path = self._root / f"{name}.{source.precision}.{self._library.name}.engine"
        path.write_bytes(engine.plan)
        self.reports.append(_report(name, path, engine))
        return dataclasses.replace(
            source, file=digest(self._root, path), data=(), built_for=self._built_for
        )


def _portable(variants: Sequence[Variant], precision: Precision) -> Variant:
    return next(v for v in variants if v.built_for is None and v.precision == precision)


def _built_for(library: Library, recipe: EngineRecipe) -> BuiltFor:
    options, shapes = recipe.options, recipe.shapes
    return BuiltFor(
        library.name,
        library.version,
        (find_gpu().compute,) if library.name == "tensorrt" else options.compute,
        options.any_version,
        options.any_gpu,
        Span(shapes.rows.least, shapes.rows.most),
        Span(shapes.side.least, shapes.side.most),
    )


def _report(name: GraphName, path: Path, engine: Engine) -> BuildReport:
    return BuildReport(name, path.name, len(engine.plan), engine.seconds, engine.layers)
