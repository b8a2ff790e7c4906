"""Finds the pinned data files, or downloads them.

`datasets/files.toml` pins every file by its sha256. A file is looked for in the folder that the environment
variable HYBRID_DATA names, then in the cache (HYBRID_CACHE, otherwise the user's cache folder), and is then
downloaded into the cache. An interrupted download continues where it stopped; a file
with another hash is never used.
"""

import contextlib
import gzip
import hashlib
import os
import time
import tomllib
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TextIO, cast

import pooch
import requests

from hybrid.atomic import locked, write_text
from hybrid.errors import InputError, unknown_name
from hybrid.paths import user_cache
from hybrid.progress import Progress
from reproduction.paths import DATASETS

FILES = DATASETS / "files.toml"
TIMEOUT = (10.0, 30.0)  # s to connect, s between two pieces
ATTEMPTS = 4
BACKOFF = 1.0  # s before the second attempt, twice as long before each further one

pooch.get_logger().setLevel("WARNING")


class MissingDataError(InputError):
    """Missing data; the message says what is missing, where to get it and where to put it."""


@dataclass(frozen=True)
class DataFile:
    """A pinned file.

    Attributes:
        name: its path below HYBRID_DATA and below the cache.
        sha256: of the file as `url` serves it.
        origin: where it comes from, for people.
        licence: its licence.
        url: where it is downloaded from, if it can be.
    """

    name: str
    sha256: str
    origin: str
    licence: str
    url: str | None = None


def pinned() -> dict[str, DataFile]:
    """Every file of files.toml by its name."""
    known = {}
    for table in tomllib.loads(FILES.read_text()).values():
        for file, sha256 in table["files"].items():
            name = str(PurePosixPath(table["folder"], file))
            url = table["url"].format(file=file) if "url" in table else None
            known[name] = DataFile(name, sha256, table["origin"], table["licence"], url)
    return known


def get_file(name: str) -> DataFile:
    """The file pinned as `name`.

    Raises:
        InputError: no such file in files.toml.
    """
    known = pinned()
    if name not in known:
        raise unknown_name("data file", name, known)
    return known[name]


def data_file(name: str) -> Path:
    """The path of a pinned file, downloaded if it is nowhere yet.

    Raises:
        MissingDataError: it does not exist and cannot be downloaded.
        InputError: no such file is pinned, or the one in HYBRID_DATA is another one or cannot be read.
    """
    return obtain(get_file(name))


def obtain(file: DataFile) -> Path:
    """The path of a file, downloaded if it is nowhere yet; raises as `data_file`."""
    return find(file) or _download(file)


def find(file: DataFile) -> Path | None:
    """Where a file is on this machine, if it is; its hash is checked.

    Raises:
        InputError: HYBRID_DATA names no folder, or the file in it is another one or cannot be read.
    """
    local = _local_folder()
    for name in (file.name, f"{file.name}.gz"):
        path = (local or Path()) / name
        if local and path.exists():
            found = _content_hash(path, compressed=name != file.name)
            if found != file.sha256:
                raise InputError(
                    f"{path} is not the pinned {file.name}: its sha256 is {found}, not {file.sha256}"
                )
            return path
    cached = cache_folder() / file.name
    return cached if cached.exists() and _content_hash(cached, compressed=False) == file.sha256 else None


def cache_folder() -> Path:
    """Where downloads are kept."""
    return user_cache() / "data"


def open_text(path: Path) -> TextIO:
    """Opens a text file in UTF-8 for reading, decompressed if its name ends in .gz."""
    opener: Any = gzip.open if path.suffix == ".gz" else open
    return cast(TextIO, opener(path, "rt", encoding="utf-8", newline=""))


def missing(file: DataFile, reason: str) -> MissingDataError:
    """The error for a file that is not available; it says where to get it and where to put it."""
    local = _local_folder()
    source = f"get it from {file.url}" if file.url else f"it comes from {file.origin}"
    place = local / file.name if local else f"{file.name} in a folder, and let HYBRID_DATA name that folder"
    return MissingDataError(f"{file.name} is missing ({reason}); {source}; put it at {place}")


