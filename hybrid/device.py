"""The device on which a model is computed."""

import torch

from hybrid.errors import InputError


def resolve_device(name: str) -> torch.device:
    """The device called auto, cpu or cuda.

    Raises:
        InputError: cuda is requested, but there is no GPU that torch can use.
    """
    cuda = torch.cuda.is_available()
    if name == "cuda" and not cuda:
        raise InputError("--device cuda: this machine has no CUDA GPU that torch can use")
    return torch.device("cuda" if cuda and name != "cpu" else "cpu")
