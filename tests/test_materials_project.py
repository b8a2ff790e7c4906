"""The Materials Project's source: mp-api's own client in front of a server in this process."""

import gzip
import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from pymatgen.core import Structure
from scipy.constants import R

from hybrid.errors import InputError
from reproduction.data.files import MissingDataError
from reproduction.data.sources import materials_project as source
from reproduction.data.sources import materials_project_client as client
from reproduction.data.sources import materials_project_pages as pages

KEY = "k" * 32
DENSITIES = {
    "frequencies": [-0.5, 0.0, 5.9, 6.0, 6.1, 7.0],
    "densities": [0, 0, 0, 60, 0, 0],
}  # 6 modes, 6 THz


@dataclass
class Answer:
    """What mp-api's client reads of an answer."""

    text: str
    status_code: int = 200
    url: str = "https://server/materials/summary/"

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Server:
    """Answers requests for summary documents as the database's interface does; fails where it is told to."""

    documents: list[dict[str, Any]]
    densities: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    version: str = "2025.09.25"
    answers: list[Exception | Answer] = field(default_factory=list)  # given first, in place of documents
    dies_after: int | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def heartbeat(self, url: str) -> Answer:
        versions = {"db_version": self.version, "version": "99.0", "access_controlled_batch_ids": []}
        return Answer(json.dumps(versions))

    def get(self, url: str, params: dict[str, Any], **_: Any) -> Answer:
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if self.dies_after is not None and len(self.requests) >= self.dies_after:
            raise KeyboardInterrupt
        self.requests.append(params)
        known = {"material_ids", "deprecated", "batch_id_not_eq", "has_props"}
        unknown = {key for key in params if key[0] != "_"} - known
        assert not unknown, unknown
        chosen = self.documents
        if "material_ids" in params:
            asked = params["material_ids"].split(",")
            # in any order, as the server does
            chosen = sorted(
                (d for d in chosen if d["material_id"] in asked), key=lambda d: d["material_id"][::-1]
            )
        if "has_props" in params:
            chosen = [d for d in chosen if d["has_props"].get(params["has_props"])]
        first = (params["_page"] - 1) * params["_per_page"] if "_page" in params else 0
        page = chosen[first : first + params.get("_per_page", params.get("_limit", 100))]
        fields = params["_fields"].split(",") if "_fields" in params else []
        data = [{name: document.get(name) for name in fields} for document in page]
        return Answer(json.dumps({"data": data, "meta": {"total_doc": len(chosen)}}))

    def n_pages(self) -> int:
        """How many pages of documents were sent, counting left out."""
        return sum("_fields" in request for request in self.requests)

    def density_of_states(self, identity: str, method: str) -> dict[str, list[float]]:
        from mp_api.client.core.exceptions import MPRestError

        assert method == "dfpt"
        if identity not in self.densities:
            raise MPRestError(f"No phonon dos data found for {identity=} and phonon_method='dfpt'")
        return self.densities[identity]


def document(
    identity: str, structure: Structure | None, has: Sequence[str] = (), **values: Any
) -> dict[str, Any]:
    stored = json.loads(structure.to_json()) if structure else None
    return {"material_id": identity, "structure": stored, "has_props": dict.fromkeys(has, True), **values}


@pytest.fixture
def connected(monkeypatch) -> Callable[[Server], Callable[[], Any]]:
    """Connects mp-api's client to a server of this process."""
    mp_api = pytest.importorskip("mp_api.client")
    from mp_api.client import mprester
    from mp_api.client.core import client as core
    from mp_api.client.routes.materials.phonon import PhononRester
    from mp_api.client.routes.materials.summary import SummaryRester

    # otherwise worked out anew for each request
    monkeypatch.setattr(SummaryRester, "available_fields", SummaryRester.available_fields.fget(SummaryRester))

    def connect_to(server: Server) -> Callable[[], Any]:
        def connect() -> Any:
            core._Rester._get_heartbeat_info.cache_clear()
            monkeypatch.setattr(core.requests, "get", server.heartbeat)
            monkeypatch.setattr(mprester, "get", server.heartbeat)
            monkeypatch.setattr(
                PhononRester,
                "get_dos_from_phonon_id",
                lambda _, identity, method: server.density_of_states(identity, method),
            )
            options = {"use_document_model": False, "mute_progress_bars": True}
            return mp_api.MPRester(api_key=KEY, session=server, **options)

        return connect

    return connect_to


