"""Fetches a file from whatever package index pip is configured with."""

import subprocess
import sys
from pathlib import Path


def pip_download(pin: str, folder: Path, *options: str) -> str:
    """Downloads one distribution without its dependencies; whether it came is for the caller to see.

    Args:
        pin: name==version.
        folder: where it goes.
        options: of `pip download`.

    Returns:
        The last line of what pip says, the reason if nothing came.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check"]
    command += [*options, "--dest", str(folder), pin]
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
