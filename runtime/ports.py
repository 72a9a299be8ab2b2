"""Inputs and outputs of the four graphs: the contract between export and runtime.

Every port is float32 (or uint8, int32) whatever precision a graph computes in.
docs/bundle-format.md explains each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.errors import BundleCorrupt
from runtime.manifest import GRAPH_NAMES, GraphName, Manifest, Model, Port


@dataclass(frozen=True, slots=True)
class Ports:
    """Inputs and outputs of a graph, in order. A dimension that is a name is dynamic."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def ports_of(model: Model) -> Mapping[GraphName, Ports]:
    """The ports of the four graphs of `model`."""
    latents = ("B", model.latent_channels, "h", "w")
    image = Port("image", "uint8", ("B", "H", "W", 3))
    ids = [Port("input_ids", "int32", ("T", "L"))]
    text = [Port("text", "float32", ("T", "L", model.text_width))]
    sizes = []
    if model.pooled_width is not None:
        ids.append(Port("input_ids_2", "int32", ("T", "L")))
        text.append(Port("pooled", "float32", ("T", model.pooled_width)))
        sizes.append(Port("time_ids", "float32", ("R", 6)))
    latent = Port("latent", "float32", latents)
    state = ("x", "history", "noise", "image", "stale")
    return {
        "text_encoder": Ports(tuple(ids), tuple(text)),
        "image_encoder": Ports((image,), (latent,)),
        "tick": Ports(
            (
                *(Port(name, "float32", latents) for name in state),
                *text,
                *(Port(name, "int32", ("R",)) for name in ("row_slot", "row_text")),
                *(Port(name, "float32", ("R",)) for name in ("row_image", "timestep")),
                *sizes,
                Port("mix", "float32", ("B", "R")),
                Port("coef", "float32", ("B", 7)),
            ),
            (
                Port("next", "float32", latents),
                Port("denoised", "float32", latents),
                Port("rows", "float32", ("R", *latents[1:])),
            ),
        ),
        "image_decoder": Ports((latent,), (image, Port("mean", "float32", ("B",)))),
    }


def check_ports(manifest: Manifest) -> None:
    """Raises `BundleCorrupt` when a variant states other ports than the contract."""
    contract = ports_of(manifest.model)
    for name in GRAPH_NAMES:
        for variant in manifest.graphs[name]:
            if Ports(variant.inputs, variant.outputs) != contract[name]:
                raise BundleCorrupt(
                    f"{variant.file.path} states other inputs or outputs than a {name} graph has; "
                    "export the checkpoint again"
                )
