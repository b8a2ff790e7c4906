"""Requests to the Materials Project through mp-api's client, which repeats them while the server is busy."""

import hashlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from hybrid.errors import InputError
from reproduction.data.files import MissingDataError

PAGE_SIZE = 200  # documents a request; as many ids fit into an address
RETRIES = 6  # of a request that a busy server does not answer
BACKOFF = 2.0  # by urllib3's rule, the waits before them are then 0, 4, 8, 16, 32 and 64 s
IDENTIFIER = re.compile(r"(mp|mvc)-([0-9]+|[a-z]+)")
DENSITY_OF_STATES = "phonon_dos"  # the key that phonon densities of states are put under
METHOD = "dfpt"  # perturbation theory, the phonon calculations of the database that the paper used
NON_COMMERCIAL = "gnome_r2scan_statics"  # the batch of calculations under another licence
BUSY = re.compile(r"timed? ?out|connection|max retries|failed to retrieve object", re.IGNORECASE)
STATUS = re.compile(r"status code (\d{3})")

T = TypeVar("T")


@dataclass(frozen=True)
class Query:
    """What is asked for; the same query is the same download.

    Attributes:
        ids: of the materials, or None for the catalogue.
        group: of the catalogue, only materials with these calculations.
        fields: of their summary documents, beside id and structure.
        phonons: with their phonon densities of states.
        page_size: documents a page.

    Raises:
        InputError: an id is none of the Materials Project, or comes twice.
    """

    ids: tuple[str, ...] | None
    group: str | None
    fields: tuple[str, ...]
    phonons: bool
    page_size: int = PAGE_SIZE

    def __post_init__(self) -> None:
        seen = set()
        for row, identity in enumerate(self.ids or (), start=1):
            if not IDENTIFIER.fullmatch(identity):
                raise InputError(f"id {row}: '{identity}' is no Materials Project id, such as mp-149")
            if identity in seen:
                raise InputError(f"id {row}: '{identity}' occurs twice")
            seen.add(identity)

    @property
    def key(self) -> str:
        """The name of its folder."""
        asked = json.dumps([self.ids, self.group, self.fields, self.phonons, self.page_size])
        what = (self.group or "catalogue") if self.ids is None else f"{len(self.ids)}-ids"
        return f"{what}-{hashlib.sha256(asked.encode()).hexdigest()[:16]}"

    @property
    def requested_fields(self) -> list[str]:
        """The fields to ask for."""
        return ["material_id", "structure", *self.fields, *(["phonon_IDs"] if self.phonons else [])]

    @property
    def criteria(self) -> dict[str, Any]:
        """The choice among the catalogue, in the server's words."""
        group = {"has_props": self.group} if self.group else {}
        return {"deprecated": False, "batch_id_not_eq": NON_COMMERCIAL, **group}

    def ids_of_page(self, number: int) -> tuple[str, ...]:
        """The ids that page `number` asks for, none for a page of the catalogue."""
        return (self.ids or ())[number * self.page_size : (number + 1) * self.page_size]


def connect_with_key() -> Any:
    """An open `MPRester` that returns plain documents, with the key in the environment variable MP_API_KEY.

    Raises:
        MissingDataError: mp-api is not installed, or there is no key.
    """
    if importlib.util.find_spec("mp_api") is None:
        raise MissingDataError("the Materials Project needs the package mp-api; pip install mp-api")
    key = os.environ.get("MP_API_KEY", "").strip()
    if not key:
        raise MissingDataError(
            "the Materials Project needs a key; get one at https://next-gen.materialsproject.org/api "
            "and set the environment variable MP_API_KEY to it"
        )
    from mp_api.client import MPRester
    from mp_api.client.core.settings import MAPI_CLIENT_SETTINGS

    MAPI_CLIENT_SETTINGS.MAX_RETRIES, MAPI_CLIENT_SETTINGS.BACKOFF_FACTOR = RETRIES, BACKOFF
    return MPRester(api_key=key, use_document_model=False, mute_progress_bars=True)


