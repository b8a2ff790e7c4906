"""Where a record comes from: when it was made, in which environment, on which machine."""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hybrid

PACKAGES = ("torch", "numpy", "pymatgen")


def provenance(code: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a record says of its origin.

    Args:
        code: what made it; the package's version if none.
    """
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "code": code or {"version": hybrid.__version__},
        "environment": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "hardware": hardware(),
    }


def hardware() -> dict[str, Any]:
    """The machine that the numbers come from."""
    info = Path("/proc/cpuinfo")
    names = [
        line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
    ]
    return {
        "machine": platform.machine(),
        "processor": names[0] if names else platform.processor(),
        "cores": len(names),
    }
