"""Other weights for an engine: those of an ONNX file with the graph that it was built from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runtime.backends.tensorrt_.calls import Expect
from runtime.errors import BackendFailure
from runtime.manifest import GraphName
from runtime.nvidia.library import Library, told


def refit(library: Library, name: GraphName, engine: Any, weights: Path, expect: Expect) -> None:
    """To be called before the engine runs anything. Raises `BackendFailure` or `OutOfMemory`; the
    engine may have some of the new weights then, and must not be used.
    """
    if library.lean:
        raise BackendFailure(
            f"the lean library of {library.name} runs engines and refits none; "
            f"install {library.name} itself, or run the ONNX graphs"
        )
    if not engine.refittable:
        raise BackendFailure(
            f"the engine of {name} was built without refit; export the bundle with --refit, or run "
            "its ONNX graphs"
        )
    trt = library.trt
    refitter = expect(trt.Refitter(engine, library.logger), "Refitter")
    parser = expect(trt.OnnxParserRefitter(refitter, library.logger), "OnnxParserRefitter")
    if not parser.refit_from_file(str(weights)):  # resolves external data
        errors = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        raise BackendFailure(
            f"{weights.name} has no weights for the engine of {name}: {told(errors)}"
        )
    expect(refitter.refit_cuda_engine(), "refit_cuda_engine")
    del parser  # it owns the weights until here