class Client:
    """The network.

    Args:
        connect: gives an open `MPRester` that returns plain documents.
    """

    def __init__(self, connect: Callable[[], Any]):
        self._rester = _answer(connect, "connecting")
        self.version = str(self._rester.db_version)

    def count(self, query: Query) -> int:
        """How many materials of the catalogue a query chooses."""
        return int(_answer(lambda: self._rester.materials.summary.count(query.criteria), "counting"))

    def page(self, query: Query, number: int, due: int) -> list[dict[str, Any]]:
        """Page `number` of a query, `due` documents of the catalogue or of at most as many ids."""
        what = f"page {number + 1}"
        if query.ids is None:
            documents = _answer(lambda: self._catalogue_page(query, number), what)
            if len(documents) != due:
                raise InputError(
                    f"the Materials Project sends {len(documents)} materials instead of {due} as {what}"
                )
        else:
            documents = _answer(lambda: self._page_of_ids(query, number), what)
        if query.phonons:
            for document in documents:
                document[DENSITY_OF_STATES] = self._density_of_states(document)
        return documents

    def _catalogue_page(self, query: Query, number: int) -> list[dict[str, Any]]:
        documents = self._rester.materials.summary.search(
            deprecated=False,
            include_gnome=False,
            has_props=[query.group] if query.group else None,
            fields=query.requested_fields,
            chunk_size=query.page_size,
            num_chunks=1,
            _page=number + 1,
            _sort_fields="material_id",
        )
        return [{**document, "id": _canonical(document["material_id"])} for document in documents]

    def _page_of_ids(self, query: Query, number: int) -> list[dict[str, Any]]:
        """The documents by id as it was asked for, whichever of an id's two forms the server answers with."""
        ids = query.ids_of_page(number)
        documents = self._rester.materials.summary.search(
            material_ids=list(ids),
            include_gnome=False,
            fields=query.requested_fields,
            chunk_size=len(ids),
            num_chunks=1,
        )
        found = {_canonical(document["material_id"]): document for document in documents}
        return [{**found[_canonical(i)], "id": i} for i in ids if _canonical(i) in found]

    def _density_of_states(self, document: Mapping[str, Any]) -> dict[str, list[float]] | None:
        """Frequencies (THz) and densities of a material, if it has any."""
        calculations = (document.get("phonon_IDs") or {}).get(METHOD)
        if not calculations:
            return None

        def fetch() -> dict[str, list[float]] | None:
            try:
                dos = self._rester.materials.phonon.get_dos_from_phonon_id(str(calculations[0]), METHOD)
            except Exception as error:
                if "No phonon dos data" in str(error):
                    return None
                raise
            return {"frequencies": list(dos["frequencies"]), "densities": list(dos["densities"])}

        return _answer(fetch, f"the phonons of {document['id']}")


def _answer(action: Callable[[], T], what: str) -> T:
    """The result of a request.

    Raises:
        InputError: the server refuses it.
        MissingDataError: the server does not answer.
    """
    try:
        return action()
    except _request_errors() as error:
        reason = " ".join(str(error).split())[:200]
        if not _may_pass(error):
            raise InputError(f"the Materials Project refuses {what}: {reason}") from error
        raise MissingDataError(
            f"the Materials Project does not answer ({what}: {reason}); "
            "the same command continues after the pages that it has"
        ) from error


def _request_errors() -> tuple[type[Exception], ...]:
    """What a failed request raises: also the client's own error, once the client is there to raise it."""
    module = sys.modules.get("mp_api.client.core.exceptions")
    return (OSError, json.JSONDecodeError, *((module.MPRestError,) if module else ()))


def _may_pass(error: Exception) -> bool:
    """Whether another attempt may succeed: a busy server or a lost connection, not a refusal."""
    if isinstance(error, OSError | json.JSONDecodeError):  # requests' errors, or a page of maintenance
        return True
    status = STATUS.search(str(error))
    if status:
        return int(status[1]) >= 500 or status[1] in ("408", "429")
    return BUSY.search(str(error)) is not None


def _canonical(identity: str) -> str:
    """The one form of an id: materials have a number and a spelling in letters."""
    from mp_api.client.core.utils import validate_ids

    return str(validate_ids([str(identity)])[0])
