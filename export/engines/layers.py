"""What a parsed network computes in, layer by layer, and whether that is what was asked for."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from export.engines.recipe import LayerCount
from export.errors import EngineError
from export.precision import HALF_ARITHMETIC
from runtime.manifest import GraphName, Precision

_HEAVY: Final = (
    "CONVOLUTION",
    "DECONVOLUTION",
    "MATRIX_MULTIPLY",
    "ATTENTION_INPUT",
    "ATTENTION_OUTPUT",
)
_NORMS: Final = ("NORMALIZATION", "NORMALIZATION_V2")


def count_layers(trt: Any, network: Any) -> tuple[LayerCount, ...]:
    """The layers of `network`, the most frequent first."""
    found = Counter((layer.type.name, _dtype(layer)) for layer in _layers(network))
    return tuple(LayerCount(kind, dtype, count) for (kind, dtype), count in found.most_common())


def check_precision(trt: Any, network: Any, name: GraphName, precision: Precision) -> None:
    """Raises `EngineError` for layers that compute in another type than `export.precision` says:
    convolutions, attention and products with weights in float16 where a graph computes in it, else
    in float32; norms in float32 everywhere. Products without an axis of positions are exempt: the
    embeddings of timestep and sizes, [R, C] of float32, and the pooled text's projection."""
    half = precision == "fp16" and name in HALF_ARITHMETIC
    wanted = "HALF" if half else "FLOAT"
    wrong = [
        f"{layer.name} ({layer.type.name}) in {_dtype(layer)}"
        for layer in _layers(network)
        if (_is_heavy(trt, layer) and _dtype(layer) != wanted)
        or (layer.type.name in _NORMS and layer.get_input(0).dtype.name != "FLOAT")
    ]
    if wrong:
        raise EngineError(
            f"{name} was asked for in {precision}, where kernels compute in {wanted} and norms in "
            f"FLOAT; {len(wrong)} layers do not: {', '.join(wrong[:3])}"
        )


def _is_heavy(trt: Any, layer: Any) -> bool:
    if layer.type.name not in _HEAVY:
        return False
    if layer.type.name != "MATRIX_MULTIPLY":
        return True
    return len(layer.get_output(0).shape) > 2 and _has_weights(layer)


def _has_weights(layer: Any) -> bool:
    """Whether a product's second factor is the same for every row, as weights are."""
    shape = tuple(layer.get_input(1).shape)
    return -1 not in shape


def _layers(network: Any) -> list[Any]:
    return [network.get_layer(index) for index in range(network.num_layers)]


def _dtype(layer: Any) -> str:
    return str(layer.get_output(0).dtype.name) if layer.num_outputs else ""
