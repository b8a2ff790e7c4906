"""C++ kernels for the CPU; where they do not apply, PyTorch or NumPy does the same."""
