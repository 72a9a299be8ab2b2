"""ONNX Runtime: its CPU, CUDA and TensorRT providers as devices of one backend."""

from runtime.backends.ort.backend import OrtBackend, load_function, open_backend, probe
from runtime.backends.ort.providers import flavour

__all__ = ["OrtBackend", "flavour", "load_function", "open_backend", "probe"]
