"""Finding and downloading data files, from a server of our own."""

import gzip
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hybrid.errors import InputError
from reproduction.data import files
from reproduction.data.files import MissingDataError, data_file

CONTENT = bytes(range(256)) * 2000  # 512 kB, over several pieces
HALF = 1 << 18
NAME = "folder/numbers.bin"


class Server(ThreadingHTTPServer):
    """Serves CONTENT; `answers` are used up one a request, then every request is answered well."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Callable[[Handler], None]] = []
        self.ranges: list[str | None] = []  # the Range header of each request
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.ranges.append(self.headers["Range"])
        answer = self.server.answers.pop(0) if self.server.answers else well
        answer(self)

    def log_message(self, *_):
        pass

    def send(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def well(handler: Handler, content: bytes = CONTENT) -> None:
    asked = handler.headers["Range"]
    if asked is None:
        return handler.send(200, content)
    start = int(asked.removeprefix("bytes=").removesuffix("-"))
    if start >= len(content):
        return handler.send(416, b"", Content_Range=f"bytes */{len(content)}")
    span = f"bytes {start}-{len(content) - 1}/{len(content)}"
    return handler.send(206, content[start:], Content_Range=span)


def drops_halfway(handler: Handler) -> None:
    handler.send(200, CONTENT[:HALF], length=len(CONTENT))
    handler.close_connection = True


def ignores_range(handler: Handler) -> None:
    handler.send(200, CONTENT)


def status(code: int) -> Callable[[Handler], None]:
    return lambda handler: handler.send(code, b"an error page")


def says_nothing(handler: Handler) -> None:
    handler.server.closing.wait(10)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server whose file is pinned as NAME, with an empty cache and no HYBRID_DATA."""
    monkeypatch.delenv("HYBRID_DATA", raising=False)
    monkeypatch.setenv("HYBRID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(files, "TIMEOUT", (1, 0.3))
    monkeypatch.setattr(files, "BACKOFF", 0.01)
    monkeypatch.setattr(files, "FILES", tmp_path / "files.toml")
    with Server() as running:
        pin(tmp_path, CONTENT, f"{running.url}/{{file}}")
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.closing.set()
        running.shutdown()
        thread.join()


def pin(folder: Path, content: bytes, url: str | None) -> None:
    address = f'url = "{url}"\n' if url else ""
    (folder / "files.toml").write_text(
        f'[numbers]\nfolder = "folder"\norigin = "a counter"\nlicence = "CC0"\n{address}'
        f'[numbers.files]\n"numbers.bin" = "{hashlib.sha256(content).hexdigest()}"\n'
    )


def left_over(tmp_path: Path) -> list[str]:
    """What is in the cache beside the file and its lock."""
    folder = tmp_path / "cache" / "data" / "folder"
    return sorted(p.name for p in folder.iterdir() if p.name not in ("numbers.bin", ".numbers.bin.lock"))


def test_a_second_call_takes_the_download_of_the_first(server: Server, tmp_path: Path) -> None:
    path = data_file(NAME)
    assert path.read_bytes() == CONTENT
    assert data_file(NAME) == path
    assert server.ranges == [None]
    assert not left_over(tmp_path)


def test_a_download_that_breaks_off_goes_on(server: Server, tmp_path: Path) -> None:
    server.answers = [drops_halfway]
    assert data_file(NAME).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]
    assert not left_over(tmp_path)


def test_a_later_call_goes_on_too(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers = [drops_halfway]
    monkeypatch.setattr(files, "ATTEMPTS", 1)
    with pytest.raises(MissingDataError, match="the connection breaks off"):
        data_file(NAME)
    assert left_over(tmp_path) == ["numbers.bin.part"]
    assert files.find(files.get_file(NAME)) is None, "half a file was taken for a whole one"
    assert data_file(NAME).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_server_that_ignores_range(server: Server) -> None:
    server.answers = [drops_halfway, ignores_range]
    assert data_file(NAME).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_part_longer_than_the_file(server: Server, tmp_path: Path) -> None:
    part = tmp_path / "cache" / "data" / "folder" / "numbers.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT + b"x")
    assert data_file(NAME).read_bytes() == CONTENT


def test_another_file_is_not_kept(server: Server, tmp_path: Path) -> None:
    server.answers = [lambda handler: well(handler, b"another file")]
    wrong, right = hashlib.sha256(b"another file").hexdigest(), hashlib.sha256(CONTENT).hexdigest()
    with pytest.raises(MissingDataError) as error:
        data_file(NAME)
    assert wrong in str(error.value)
    assert right in str(error.value)
    assert "\n" not in str(error.value)
    assert not left_over(tmp_path)
    assert data_file(NAME).read_bytes() == CONTENT


def test_wrong_part_is_dropped_with_the_file_it_makes(server: Server, tmp_path: Path) -> None:
    part = tmp_path / "cache" / "data" / "folder" / "numbers.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    with pytest.raises(MissingDataError, match="does not match"):
        data_file(NAME)
    assert data_file(NAME).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-", None]


def test_not_found_is_asked_once(server: Server, tmp_path: Path) -> None:
    server.answers = [status(404)] * 9
    with pytest.raises(MissingDataError) as error:
        data_file(NAME)
    assert str(error.value) == (
        "folder/numbers.bin is missing (the server answers 404 Not Found); "
        f"get it from {server.url}/numbers.bin; "
        "put it at folder/numbers.bin in a folder, and let HYBRID_DATA name that folder"
    )
    assert server.ranges == [None]
    assert not left_over(tmp_path)


@pytest.mark.parametrize("code", [500, 503, 429])
def test_server_that_recovers(server: Server, code: int) -> None:
    server.answers = [status(code)] * 2
    assert data_file(NAME).read_bytes() == CONTENT
    assert len(server.ranges) == 3


def test_server_that_does_not_recover(server: Server, tmp_path: Path) -> None:
    server.answers = [status(500)] * 99
    with pytest.raises(MissingDataError, match="the server answers 500 Internal Server Error"):
        data_file(NAME)
    assert len(server.ranges) == files.ATTEMPTS
    assert not left_over(tmp_path)


def test_server_that_says_nothing(server: Server) -> None:
    server.answers = [says_nothing] * 99
    with pytest.raises(MissingDataError, match="does not answer in time"):
        data_file(NAME)
    assert len(server.ranges) == files.ATTEMPTS


def test_server_that_stops_in_the_middle(server: Server) -> None:
    def stalls(handler: Handler) -> None:
        drops_halfway(handler)
        says_nothing(handler)

    server.answers = [stalls]
    assert data_file(NAME).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_no_connection(server: Server, tmp_path: Path) -> None:
    pin(tmp_path, CONTENT, "http://127.0.0.1:9/{file}")
    with pytest.raises(MissingDataError, match=r"no connection to the server.*put it at") as error:
        data_file(NAME)
    assert "\n" not in str(error.value)


def test_two_at_once_download_once(server: Server) -> None:
    def slow(handler: Handler) -> None:
        server.closing.wait(0.2)
        well(handler)

    server.answers = [slow, slow]
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(data_file, [NAME, NAME]))
    assert paths[0] == paths[1]
    assert server.ranges == [None]


