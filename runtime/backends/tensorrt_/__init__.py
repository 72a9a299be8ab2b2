"""TensorRT and TensorRT-RTX: run the engines of a bundle on an NVIDIA GPU, without torch.

`full` and `rtx` are the two backends, alike but for the library. `cuda` is memory and its copies,
`memory` what a backend's graphs share, `axes` which shapes a graph takes, `load` a file to an
engine, `refit` other weights for it, `contexts` and `kernels` what it is run with, `run` one run of
it, `captures` its CUDA graphs, `graph` one engine at work.
"""
