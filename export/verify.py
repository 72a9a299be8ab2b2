"""The parity report: the written bundle, run by ONNX Runtime, against eager float32.

ONNX Runtime's CPU kernels do not compute below float32, so that the stored graph and weights are
judged, not what a faster backend makes of them. What float16 arithmetic adds is measured in torch,
before the export (`export.assemble`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from export.errors import ExportError, ParityExceeded
from export.reference import IMAGE_GUIDANCE, TEXT_GUIDANCE, Arrays, EagerEdit, Expected
from runtime.backends.base import load_backend
from runtime.editor import open_editor
from runtime.errors import EditError
from runtime.manifest import GraphName, Manifest, Parity, Precision

BACKEND: Final = "ort"

# Of a float output, as a fraction of its largest value (1 at least).
# fp32: only the order of sums differs.
# fp16: a rounding is 5e-4; thousands of them meet, and guidance weights of 7.5 and -6.
TOLERANCE: Final[Mapping[Precision, float]] = {"fp32": 1e-3, "fp16": 2e-2}
# Of a decoded picture, in levels of 255. One level is a rounding that fell to the other side.
GRAPH_LEVELS: Final[Mapping[Precision, int]] = {"fp32": 1, "fp16": 4}
EDIT_LEVELS: Final[Mapping[Precision, int]] = {"fp32": 2, "fp16": 32}


def verify_graph(
    name: GraphName, path: Path, manifest: Manifest, precision: Precision, expected: Expected
) -> list[Parity]:
    """Measure one graph file. Raises `ExportError` when it does not run."""
    with _stops_export(f"the exported {name}"):
        graph = load_backend(BACKEND, device="cpu").load(name, path, manifest)
        outputs = graph.run(expected.inputs)
        graph.close()
    return compare(name, precision, BACKEND, outputs, expected)


def compare(
    name: GraphName, precision: Precision, backend: str, outputs: Arrays, expected: Expected
) -> list[Parity]:
    """One line for each output of a graph."""
    lines = []
    for output, wanted in expected.outputs.items():
        if wanted.dtype == np.uint8:
            bound = float(GRAPH_LEVELS[precision])
        else:
            bound = TOLERANCE[precision] * max(1.0, float(np.abs(wanted).max()))
        errors = _errors(outputs[output], wanted)
        lines.append(Parity(name, precision, backend, output, *errors, bound))
    return lines


def verify_edit(bundle: Path, precision: Precision, edit: EagerEdit) -> Parity:
    """Measure one whole edit through the runtime. Raises `ExportError` when it does not run."""
    pixels = edit.pixels[0].numpy()
    with (
        _stops_export("an edit with the exported bundle"),
        open_editor(bundle, backend=BACKEND, device="cpu", precision=precision) as editor,
    ):
        result = editor.edit(
            Image.fromarray(pixels),
            edit.instruction,
            negative_instruction="",
            text_guidance=TEXT_GUIDANCE,
            image_guidance=IMAGE_GUIDANCE,
            steps=edit.steps,
            sampler="euler",
            plan="exact",
            seed=edit.seed,
            max_size=max(pixels.shape[:2]),
        )
    assert edit.result is not None
    errors = _errors(np.asarray(result.image), edit.result)
    bound = float(EDIT_LEVELS[precision])
    return Parity("edit", precision, BACKEND, "image", *errors, bound)


def check(report: Sequence[Parity]) -> None:
    """Raises `ParityExceeded`, naming every line whose error is above its bound."""
    failed = [
        f"{line.graph} ({line.output}): max error {line.max_error:.3g}, bound {line.bound:.3g}"
        for line in report
        if line.bound is not None and not line.max_error <= line.bound
    ]
    if failed:
        raise ParityExceeded(
            f"in {report[0].precision} the exported graphs differ too much from the checkpoint: "
            + "; ".join(failed),
            report,
        )


def _errors(got: NDArray[Any], wanted: NDArray[Any]) -> tuple[float, float]:
    """Max and mean absolute error; NaN when either side is not finite."""
    assert got.shape == wanted.shape, f"{got.shape} is not {wanted.shape}"
    error = np.abs(got.astype(np.float64) - wanted.astype(np.float64))
    return float(error.max()), float(error.mean())


@contextmanager
def _stops_export(what: str) -> Iterator[None]:
    try:
        yield
    except EditError as exc:
        raise ExportError(f"{what} does not run: {exc}") from exc
