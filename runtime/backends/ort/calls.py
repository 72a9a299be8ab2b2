"""Calls of ONNX Runtime: its exceptions become errors of ours, here alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runtime.errors import BackendFailure


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Raises `BackendFailure` that names the action."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = [kind for kind in vars(state).values() if isinstance(kind, type)]
    foreign = [kind for kind in own if issubclass(kind, Exception)]
    kinds: tuple[type[Exception], ...] = (
        *foreign,
        RuntimeError,
        TypeError,
        ValueError,
        MemoryError,
    )
    try:
        yield
    except kinds as exc:
        raise BackendFailure(f"onnxruntime could not {action}: {exc}") from exc
