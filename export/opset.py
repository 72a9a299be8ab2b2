"""Which version of ONNX's operators graphs are written in."""

from __future__ import annotations

from typing import Final, Literal

Opset = Literal[21, 23]
"""21 is the first with GroupNormalization, and what TensorRT 10 and newer read. In 23 an attention
is one operator instead of two products and a softmax, so that libraries need not find it."""
DEFAULT_OPSET: Final[Opset] = 21