def _local_folder() -> Path | None:
    name = os.environ.get("HYBRID_DATA")
    if not name:
        return None
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise InputError(f"HYBRID_DATA names {name}, which is no folder")
    return folder


def _content_hash(path: Path, compressed: bool) -> str:
    """The sha256 of a file, or of what is in a compressed one; remembered until the file changes."""
    stat = path.stat()
    state = f"{stat.st_size} {stat.st_mtime_ns} {compressed}"
    key = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    memory = cache_folder() / "checked" / key
    with contextlib.suppress(OSError, ValueError):
        remembered, found = memory.read_text().rsplit(" ", 1)
        if remembered == state:
            return found
    try:
        with gzip.open(path) if compressed else path.open("rb") as file:
            found = hashlib.file_digest(cast(Any, file), "sha256").hexdigest()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    with contextlib.suppress(OSError):  # a cache that cannot be written to costs time, no more
        write_text(memory, f"{state} {found}")
    return found


def _download(file: DataFile) -> Path:
    """Downloads a file into the cache; a second process waits and finds it there.

    Raises:
        MissingDataError: it cannot be downloaded, or is another file.
    """
    if file.url is None:
        raise missing(file, "there is nowhere to download it from")
    path = cache_folder() / file.name
    try:
        with locked(path.with_name(f".{path.name}.lock")):
            get = ResumableDownload(path.with_name(f"{path.name}.part"))
            pooch.retrieve(file.url, f"sha256:{file.sha256}", path.name, path.parent, downloader=get)
    except requests.RequestException as error:
        raise missing(file, _reason(error)) from error
    except ValueError as error:  # pooch has deleted what it found to be another file
        raise missing(file, " ".join(str(error).split())) from error
    except OSError as error:
        raise missing(file, f"the cache cannot be written to, {error}") from error
    return path


class ResumableDownload:
    """A downloader for pooch that keeps what it has got in `part` and asks for the rest.

    Args:
        part: the file that grows over attempts and calls; it is moved when it is whole.
    """

    def __init__(self, part: Path):
        self.part = part

    def __call__(self, url: str, output_file: str, _: object) -> None:
        """Brings `url` to `output_file`.

        Raises:
            requests.RequestException: the last attempt failed, or the first with an error that stays.
        """
        for remaining in reversed(range(ATTEMPTS)):
            try:
                self._continue(url)
                break
            except requests.RequestException as error:
                if not remaining or not _passes(error):
                    raise
                time.sleep(BACKOFF * 2 ** (ATTEMPTS - 1 - remaining))
        self.part.replace(output_file)

    def _continue(self, url: str) -> None:
        """One request for the part that is missing."""
        have = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self.part.unlink(missing_ok=True)  # longer than the file: not a part of it
                raise requests.ConnectionError("what was there was no part of the file")
            response.raise_for_status()
            resumed = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            if response.status_code != requests.codes.partial_content or not resumed:
                have = 0
            length = response.headers.get("Content-Length")
            total = have + int(length) if length else None
            with (
                self.part.open("ab" if have else "wb") as part,
                _progress(self.part.stem, have, total) as bar,
            ):
                for piece in response.iter_content(1 << 16):
                    part.write(piece)
                    bar.update(len(piece))


def _progress(name: str, have: int, total: int | None) -> Any:
    return Progress(desc=name, total=total, unit="B", initial=have, unit_scale=True, unit_divisor=1024)


def _passes(error: requests.RequestException) -> bool:
    """Whether another attempt may succeed."""
    if error.response is not None:
        status = error.response.status_code
        return status >= 500 or status == requests.codes.too_many_requests
    lost = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, lost)


def _reason(error: requests.RequestException) -> str:
    """A download's failure in a few words."""
    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "the server does not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection breaks off"
    return "there is no connection to the server"
