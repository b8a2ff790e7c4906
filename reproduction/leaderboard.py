"""The leaderboard of the probe as data: a file for each model in results/leaderboard.

Those of our own models are written from the records of figures, others from a record of `hybrid probe`. All
are checked in the same way (docs/leaderboard.md).
"""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from statistics import mean
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from hybrid.atomic import write_text
from hybrid.descriptors.registry import Descriptor, paper_descriptors
from hybrid.errors import InputError, unknown_name
from hybrid.reading import read_bytes, read_json
from hybrid.report.records import Bar, bars, read_record
from hybrid.settings import Seed, Settings
from hybrid.training.model_registry import get_model
from reproduction.paths import RESULTS, ROOT

FOLDER = RESULTS / "leaderboard"
SYMMETRY = "crys_sys"
SAME = ("dataset", "n_train", "epochs")  # of the scores of an entry, but for the crystal system
LARGEST = 50_000  # bytes of an entry
OWN = "results/"  # begins the names of our own records

Text = Annotated[str, Field(min_length=1, max_length=200)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Score = Annotated[float, Field(le=1)]
Reads = Literal["structure", "embeddings", "formula", "number of atoms", "nothing"]


class Entry(Settings):
    """A model in the leaderboard, and how well it knows each descriptor."""

    model: Text
    settings: Text = Field(description="a name for them; a model may stand in the table more than once")
    reads: Reads = Field(description="what the model is given of a crystal")
    dataset: Text = Field(description="the folder of crystals")
    n_train: int = Field(ge=1, description="training crystals")
    n_test: int = Field(ge=1, description="test crystals")
    epochs: int | None = Field(None, ge=1, description="of a network")
    seeds: tuple[Seed, ...] = Field(min_length=1)
    scores: dict[str, tuple[Score, ...]] = Field(
        min_length=1,
        description="R² on the test set, or accuracy of the crystal system, a value for each seed",
    )
    records: dict[str, Sha256] = Field(min_length=1, description="where the scores are from, by hash")
    files: dict[str, Sha256] = Field(
        {}, description="predictions, embeddings or code that are kept elsewhere"
    )
    link: str = Field("", pattern=r"^(https?://\S+)?$", description="where model and files are found")
    created: Text
    code: dict[str, str | None] = Field(description="version or commit with which it was probed")

    @field_validator("scores")
    @classmethod
    def _descriptors_are_known(cls, scores: dict[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
        names = [one.name for one in paper_descriptors()]
        for name, values in scores.items():
            if name not in names:
                raise ValueError(str(unknown_name("descriptor", name, names)))
            if name == SYMMETRY and min(values, default=0) < 0:
                raise ValueError(f"{SYMMETRY} is an accuracy, and {min(values)} is below 0")
        return scores

    @model_validator(mode="after")
    def _every_score_has_a_seed(self) -> Self:
        for name, values in self.scores.items():
            if not 0 < len(values) <= len(self.seeds):
                raise ValueError(f"{name} has {len(values)} scores, of {len(self.seeds)} seeds")
        return self

    @property
    def name(self) -> str:
        """The name of its file."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.model} {self.settings}".lower()).strip("-")

    @property
    def own(self) -> list[str]:
        """The records of this repository that it is from; none of a contributed model."""
        return [name for name in self.records if name.startswith(OWN)]

    def score(self, descriptor: str) -> float | None:
        """The mean over the seeds."""
        return mean(self.scores[descriptor]) if descriptor in self.scores else None

    def mean(self, descriptors: list[Descriptor]) -> float | None:
        """The mean score; none if it lacks a descriptor."""
        found = [self.score(one.name) for one in descriptors]
        return mean(score for score in found if score is not None) if None not in found else None


def faults(path: Path) -> list[str]:
    """What is wrong with an entry's file: a sentence for each fault, with file, field and reason."""
    try:
        content, size = read_json(path), len(read_bytes(path))
        entry = Entry.model_validate(content)
    except InputError as error:
        return [str(error)]
    except ValidationError as error:
        return [f"{path}: {_sentence(one)}" for one in error.errors()]
    found = []
    if size > LARGEST:
        found.append(f"larger than {LARGEST} bytes; name predictions and embeddings in files, by their hash")
    if path.stem != entry.name:
        found.append(f"model and settings: the file should be called {entry.name}.json")
    for name in entry.own:
        if not (ROOT / name).is_file() or entry.records[name] != _hash(ROOT / name):
            found.append(f"records.{name}: has changed since; `make leaderboard` writes the entry again")
    return [f"{path}: {sentence}" for sentence in found]


def _sentence(error: Any) -> str:
    where = ".".join(map(str, error["loc"])) or "scores"
    if error["type"] == "missing":
        return f"{where}: is missing"
    if error["type"] == "extra_forbidden":
        return f"{where}: {unknown_name('field', str(error['loc'][-1]), Entry.model_fields)}"
    said = error["msg"].removeprefix("Value error, ")
    return f"{where}: {said[:1].lower()}{said[1:]}"


def read(folder: Path = FOLDER) -> list[Entry]:
    """All entries, those with most descriptors first, then those with the best scores.

    Raises:
        InputError: a file is at fault.
    """
    paths = sorted(folder.glob("*.json"))
    if found := [fault for path in paths for fault in faults(path)]:
        raise InputError("\n".join(found))
    entries = [Entry.model_validate(read_json(path)) for path in paths]
    return sorted(
        entries, key=lambda one: (-len(one.scores), -mean(mean(values) for values in one.scores.values()))
    )


def write(entries: Iterable[Entry], folder: Path = FOLDER) -> list[Path]:
    """Writes entries, each to its file.

    Raises:
        InputError: two have one name.
    """
    paths: dict[Path, Entry] = {}
    for entry in entries:
        path = folder / f"{entry.name}.json"
        if path in paths:
            raise InputError(
                f"{path}: two models would have this name; call one of them or its settings else"
            )
        paths[path] = entry
    for path, entry in paths.items():
        write_text(path, json.dumps(entry.model_dump(), indent=1, ensure_ascii=False) + "\n")
    return list(paths)


def write_own(scale: str = "cpu", folder: Path = FOLDER) -> list[Path]:
    """Writes the entries of our own models from the records of a scale, and removes those that are left."""
    records = [path for path in (RESULTS / scale).glob("*.json") if "rows" in read_json(path)]
    written = write(entries_of(records), folder)
    for path in set(folder.glob("*.json")) - set(written):
        if any(name.startswith(OWN) for name in read_json(path).get("records", ())):
            path.unlink()
    return written


def entries_of(paths: Iterable[Path], **changes: Any) -> list[Entry]:
    """The models of records that learn descriptors.

    A number comes from the record with most descriptors that has it, of these from that with most crystals.
    All are of the same crystals and epochs, but for the crystal system, for which networks are trained apart.

    Args:
        paths: of records.
        changes: fields of the entries that records do not have, such as `link`, or that are not as told.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    known = [one.name for one in paper_descriptors()]
    scored = {path: _scored(read_record(path)) for path in paths}

    def rank(path: Path) -> tuple[int, int, str]:
        descriptors = {bar.first["descriptor"] for bar in scored[path]}
        crystals = max((bar.done[0]["n_train"] for bar in scored[path]), default=0)
        return -len(descriptors), -crystals, path.name

    for path in sorted(scored, key=rank):
        record = read_record(path)
        for bar in sorted(scored[path], key=lambda bar: not bar.first["descriptor"]):
            name, row = bar.first["descriptor"] or SYMMETRY, bar.done[0]
            values = [v for v in bar.values("accuracy" if name == SYMMETRY else "r2") if v == v]  # no NaN
            about = {
                "model": row["network_label"],
                "settings": bar.variant,
                "reads": _reads(row["model"], bar.variant),
                **{key: row[key] for key in ("dataset", "n_train", "n_test", "epochs")},
                "seeds": (),
                "scores": {},
                "records": {},
                **{key: record[key] for key in ("created", "code")},
                **changes,
            }
            entry = found.setdefault((row["network"], bar.variant), about)
            alike = name == SYMMETRY or all(entry[key] == row[key] for key in SAME)
            if name in known and values and alike and name not in entry["scores"]:
                entry["scores"][name] = values
                entry["seeds"] = sorted({*entry["seeds"], *(one["seed"] for one in bar.done)})
                place = path.resolve()
                inside = place.relative_to(ROOT).as_posix() if place.is_relative_to(ROOT) else path.name
                entry["records"][inside] = _hash(path)
    for entry in found.values():
        entry["scores"] = {name: entry["scores"][name] for name in known if name in entry["scores"]}
    return [Entry.model_validate(entry) for entry in found.values() if entry["scores"]]


def add(record: Path, files: Iterable[Path] = (), folder: Path = FOLDER, **changes: Any) -> list[Path]:
    """Writes the entries of a record of `hybrid probe`, without its trivial models.

    Args:
        record: of the probe.
        files: predictions, embeddings or code, of which the hashes are kept.
        folder: for the entries.
        changes: see `entries_of`.

    Raises:
        InputError: the record is none of a probe, or a field cannot be so.
    """
    hashes = {path.name: _hash(path) for path in files}
    try:
        entries = entries_of([record], files=hashes, **changes)
    except ValidationError as error:
        raise InputError(f"{record}: {_sentence(error.errors()[0])}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{record}: is not a record of `hybrid probe`") from error
    probed = [one for one in entries if one.reads not in ("nothing", "number of atoms")]
    if not probed:
        raise InputError(f"{record}: no model in it has learnt a descriptor")
    return write(probed, folder)


def _scored(record: dict[str, Any]) -> list[Bar]:
    """The bars of a record that say how well a descriptor is learnt from all training crystals."""
    return [
        bar
        for bar in bars(record)
        if bar.done and (bar.first.get("descriptor") or "accuracy" in bar.done[0]["metrics"])
        if bar.first.get("training_share", 1.0) == 1.0 and not bar.first.get("grouping")
    ]


def _reads(model: str, settings: str) -> str:
    if settings.startswith(("linear-probe", "forest-probe")):
        return "embeddings"
    if model.endswith("-baseline"):
        return "number of atoms" if model.startswith(("line", "natoms")) else "nothing"
    if model in ("composition-forest", "roost"):
        return "formula"
    try:
        return "structure" if get_model(model).network else "embeddings"
    except InputError:
        return "structure"


def _hash(path: Path) -> str:
    return hashlib.sha256(read_bytes(path)).hexdigest()
