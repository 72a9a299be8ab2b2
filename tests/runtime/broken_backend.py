"""The fake backend, except that graphs fail for the requests that a test picks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from runtime.backends.base import Array, Arrays, Graph
from runtime.backends.fake import FakeBackend
from runtime.errors import BackendFailure
from runtime.manifest import GraphName, Manifest

Fault = Callable[[GraphName, Arrays, dict[str, Array]], None]
"""Called with a graph's name, inputs and outputs: raises, waits, or spoils the outputs."""

WHITE: Final = 255
"""Faults pick white pictures: they are the only ones whose latents are 1 everywhere."""


def victims(graph: GraphName, inputs: Arrays) -> Array:
    """Which requests of a batch are white, [B] bool."""
    if graph == "image_encoder":
        return np.asarray((inputs["image"] == WHITE).all(axis=(1, 2, 3)))
    images = inputs["image" if graph == "tick" else "latent"]
    return np.asarray((images > 0.95).all(axis=(1, 2, 3)))


def raises(at: GraphName) -> Fault:
    """A library error in graph `at` for any batch with a white picture in it."""

    def fault(graph: GraphName, inputs: Arrays, outputs: dict[str, Array]) -> None:
        if graph == at and victims(graph, inputs).any():
            raise BackendFailure("out of memory")

    return fault


def spoils(at: GraphName, value: float = np.nan) -> Fault:
    """NaN or infinity in the outputs of graph `at` that belong to white pictures."""

    def fault(graph: GraphName, inputs: Arrays, outputs: dict[str, Array]) -> None:
        if graph == at:
            for name in set(outputs) - {"rows", "image"}:
                outputs[name][victims(graph, inputs)] = value

    return fault


@dataclass
class BrokenBackend(FakeBackend):
    """`fault` may be replaced at any time."""

    fault: Fault = field(default=lambda graph, inputs, outputs: None)

    def load(self, graph: GraphName, path: Path, manifest: Manifest) -> Graph:
        return BrokenGraph(graph, super().load(graph, path, manifest), self)


@dataclass
class BrokenGraph:
    name: GraphName
    graph: Graph
    backend: BrokenBackend
    closed: int = 0

    def run(self, inputs: Arrays) -> dict[str, Array]:
        assert not self.closed
        outputs = self.graph.run(inputs)
        self.backend.fault(self.name, inputs, outputs)
        return outputs

    def close(self) -> None:
        self.closed += 1
