"""Execution contexts of an engine, whose memory is given to them by who uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runtime.backends.tensorrt_.calls import Expect
from runtime.backends.tensorrt_.kernels import Kernels
from runtime.nvidia.library import Library


class Contexts:
    """Makes them all alike."""

    def __init__(
        self,
        library: Library,
        engine: Any,
        expect: Expect,
        *,
        cuda_graphs: bool,
        kernels: Path,
    ) -> None:
        """TensorRT-RTX captures CUDA graphs by itself and compiles kernels for the shapes that it
        meets, which are kept in the file `kernels`. TensorRT does neither.
        """
        trt, self._engine = library.trt, engine
        self._setup: Any = trt.ExecutionContextAllocationStrategy.USER_MANAGED
        self._kernels: Kernels | None = None
        if library.name == "tensorrt-rtx":
            config = expect(engine.create_runtime_config(), "create_runtime_config")
            config.set_execution_context_allocation_strategy(self._setup)
            if cuda_graphs:
                config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
            cache = expect(config.create_runtime_cache(), "create_runtime_cache")
            self._kernels = Kernels(cache, kernels)
            expect(config.set_runtime_cache(cache), "set_runtime_cache")
            self._setup = config

    def create(self, expect: Expect) -> Any:
        context = self._engine.create_execution_context(self._setup)
        return expect(context, "create_execution_context")

    def close(self) -> None:
        if self._kernels is not None:
            self._kernels.save()
        self._setup = self._kernels = self._engine = None
