"""Freed memory stays with the programs, and with nobody who only imports the library."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")

FAULTS = """
import argparse, resource
import torch
import hybrid.cli, hybrid.models.alignn, hybrid.training.run
def faults(_=None):
    def steps(n):
        for _ in range(n):
            buffers = [torch.ones(2**24) for _ in range(2)]  # 64 MB each
            del buffers
    steps(3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    steps(3)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 3 * 2 * 2**26 // 4096


def page_faults(code: str) -> int:
    """That three steps with 128 MB of buffers cause in a process of their own."""
    command = [sys.executable, "-c", FAULTS + code]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_a_command_maps_no_buffer_twice() -> None:
    assert page_faults("hybrid.cli.run_command(faults, argparse.Namespace())") < PAGES / 100


def test_the_library_leaves_the_allocator_alone() -> None:
    assert page_faults("faults()") > PAGES / 2