@pytest.fixture
def no_connection() -> Callable[[], Any]:
    def connect() -> Any:
        pytest.fail("there is no need to connect")

    return connect


@pytest.fixture
def small_pages(monkeypatch) -> None:
    """Three documents a page."""
    monkeypatch.setattr(client.Query, "__init__", _with_page_size(client.Query.__init__, 3))


def _with_page_size(original: Callable[..., None], size: int) -> Callable[..., None]:
    def initialise(self: client.Query, **arguments: Any) -> None:
        original(self, **{**arguments, "page_size": size})

    return initialise


@pytest.fixture
def catalogue(Si, Cu) -> Server:
    """Ten materials with a band gap; of five an elastic tensor."""
    return Server(
        [
            document(
                f"mp-{n}",
                Si if n % 2 else Cu,
                ["electronic_structure", *(["elasticity"] if n % 2 else [])],
                band_gap=n / 10,
                bulk_modulus={"voigt": 101.0, "reuss": 99.0, "vrh": 100.0 + n} if n % 2 else None,
            )
            for n in range(10, 20)
        ]
    )


def test_the_thirteen_quantities_but_one_are_read_where_the_database_keeps_them(connected, tmp_path, Si):
    everything = document(
        "mp-149",
        Si,
        bulk_modulus={"voigt": 1.0, "reuss": 2.0, "vrh": 88.9},
        shear_modulus={"voigt": 1.0, "reuss": 2.0, "vrh": 62.4},
        homogeneous_poisson=0.21,
        band_gap=0.61,
        e_ij_max=0.5,
        e_electronic=12.9,
        e_total=13.0,
        n=3.6,
        total_magnetization=0.0,
        energy_per_atom=-5.42,
        uncorrected_energy_per_atom=-5.41,
        symmetry={"number": 227, "crystal_system": "Cubic"},
        phonon_IDs={"pheasy": ["aaaaaaaa"], "dfpt": ["aaaaaaft"]},
    )
    server = Server([everything], {"aaaaaaft": DENSITIES})
    (entry,) = source.entries(["mp-149"], list(source.QUANTITIES), cache=tmp_path, connect=connected(server))
    cv, u = entry.values.pop("cv"), entry.values.pop("u")
    assert entry.id == "mp-149"
    assert np.allclose(entry.structure.cart_coords, Si.cart_coords)
    assert entry.values == {
        "K_VRH": 88.9,
        "G_VRH": 62.4,
        "poisson_ratio": 0.21,
        "band_gap": 0.61,
        "eij_max": 0.5,
        "poly_electronic": 12.9,
        "poly_total": 13.0,
        "n": 3.6,
        "magnetization": 0.0,
        "energy_per_atom": -5.42,
        "uncorrected_energy_per_atom": -5.41,
        "space_group_number": 227.0,
    }
    x = 6e12 * 6.62607015e-34 / (1.380649e-23 * 300)  # six Einstein modes
    assert cv == pytest.approx(6 * R * x**2 * np.exp(x) / np.expm1(x) ** 2, rel=1e-6)
    assert u == pytest.approx(6 * R * 300 * x * (0.5 + 1 / np.expm1(x)) / 1000, rel=1e-6)


def test_the_whole_catalogue_comes_page_by_page(connected, tmp_path, small_pages, catalogue):
    found = list(source.entries(None, ["band_gap", "K_VRH"], cache=tmp_path, connect=connected(catalogue)))
    assert [entry.id for entry in found] == [f"mp-{n}" for n in range(10, 20)]
    assert found[1].values == {"band_gap": 1.1, "K_VRH": 111.0}
    assert found[2].values == {"band_gap": 1.2}
    assert catalogue.n_pages() == 4
    counting, *asking = catalogue.requests
    assert [request["_page"] for request in asking] == [1, 2, 3, 4]
    for request in asking:  # what is counted is what is asked for, in one order
        assert request["_sort_fields"] == "material_id"
        for key in ("deprecated", "batch_id_not_eq"):
            assert request[key] == counting[key]


def test_only_materials_with_the_calculation_are_asked_for(connected, tmp_path, catalogue):
    found = source.entries(None, ["K_VRH", "G_VRH"], cache=tmp_path, connect=connected(catalogue))
    assert [entry.id for entry in found] == [f"mp-{n}" for n in range(11, 20, 2)]
    assert all(request["has_props"] == "elasticity" for request in catalogue.requests)


