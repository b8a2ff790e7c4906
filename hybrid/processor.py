"""What the system says of the processor."""

from pathlib import Path

SAID = Path("/proc/cpuinfo")


def processor_info() -> str:
    """What Linux says of each core, a line `name : value` for each property; empty on other systems."""
    return SAID.read_text(encoding="utf-8") if SAID.exists() else ""


def knows_bfloat16() -> bool:
    """Whether the processor computes in bfloat16; true where the system does not say."""
    info = processor_info()
    return not info or "bf16" in info
