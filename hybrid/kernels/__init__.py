"""C++ kernels for the CPU; where they do not apply, the models fall back on PyTorch."""