def test_damaged_file_in_the_cache_is_downloaded_anew(server: Server) -> None:
    path = data_file(NAME)
    path.write_bytes(CONTENT[:-1])
    assert data_file(NAME).read_bytes() == CONTENT


def local_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, ending: str = "") -> Path:
    path = tmp_path / "data" / f"{NAME}{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    monkeypatch.setenv("HYBRID_DATA", str(tmp_path / "data"))
    return path


def test_local_folder_comes_first(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_file(NAME)
    path = local_copy(tmp_path, monkeypatch, CONTENT)
    assert data_file(NAME) == path


def test_compressed_local_file_counts_by_its_content(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = local_copy(tmp_path, monkeypatch, gzip.compress(CONTENT), ".gz")
    assert data_file(NAME) == path
    path.write_bytes(gzip.compress(CONTENT + b"x"))
    with pytest.raises(InputError, match=r"numbers\.bin\.gz is not the pinned folder/numbers\.bin"):
        data_file(NAME)
    path.write_bytes(gzip.compress(CONTENT)[:-100])
    with pytest.raises(InputError, match=r"numbers\.bin\.gz: cannot be read"):
        data_file(NAME)
    assert not server.ranges


def test_local_file_is_checked_whenever_it_changes(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = local_copy(tmp_path, monkeypatch, CONTENT)
    assert data_file(NAME) == path
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(InputError) as error:
        data_file(NAME)
    hashes = [hashlib.sha256(content).hexdigest() for content in (CONTENT[::-1], CONTENT)]
    assert str(error.value) == (
        f"{path} is not the pinned folder/numbers.bin: its sha256 is {hashes[0]}, not {hashes[1]}"
    )


def test_local_file_is_read_once(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = local_copy(tmp_path, monkeypatch, CONTENT)
    data_file(NAME)
    before = path.stat()
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert data_file(NAME) == path, "a file of the same size and time was read again"


def test_file_that_nobody_serves(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(tmp_path, CONTENT, None)
    with pytest.raises(MissingDataError) as error:
        data_file(NAME)
    assert str(error.value) == (
        "folder/numbers.bin is missing (there is nowhere to download it from); it comes from a counter; "
        "put it at folder/numbers.bin in a folder, and let HYBRID_DATA name that folder"
    )
    monkeypatch.setenv("HYBRID_DATA", str(tmp_path))
    with pytest.raises(MissingDataError, match=rf"; put it at {tmp_path / NAME}$"):
        data_file(NAME)


def test_local_folder_that_is_none(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYBRID_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"HYBRID_DATA names .*nowhere, which is no folder"):
        data_file(NAME)


def test_cache_that_cannot_be_written_to(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HYBRID_CACHE", str(tmp_path / "file"))
    with pytest.raises(MissingDataError, match="the cache cannot be written to"):
        data_file(NAME)


def test_unknown_file_suggests_the_nearest(server: Server) -> None:
    with pytest.raises(
        InputError, match=r"unknown data file 'folder/number\.bin'; did you mean 'folder/numb"
    ):
        data_file("folder/number.bin")


def test_every_pinned_file_is_whole() -> None:
    known = files.pinned()
    assert len(known) == 46
    for name, file in known.items():
        assert len(bytes.fromhex(file.sha256)) == 32, name
        assert file.licence, name
        assert file.origin, name
        assert file.url is None or (file.url.startswith("https://") and "{" not in file.url), name
