"""One ONNX graph to one engine, with every way to fail turned into an error.

TensorRT's builder returns None, False or -1 and logs why; it accepts profiles of inputs that do not
exist. Networks are strongly typed: an engine computes in the precisions that the graph states.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.engines.layers import check_precision, count_layers
from export.engines.monitor import Progress, monitor
from export.engines.options import set_options
from export.engines.profiles import Profile
from export.engines.recipe import LayerCount, Options
from export.engines.timings import timings_kept
from export.errors import EngineError
from runtime.manifest import GraphName, Precision
from runtime.nvidia.library import Library, told


@dataclass(frozen=True, slots=True)
class Engine:
    """A serialised engine, and its build report: layers by kind and precision, and seconds."""

    plan: bytes
    layers: tuple[LayerCount, ...]
    seconds: float


def build_engine(
    library: Library,
    name: GraphName,
    path: Path,
    precision: Precision,
    profiles: Mapping[str, Profile],
    options: Options,
    on_progress: Progress = lambda phase, share: None,
) -> Engine:
    """Raises `EngineError` with TensorRT's reasons, and whatever `on_progress` raises."""
    begun = time.monotonic()
    trt = library.trt
    with library.reasons() as reasons:
        builder = trt.Builder(library.logger)
        network, parser = _parse(library, builder, name, path)
        check_precision(trt, network, name, precision)
        _let_attention_decompose(trt, network)
        config = builder.create_builder_config()
        config.progress_monitor = watched = monitor(trt, on_progress)
        set_options(library, config, options)
        _add_profile(builder, network, config, name, profiles, reasons)
        with timings_kept(config, options.timing_cache, reasons):
            plan = builder.build_serialized_network(network, config)
            if watched.stopped:
                raise watched.stopped
            if plan is None:
                raise EngineError(f"{library.name} cannot build {name}: {told(reasons)}")
        layers = count_layers(trt, network)
        del parser  # it owns the weights until here
    return Engine(bytes(plan), layers, time.monotonic() - begun)


def _parse(library: Library, builder: Any, name: GraphName, path: Path) -> tuple[Any, Any]:
    trt = library.trt
    strongly = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(strongly)
    parser = trt.OnnxParser(network, library.logger)
    if not parser.parse_from_file(str(path)):  # resolves external data
        found = [parser.get_error(i) for i in range(parser.num_errors)]
        errors = [f"{e.node_operator()} {e.node_name()}: {e.desc()}" for e in found]
        raise EngineError(f"{library.name} cannot read {path.name}: {told(errors)}")
    return network, parser


def _let_attention_decompose(trt: Any, network: Any) -> None:
    """Without it a build fails wherever no fused kernel fits, as for a head width of 512."""
    if not hasattr(trt, "IAttentionInputLayer"):
        return
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if layer.type == trt.LayerType.ATTENTION_INPUT:
            layer.__class__ = trt.IAttentionInputLayer
            layer.attention.decomposable = True


def _add_profile(
    builder: Any,
    network: Any,
    config: Any,
    name: GraphName,
    profiles: Mapping[str, Profile],
    reasons: Sequence[str],
) -> None:
    inputs = {network.get_input(i).name: network.get_input(i) for i in range(network.num_inputs)}
    if profiles.keys() != inputs.keys():
        raise EngineError(
            f"{name} has the inputs {', '.join(sorted(inputs))}; the profile is for "
            f"{', '.join(sorted(profiles)) or 'none'}"
        )
    made = builder.create_optimization_profile()
    for port, profile in profiles.items():
        _check_profile(name, port, tuple(inputs[port].shape), profile)
        made.set_shape(port, profile.least, profile.usual, profile.most)
    if config.add_optimization_profile(made) < 0:
        raise EngineError(f"the profile of {name} was refused: {told(reasons)}")


def _check_profile(name: GraphName, port: str, shape: tuple[int, ...], profile: Profile) -> None:
    bounds = (profile.least, profile.usual, profile.most)
    if any(len(bound) != len(shape) for bound in bounds):
        raise EngineError(f"{name}: {port} has {len(shape)} axes, its profile {bounds}")
    for axis, (size, *wanted) in enumerate(zip(shape, *bounds, strict=True)):
        least, usual, most = wanted
        if not 0 < least <= usual <= most:
            raise EngineError(
                f"{name}: axis {axis} of {port} has the profile {least}:{usual}:{most}, "
                "which does not rise"
            )
        if size != -1 and {least, most} != {size}:
            raise EngineError(
                f"{name}: axis {axis} of {port} is always {size} in the graph, the profile asks "
                f"for {least}:{usual}:{most}; export the graph with that axis dynamic"
            )
