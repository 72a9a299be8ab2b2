"""What two bundles must have in common for the weights of one to take the place of the other's."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from runtime.errors import BundleIncompatible
from runtime.manifest import GRAPH_NAMES, GraphName, Manifest, NoiseSchedule, Variant

# Requests are prepared by these before it is known which weights they will meet.
_SAME: Final = ("schema_version", "model", "noise_schedule", "tokenizer", "tokenizer_2")


def check_alike(base: Manifest, changed: Manifest) -> None:
    """Raises `BundleIncompatible` unless `changed` is of `base`'s architecture and precision."""
    for name in _SAME:
        _compare(name, getattr(base, name), getattr(changed, name))
    _compare("preview", base.preview is not None, changed.preview is not None)
    for graph in GRAPH_NAMES:
        _compare(graph, _layout(base, graph), _layout(changed, graph))


def rounded_alike(base: NoiseSchedule, changed: NoiseSchedule) -> NoiseSchedule:
    """That of `base` where the levels of `changed` are the same but for rounding, else `changed`.

    Export sums them in float32, in an order that is the processor's: up to 4e-6 were seen between
    two machines. Schedules that are meant to differ do so by far more.
    """
    levels = changed.alphas_cumprod
    same = len(levels) == len(base.alphas_cumprod) and np.allclose(
        levels, base.alphas_cumprod, rtol=1e-4, atol=1e-9
    )
    return dataclasses.replace(changed, alphas_cumprod=base.alphas_cumprod) if same else changed


def portable(manifest: Manifest) -> dict[GraphName, tuple[Variant, ...]]:
    """The graphs without their engines."""
    return {
        graph: tuple(variant for variant in variants if variant.built_for is None)
        for graph, variants in manifest.graphs.items()
    }


def _layout(manifest: Manifest, graph: GraphName) -> list[tuple[object, ...]]:
    """All of a graph's portable variants but what their files hold."""
    return [
        (one.precision, one.file.path, [file.path for file in one.data], one.inputs, one.outputs)
        for one in portable(manifest)[graph]
    ]


def _compare(name: str, ours: object, theirs: object) -> None:
    if ours != theirs:
        raise BundleIncompatible(
            f"more than the weights differ: {name} is {theirs!r:.200}, in the base {ours!r:.200}; "
            "export it in the precision of the base, or as a bundle of its own"
        )
