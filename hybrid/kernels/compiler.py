"""Compiles the C++ kernels once on each machine, with its own compiler."""

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from hybrid.atomic import atomic_file
from hybrid.paths import user_cache

FLAGS = ("-std=c++14", "-O3", "-march=native", "-fPIC")
FAST, EXACT = "-ffast-math", "-ffp-contract=off"
log = logging.getLogger(__name__)


def _compiler() -> str | None:
    return os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


def _processor() -> str:
    """The processor's features, on which -march=native depends; caches can be shared by machines."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line for line in lines if line.startswith("flags")), platform.processor())


@functools.cache
def compiled(source: Path, *defines: str, exact: bool = False) -> ctypes.CDLL | None:
    """The shared library made from `source`, or None if this machine cannot make one.

    With the environment variable HYBRID_KERNELS=off, PyTorch and NumPy are used instead. With `exact`, the
    compiler does not reorder or fuse floating-point operations.
    """
    compiler = _compiler()
    if compiler is None or os.environ.get("HYBRID_KERNELS", "on") == "off":
        return None
    options = [*FLAGS, EXACT if exact else FAST, *(f"-D{define}" for define in defines)]
    texts = [file.read_text() for file in (source, *sorted(source.parent.glob("*.h")))]
    key = hashlib.sha256("\0".join([*texts, compiler, *options, _processor()]).encode())
    library = user_cache() / "kernels" / f"{source.stem}-{key.hexdigest()[:16]}.so"
    if not library.exists():
        try:
            _compile([compiler, *options], source, library)
        except (OSError, subprocess.CalledProcessError) as error:
            log.warning(
                "%s does not compile %s (%s); PyTorch is used instead, which is slower",
                compiler,
                source.name,
                error,
            )
            return None
    return ctypes.CDLL(str(library))


def _compile(command: list[str], source: Path, library: Path) -> None:
    """Compiles and links in two steps.

    If it were linked with -ffast-math, loading the library would disable subnormal numbers in the whole
    process.
    """
    with tempfile.TemporaryDirectory() as scratch, atomic_file(library) as temporary:
        made = str(Path(scratch, "kernel.o"))
        for parallel in (["-fopenmp"], []):  # Apple's clang knows no OpenMP
            done = subprocess.run([*command, *parallel, "-c", str(source), "-o", made], capture_output=True)
            if done.returncode == 0:
                link = [command[0], "-shared", *parallel, made, "-o", str(temporary)]
                done = subprocess.run(link, capture_output=True)
            if done.returncode == 0:
                return
        done.check_returncode()
