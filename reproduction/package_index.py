"""Downloads a file from the package index that pip is configured with."""

import subprocess
import sys
from pathlib import Path


def pip_download(pin: str, folder: Path, *options: str) -> str:
    """Downloads one distribution without its dependencies; the caller checks whether it exists.

    Args:
        pin: name==version.
        folder: where it is written.
        options: of `pip download`.

    Returns:
        The last line of pip's messages, which is the reason if nothing was downloaded.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check"]
    command += [*options, "--dest", str(folder), pin]
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