def test_structures_alone_are_entries_too(connected, tmp_path, catalogue):
    (entry,) = source.entries(["mp-12"], [], cache=tmp_path, connect=connected(catalogue))
    assert entry.values == {}
    assert entry.structure.composition.reduced_formula == "Cu"


def test_ids_come_in_the_order_asked_for_and_the_lost_ones_are_counted(
    connected, tmp_path, small_pages, catalogue
):
    ids = ["mp-17", "mp-404", "mp-11", "mvc-12", "mp-19", "mp-10"]
    left_out: Counter[str] = Counter()
    found = source.entries(ids, ["band_gap"], cache=tmp_path, connect=connected(catalogue), left_out=left_out)
    assert [entry.id for entry in found] == ["mp-17", "mp-11", "mp-19", "mp-10"]
    assert left_out == {"not in the database": 2}
    assert {request["batch_id_not_eq"] for request in catalogue.requests} == {client.NON_COMMERCIAL}
    downloaded = source.download(ids, ["band_gap"], cache=tmp_path)
    assert downloaded.manifest["missing_ids"] == ["mp-404", "mvc-12"]
    assert downloaded.manifest["n_documents"] == 4
    assert downloaded.manifest["database_version"] == "2025.09.25"


def test_an_id_in_letters_is_the_same_material(connected, tmp_path, Si):
    server = Server([document("mp-149", Si, band_gap=0.61)])
    (entry,) = source.entries(["mp-aaaaaaft"], ["band_gap"], cache=tmp_path, connect=connected(server))
    assert (entry.id, entry.values) == ("mp-aaaaaaft", {"band_gap": 0.61})


def test_what_cannot_be_is_left_out_and_counted(connected, tmp_path, Si, Cu):
    other_cell = {**DENSITIES, "densities": [0, 0, 0, 120, 0, 0]}
    unordered = {"frequencies": [2.0, 1.0], "densities": [1.0, 1.0]}
    server = Server(
        [
            document(
                "mp-1", Si, bulk_modulus={"vrh": -3.0}, shear_modulus={"vrh": 0.0}, homogeneous_poisson=0.5
            ),
            document("mp-2", Si, bulk_modulus={"vrh": "NaN"}, shear_modulus={}, homogeneous_poisson=-1.2),
            document("mp-3", None, bulk_modulus={"vrh": 3.0}),
            document("mp-4", Si, bulk_modulus={"vrh": 4.0}, phonon_IDs={"dfpt": ["aaaaaaab"]}),
            document("mp-5", Si, phonon_IDs={"dfpt": ["aaaaaaac"]}),
            document("mp-6", Cu, phonon_IDs={"pheasy": ["aaaaaaad"]}, bulk_modulus={"vrh": "high"}),
            document("mp-7", Si, phonon_IDs={"dfpt": ["aaaaaaae"]}),
        ],
        {"aaaaaaab": other_cell, "aaaaaaae": unordered},
    )
    left_out: Counter[str] = Counter()
    ids = [f"mp-{n}" for n in range(1, 8)]
    found = source.entries(
        ids,
        ["K_VRH", "G_VRH", "poisson_ratio", "cv"],
        cache=tmp_path,
        connect=connected(server),
        left_out=left_out,
    )
    assert {entry.id: entry.values for entry in found} == {"mp-4": {"K_VRH": 4.0}}
    assert left_out["K_VRH: unphysical"] == 1
    assert left_out["K_VRH: not a number"] == 2
    assert left_out["G_VRH: unphysical"] == 1
    assert left_out["poisson_ratio: unphysical"] == 2
    assert left_out["structure: unusable"] == 1
    assert left_out["cv: density of states of another cell"] == 1
    assert left_out["cv: the frequencies of the density of states do not ascend"] == 1
    assert left_out["cv: not in the database"] == 4


def test_a_killed_download_goes_on_at_the_next_page(
    connected, tmp_path, small_pages, catalogue, no_connection
):
    catalogue.dies_after = 3  # counting and two pages
    with pytest.raises(KeyboardInterrupt):
        source.entries(None, ["band_gap"], cache=tmp_path, connect=connected(catalogue))
    catalogue.dies_after = None
    assert catalogue.n_pages() == 2
    found = list(source.entries(None, ["band_gap"], cache=tmp_path, connect=connected(catalogue)))
    assert [entry.id for entry in found] == [f"mp-{n}" for n in range(10, 20)]
    assert [request.get("_page") for request in catalogue.requests] == [None, 1, 2, 3, 4]
    again = source.entries(None, ["band_gap"], cache=tmp_path, connect=no_connection)
    assert [entry.values for entry in again] == [entry.values for entry in found]


