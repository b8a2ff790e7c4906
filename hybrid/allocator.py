"""Keeps the memory that a program frees with the program, to be used again."""

import ctypes

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # as glibc's malloc.h numbers what mallopt sets


def keep_freed_memory() -> None:
    """Where the C library is glibc, large freed buffers no longer go back to the system.

    A training step asks for the same buffers as the one before; those over 32 MB, and often smaller ones,
    would otherwise be mapped and cleared page by page in every step. It holds for the whole process, so
    that only programs do this and no library does.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    mallopt(MMAP_MAX, 0)
    mallopt(TRIM_THRESHOLD, -1)
