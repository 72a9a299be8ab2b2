"""Torch module to ONNX: captured once with every axis dynamic, stripped, written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import onnx_ir as ir
import torch
from torch import Tensor, nn

from export.errors import ExportError, first_line
from export.opset import DEFAULT_OPSET, Opset
from export.quiet import quiet
from runtime.manifest import GraphName, Port
from runtime.ports import Ports

# A protobuf file ends at 2 GiB and is parsed into memory as one piece; libraries map external data
# instead. Small graphs stay single files.
INLINE_LIMIT: Final = 256 * 2**20


def to_onnx(
    name: GraphName,
    module: nn.Module,
    example: Mapping[str, Tensor],
    ports: Ports,
    opset: Opset = DEFAULT_OPSET,
) -> ir.Model:
    """Export `module` with the axes of `ports` dynamic.

    `example` must give dynamic axes sizes that differ, are above 1, and, for latents, are no
    multiple of the UNet's downsampling: only then does its up path follow the sizes of the down
    path at run time. Raises `ExportError`.
    """
    dynamic = {
        port.name: {
            axis: torch.export.Dim.DYNAMIC
            for axis, size in enumerate(port.shape)
            if isinstance(size, str)
        }
        for port in ports.inputs
    }
    try:
        with quiet(), torch.no_grad():
            program = torch.export.export(
                module, (), dict(example), dynamic_shapes=dynamic, strict=False
            )
            converted = torch.onnx.export(
                program,
                (),
                kwargs=dict(example),
                dynamo=True,
                opset_version=opset,
                output_names=[port.name for port in ports.outputs],
                verbose=False,
            )
    except Exception as exc:  # torch raises many kinds, most of them private
        raise ExportError(f"torch cannot export {name}: {first_line(exc)}") from exc
    assert converted is not None
    model = converted.model
    _strip(model)
    _name_axes(model.graph.inputs, ports.inputs)
    _name_axes(model.graph.outputs, ports.outputs)
    return model


def save(model: ir.Model, path: Path) -> tuple[Path, ...]:
    """Write `model`; returns the external-data files beside it (none for small models)."""
    tensors = [value.const_value for value in model.graph.initializers.values()]
    size = sum(tensor.nbytes for tensor in tensors if tensor is not None)
    if size <= INLINE_LIMIT:
        ir.save(model, path)
        return ()
    data = path.with_name(path.name + ".data")
    ir.save(model, path, external_data=data.name)
    return (data,)


def _strip(model: ir.Model) -> None:
    """Drop what only helps to debug the exporter: stack traces hold this machine's paths."""
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    model.graph.doc_string = None
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
            value.shape = None  # symbols of the capture; every library infers shapes itself
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()


def _name_axes(values: Sequence[ir.Value], ports: tuple[Port, ...]) -> None:
    for value, port in zip(values, ports, strict=True):
        assert value.name == port.name, f"port {value.name} should be {port.name}"
        value.shape = ir.Shape(port.shape)