def test_a_page_is_kept_whole_or_not_at_all(connected, tmp_path, small_pages, catalogue):
    """Phonons are fetched after the documents of a page: a kill among them leaves no page."""
    for n, written in enumerate(catalogue.documents):
        written |= {"phonon_IDs": {"dfpt": [f"aaaaaab{chr(97 + n)}"]}, "has_props": {"phonon": True}}
    asked = []

    def density_of_states(identity: str, _: str) -> dict[str, list[float]]:
        asked.append(identity)
        if len(asked) == 5:
            raise KeyboardInterrupt
        return DENSITIES

    catalogue.density_of_states = density_of_states
    with pytest.raises(KeyboardInterrupt):
        source.download(None, ["cv"], cache=tmp_path, connect=connected(catalogue))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()].count("page-00001.jsonl.gz") == 1
    assert len(list(tmp_path.rglob("page-*"))) == 1
    found = source.entries(None, ["cv"], cache=tmp_path, connect=connected(catalogue))
    assert sum("cv" in entry.values for entry in found) == 5  # those of silicon, whose cell has six modes
    assert len(asked) == 5 + 7


def test_pages_of_two_versions_are_never_mixed(connected, tmp_path, small_pages, catalogue, caplog):
    catalogue.dies_after = 3
    with pytest.raises(KeyboardInterrupt):
        source.entries(None, ["band_gap"], cache=tmp_path, connect=connected(catalogue))
    catalogue.dies_after, catalogue.version = None, "2026.01.01"
    for written in catalogue.documents:
        written["band_gap"] += 100
    with caplog.at_level(logging.WARNING):
        found = list(source.entries(None, ["band_gap"], cache=tmp_path, connect=connected(catalogue)))
    assert min(entry.values["band_gap"] for entry in found) > 100
    assert len(found) == 10
    assert "2025.09.25 are fetched anew" in caplog.text


@pytest.mark.parametrize(
    "trouble",
    [
        Answer('{"detail": "API rate limit exceeded"}', 429),
        Answer("<html>Bad gateway</html>", 502),
        Answer('{"detail": "internal error"}', 500),
        Answer("<html>maintenance</html>", 200),
        requests.exceptions.ConnectTimeout(),
        requests.exceptions.ReadTimeout("HTTPSConnectionPool: Read timed out. (read timeout=20)"),
        requests.exceptions.ConnectionError("Connection aborted."),
        requests.exceptions.RetryError("Max retries exceeded with url: too many 429 error responses"),
    ],
    ids=repr,
)
def test_a_busy_server_is_no_refusal(connected, tmp_path, catalogue, trouble):
    catalogue.answers = [trouble]
    with pytest.raises(MissingDataError, match="does not answer"):
        source.entries(["mp-12"], ["band_gap"], cache=tmp_path, connect=connected(catalogue))


def test_mp_api_repeats_requests_for_two_minutes(connected, catalogue, monkeypatch):
    """At once, then after 4, 8, 16, 32 and 64 s, by urllib3's rule."""
    connected(catalogue)()
    monkeypatch.setenv("MP_API_KEY", KEY)
    retries = client.connect_with_key().session.get_adapter("https://").max_retries
    assert retries.total == client.RETRIES
    waits = [retries.backoff_factor * 2**n for n in range(retries.total)]
    assert sum(waits[1:]) >= 120
    assert {429, 502, 504} <= set(retries.status_forcelist)


