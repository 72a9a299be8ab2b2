"""What an operator may ask of the GPU, whichever backend uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from runtime.errors import BackendUnavailable


@dataclass(frozen=True, slots=True)
class GpuOptions:
    """`cuda_graphs` runs what was run before in the same shapes as one recorded CUDA graph.

    `memory` bounds, in bytes, what each graph of a bundle takes of the GPU: ONNX Runtime's arena,
    or the weights that TensorRT keeps there. 0 is no bound.
    """

    cuda_graphs: bool = False
    memory: int = 0

    def __post_init__(self) -> None:
        if self.memory < 0:
            raise BackendUnavailable(f"a GPU cannot be bound to {self.memory} bytes; 0 is no bound")

    def check_unasked(self, backend: str) -> None:
        """Raises `BackendUnavailable` when anything is asked, for a backend that uses no GPU."""
        if self != UNASKED:
            raise BackendUnavailable(
                f"CUDA graphs or a bound of GPU memory were asked for, and {backend} uses no GPU",
                "ask for --device cuda, or for neither",
            )


UNASKED: Final = GpuOptions()
