"""Pages of documents from the Materials Project, kept as they arrive.

A page is one JSON-lines file. A stopped download continues with the next page. A complete one is never
repeated, and needs neither key nor network. If the database has changed in between, the download starts
again, so that pages of two versions are never mixed.
"""

import gzip
import json
import logging
import math
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hybrid.atomic import atomic_file, write_text
from hybrid.errors import InputError
from hybrid.progress import Progress
from reproduction.data.files import cache_folder
from reproduction.data.sources.materials_project_client import Client, Query

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Download:
    """A complete download on this machine.

    Attributes:
        folder: of its pages.
        manifest: source, licence, database version, counts, and the ids that are not in the database.
    """

    folder: Path
    manifest: dict[str, Any]

    def documents(self) -> Iterator[dict[str, Any]]:
        """The documents, in the order of the ids asked for, otherwise in the database's order of ids.

        Raises:
            InputError: a page is damaged.
        """
        for number in range(self.manifest["n_pages"]):
            yield from _read_page(_page_path(self.folder, number))


def download_pages(query: Query, cache: Path | None, connect: Callable[[], Any]) -> Download:
    """All pages of a query; missing ones are downloaded.

    Args:
        query: what is asked for.
        cache: the folder of all downloads from the Materials Project; by default in the user's cache.
        connect: gives an open `MPRester` that returns plain documents.

    Raises:
        InputError: the database refuses the request, or a page is damaged.
        MissingDataError: there is no key or no mp-api, or the server does not answer.
    """
    folder = (cache or cache_folder() / "materials_project") / query.key
    manifest = _read_manifest(folder)
    if not (manifest and manifest["complete"]):
        manifest = _fetch_missing(query, folder, manifest, Client(connect))
    return Download(folder, manifest)


def _fetch_missing(
    query: Query, folder: Path, manifest: dict[str, Any] | None, client: Client
) -> dict[str, Any]:
    """Downloads missing pages; returns the manifest of the complete download."""
    if manifest and manifest["database_version"] != client.version:
        log.warning(
            "the Materials Project is now version %s; the pages of version %s are fetched anew",
            client.version,
            manifest["database_version"],
        )
        shutil.rmtree(folder)
        manifest = None
    if not manifest:
        n_asked = client.count(query) if query.ids is None else len(query.ids)
        manifest = {
            "source": "Materials Project",
            "licence": "CC BY 4.0",
            "database_version": client.version,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "selection": "ids" if query.ids is not None else query.criteria,
            "fields": query.requested_fields,
            "n_asked": n_asked,
            "n_pages": math.ceil(n_asked / query.page_size),
            "complete": False,
        }
        _write_manifest(folder, manifest)
    found: list[str] = []
    with Progress(desc="Materials Project", total=manifest["n_asked"], unit="crystals") as bar:
        for number in range(manifest["n_pages"]):
            path = _page_path(folder, number)
            due = min(query.page_size, manifest["n_asked"] - number * query.page_size)
            if not path.exists():
                _write_page(path, client.page(query, number, due))
            found += [document["id"] for document in _read_page(path)]
            bar.update(due)
    if len(set(found)) != len(found):
        raise InputError(f"{folder}: a material is in two pages; remove the folder and download again")
    missing = sorted(set(query.ids or ()) - set(found))
    manifest |= {"n_documents": len(found), "missing_ids": missing, "complete": True}
    _write_manifest(folder, manifest)
    return manifest


def _page_path(folder: Path, number: int) -> Path:
    return folder / f"page-{number + 1:05d}.jsonl.gz"


def _write_page(path: Path, documents: list[dict[str, Any]]) -> None:
    with atomic_file(path) as temporary, gzip.open(temporary, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(document) + "\n" for document in documents)


def _read_page(path: Path) -> list[dict[str, Any]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error}); remove the folder and download again") from error


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    path = folder / "manifest.json"
    if not path.exists():
        return None
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path}: is damaged ({error}); remove the folder and download again") from error
    return manifest


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    write_text(folder / "manifest.json", json.dumps(manifest, indent=2) + "\n")