def test_a_server_that_stays_busy_is_given_up_and_pages_stay(connected, tmp_path, small_pages, catalogue):
    ids = [f"mp-{n}" for n in range(10, 20)]
    connect = connected(catalogue)
    original = catalogue.get

    def busy_from_page_three(url: str, params: dict[str, Any], **more: Any) -> Answer:
        return original(url, params, **more) if catalogue.n_pages() < 2 else Answer("{}", 503)

    catalogue.get = busy_from_page_three
    with pytest.raises(MissingDataError, match=r"page 3: .*503.*the same command continues after the pages"):
        source.entries(ids, ["band_gap"], cache=tmp_path, connect=connect)
    catalogue.get = original
    assert len(list(source.entries(ids, ["band_gap"], cache=tmp_path, connect=connect))) == 10
    assert catalogue.n_pages() == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_said_at_once(connected, tmp_path, catalogue, status):
    catalogue.answers = [Answer('{"detail": "no such key"}', status)] * 2
    with pytest.raises(InputError, match="the Materials Project refuses page 1") as caught:
        source.entries(["mp-12"], ["band_gap"], cache=tmp_path, connect=connected(catalogue))
    assert len(catalogue.answers) == 1
    assert not isinstance(caught.value, MissingDataError)
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_short_page_is_not_taken_for_the_whole(connected, tmp_path, small_pages, catalogue):
    lacking = Answer(json.dumps({"data": [], "meta": {"total_doc": 10}}))
    connect = connected(catalogue)
    original = catalogue.get
    catalogue.get = lambda url, params, **more: lacking if params.get("_page") == 2 else original(url, params)
    with pytest.raises(InputError, match="sends 0 materials instead of 3 as page 2"):
        source.entries(None, ["band_gap"], cache=tmp_path, connect=connect)
    assert len(list(tmp_path.rglob("page-*"))) == 1


@pytest.mark.parametrize("damage", ["cut", "removed", "garbage"])
def test_a_damaged_page_is_named(connected, tmp_path, catalogue, damage):
    downloaded = source.download(None, ["band_gap"], cache=tmp_path, connect=connected(catalogue))
    page = downloaded.folder / "page-00001.jsonl.gz"
    match damage:
        case "cut":
            page.write_bytes(page.read_bytes()[:-40])
        case "removed":
            page.unlink()
        case "garbage":
            page.write_bytes(gzip.compress(b"{half\n"))
    with pytest.raises(InputError, match=r"page-00001\.jsonl\.gz: is damaged .*; remove the folder"):
        list(source.entries(None, ["band_gap"], cache=tmp_path))


def test_the_fields_asked_for_are_the_databases(connected):
    from emmet.core.summary import SummaryDoc

    assert {"material_id", "structure", "phonon_IDs", *source.FIELDS} <= SummaryDoc.model_fields.keys()


@pytest.mark.parametrize(
    ("ids", "quantities", "said"),
    [
        (["mp-1", "149"], [], "id 2: '149' is no Materials Project id, such as mp-149"),
        (["mp-1", "mp-2", "mp-1"], [], "id 3: 'mp-1' occurs twice"),
        (None, ["band_gab"], "unknown quantity of the Materials Project 'band_gab'; did you mean 'band_gap'"),
    ],
)
def test_wrong_questions_are_not_asked(tmp_path, no_connection, ids, quantities, said):
    with pytest.raises(InputError, match=said):
        source.entries(ids, quantities, cache=tmp_path, connect=no_connection)


def test_without_a_key_one_line_says_where_to_get_it(tmp_path, monkeypatch):
    pytest.importorskip("mp_api")
    monkeypatch.delenv("MP_API_KEY", raising=False)
    with pytest.raises(
        MissingDataError, match=r"needs a key; get one at https://.*set .* MP_API_KEY"
    ) as caught:
        source.entries(["mp-149"], ["band_gap"], cache=tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_without_the_package_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(client.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("MP_API_KEY", KEY)
    with pytest.raises(MissingDataError, match="needs the package mp-api; pip install mp-api"):
        source.entries(["mp-149"], ["band_gap"], cache=tmp_path)


def test_a_key_that_cannot_be_one_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("mp_api")
    monkeypatch.setenv("MP_API_KEY", "too-short")
    with pytest.raises(InputError, match=r"refuses connecting: .*Valid API keys are 32 characters") as caught:
        source.entries(["mp-149"], ["band_gap"], cache=tmp_path)
    assert "too-short" not in str(caught.value)


def test_downloads_are_kept_in_the_cache(connected, tmp_path, monkeypatch, catalogue):
    monkeypatch.setenv("HYBRID_CACHE", str(tmp_path))
    downloaded = source.download(["mp-12"], ["band_gap"], connect=connected(catalogue))
    assert tmp_path in downloaded.folder.parents
    assert isinstance(downloaded, pages.Download)
    assert json.loads((downloaded.folder / "manifest.json").read_text())["licence"] == "CC BY 4.0"
    assert Path(downloaded.folder / "page-00001.jsonl.gz").exists()
