"""TensorRT engines for the graphs of a bundle, built from its ONNX files.

One builder for both libraries: `tensorrt`, which builds on the GPU that it builds for, and
`tensorrt_rtx`, which builds for named GPUs without one.
"""
