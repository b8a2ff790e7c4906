"""Lets a program keep the memory that it frees, and use it again."""

import ctypes

TRIM_THRESHOLD, MMAP_MAX = -1, -4  # as glibc's malloc.h numbers what mallopt sets


def keep_freed_memory() -> None:
    """Stops glibc from returning large freed buffers to the system; does nothing with another C library.

    Each training step needs the same buffers as the one before. Without this call, those over 32 MB, and
    often smaller ones, are mapped and cleared page by page in every step. The call changes the whole
    process, so only commands make it.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    mallopt(MMAP_MAX, 0)
    mallopt(TRIM_THRESHOLD, -1)
