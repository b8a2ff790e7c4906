"""The device on which a model is computed."""

from pathlib import Path

import torch

from hybrid.errors import InputError

SAID = Path("/proc/cpuinfo")  # what Linux says of the processor


def resolve_device(name: str) -> torch.device:
    """The device called auto, cpu or cuda.

    Raises:
        InputError: cuda is requested, but there is no GPU that torch can use.
    """
    cuda = torch.cuda.is_available()
    if name == "cuda" and not cuda:
        raise InputError("--device cuda: this machine has no CUDA GPU that torch can use")
    return torch.device("cuda" if cuda and name != "cpu" else "cpu")


def processor_knows_bfloat16() -> bool:
    """Whether the processor computes in bfloat16; true where the system does not say."""
    return not SAID.exists() or "bf16" in SAID.read_text(encoding="utf-8")
