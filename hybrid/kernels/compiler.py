"""Compiles the C++ kernels once on each machine, with its own compiler."""

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from hybrid.atomic import atomic_file
from hybrid.errors import one_line
from hybrid.paths import user_cache
from hybrid.processor import processor_info

FLAGS = ("-std=c++14", "-O3", "-march=native", "-fPIC")
FAST, EXACT = "-ffast-math", "-ffp-contract=off"
log = logging.getLogger(__name__)


def _compiler() -> list[str]:
    """The compiler and its first options, which CXX can have; empty if there is none."""
    found = map(shutil.which, ("c++", "g++", "clang++"))
    return shlex.split(os.environ.get("CXX") or next(filter(None, found), ""))


def _processor() -> str:
    """The processor's features, on which -march=native depends; caches can be shared by machines."""
    lines = processor_info().splitlines()
    return next((line for line in lines if line.startswith("flags")), platform.processor())


POINTER = ctypes.c_void_p
_KINDS = {"*": POINTER, "#": ctypes.c_int64, "=": ctypes.c_double}


def structure(fields: str) -> type[ctypes.Structure]:
    """A C structure with these fields: `*pointer`, `#int64` and `=double`, in their order."""
    listed = tuple((field[1:], _KINDS[field[0]]) for field in fields.split())
    return type("structure", (ctypes.Structure,), {"_fields_": listed})


class Kernel:
    """A compiled kernel."""

    def __init__(self, library: ctypes.CDLL):
        self.library = library


@functools.cache
def compiled(source: Path, *defines: str, exact: bool = False) -> ctypes.CDLL | None:
    """The shared library made from `source`, or None if this machine cannot make one.

    With the environment variable HYBRID_KERNELS=off, PyTorch and NumPy are used instead. With `exact`, the
    compiler does not reorder or fuse floating-point operations.
    """
    if os.environ.get("HYBRID_KERNELS", "on") == "off" or not (compiler := _compiler()):
        return None
    try:
        options = [*FLAGS, EXACT if exact else FAST, *(f"-D{define}" for define in defines)]
        texts = [file.read_text(encoding="utf-8") for file in (source, *sorted(source.parent.glob("*.h")))]
        key = hashlib.sha256("\0".join([*texts, *compiler, *options, _processor()]).encode())
        library = user_cache() / "kernels" / f"{source.stem}-{key.hexdigest()[:16]}.so"
        if not _is_whole(library):
            with atomic_file(library) as temporary:
                _compile(compiler, options, source, temporary)
                ctypes.CDLL(str(temporary))  # a library that cannot be loaded is not kept
                with temporary.open("ab") as file:
                    file.write(_checksum(temporary.read_bytes()))
        return ctypes.CDLL(str(library))
    except Exception as error:  # any failure: PyTorch and NumPy are used instead
        said = "%s cannot be compiled (%s); PyTorch is used instead, which is slower"
        log.warning(said, source.name, one_line(error))
        return None


def _is_whole(library: Path) -> bool:
    """Whether a library is complete; loading a damaged one can end the process."""
    if not library.is_file():
        return False
    content = library.read_bytes()
    return content[-32:] == _checksum(content[:-32])


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _compile(compiler: list[str], options: list[str], source: Path, library: Path) -> None:
    """Compiles and links in two steps.

    If it were linked with -ffast-math, loading the library would disable subnormal numbers in the whole
    process.
    """
    with tempfile.TemporaryDirectory() as scratch:
        made = str(Path(scratch, "kernel.o"))
        for parallel in (["-fopenmp"], []):  # Apple's clang knows no OpenMP
            command = [*compiler, *options, *parallel, "-c", str(source), "-o", made]
            done = subprocess.run(command, capture_output=True)
            if done.returncode == 0:
                link = [*compiler, "-shared", *parallel, made, "-o", str(library)]
                done = subprocess.run(link, capture_output=True)
            if done.returncode == 0:
                return
        done.check_returncode()
