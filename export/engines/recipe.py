"""What engines are asked for, and what is told of them. Imports neither torch nor TensorRT."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from export.engines.profiles import Shapes
from runtime.built_for import EngineLibrary
from runtime.manifest import GRAPH_NAMES, GraphName

STAGES: Final = tuple(f"build {name}" for name in GRAPH_NAMES)


@dataclass(frozen=True, slots=True)
class Options:
    """What an engine is tied to, what may be done to it later, and what helps to build it.

    `compute` names GPUs by compute capability, as "8.6"; none means the library's choice.
    `refit` allows other weights without a rebuild; `weight_streaming` lets weights stay on the
    host; `any_version` and `any_gpu` make an engine that later versions of TensorRT and newer GPUs
    run too, more slowly. `timing_cache` is a file that spares later builds what this one measures.
    """

    compute: tuple[str, ...] = ()
    refit: bool = False
    weight_streaming: bool = False
    any_version: bool = False
    any_gpu: bool = False
    timing_cache: Path | None = None


@dataclass(frozen=True, slots=True)
class EngineRecipe:
    """Which library builds engines, for which shapes, and how."""

    library: EngineLibrary
    shapes: Shapes = field(default_factory=Shapes)
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class LayerCount:
    """How many layers of a kind give outputs of a type, by TensorRT's names ("HALF", "FLOAT")."""

    kind: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class BuildReport:
    """How one engine was built: its file and size, the seconds, and its network's layers."""

    graph: GraphName
    file: str
    bytes: int
    seconds: float
    layers: tuple[LayerCount, ...]
