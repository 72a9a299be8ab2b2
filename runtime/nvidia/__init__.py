"""The NVIDIA GPU and the TensorRT library of this machine, for whoever builds or runs engines."""
