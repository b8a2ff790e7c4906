"""A force field's Cv and U of test crystals: which, in which jobs, and where the results are kept.

The crystals of a set are dealt out to a few jobs. A job adds a line for each crystal to a file of its own, so
that a killed job repeats only the crystal it was at; when all jobs are done their lines become one CSV file,
which is what stays. As with runs, its name carries a hash of everything that decides its content.
"""

import hashlib
import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pymatgen.core import Structure
from tqdm import tqdm

from hybrid.atomic import atomic_file, write_text
from hybrid.data.folder import CrystalFolder
from hybrid.errors import InputError, unknown_name
from hybrid.line_cache import LineCache
from hybrid.settings import ModelSettings, RunSettings
from hybrid.training.run import subset
from hybrid.training.samples import Samples
from reproduction import figures
from reproduction.data.registry import dataset_folder
from reproduction.models.force_field import (
    CHGNetForces,
    ForceFieldSettings,
    Forces,
    TooLargeError,
    supercell_size,
    thermal,
)
from reproduction.paths import RESULTS
from reproduction.workflow.availability import why_missing
from reproduction.workflow.runs import planned
from reproduction.workflow.spec import ForceFieldScale, Spec

PARTS = 8  # jobs a set; one where only the smallest crystals are calculated
COLUMNS = (
    *("id", "formula", "status", "cv", "u", "cv_magnitude", "u_magnitude", "n_atoms", "n_supercell"),
    *("n_displacements", "imaginary", "lowest", "cpu_seconds", "note"),
)
DONE, TOO_LARGE, FAILED = "done", "too large", "failed"


@dataclass(frozen=True)
class Calculation:
    """The crystals of one set at one scale.

    Attributes:
        set: its name.
        runs: the settings of a run on each of its data sets, which say what the test crystals are.
        settings: of a structure's calculation.
        size: which crystals.
        scale: name.
    """

    set: str
    runs: dict[str, RunSettings]
    settings: ForceFieldSettings
    size: ForceFieldScale
    scale: str

    @property
    def name(self) -> str:
        """The set's, with a hash of all settings."""
        splits = {
            dataset: run.model_dump(mode="json", include={"split", "n_structures", "data_seed"})
            for dataset, run in self.runs.items()
        }
        settings = [self.settings.model_dump(mode="json"), self.size.model_dump(mode="json"), splits]
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        return f"{self.set}-{digest[:8]}"

    @property
    def table(self) -> Path:
        """The results, once they are whole."""
        return RESULTS / self.scale / "force-field" / f"{self.name}.csv"

    @property
    def parts(self) -> list[Path]:
        """The results of the jobs, until then."""
        folder = self.table.with_suffix(".partial")
        return [folder / f"{part}.jsonl" for part in range(1 if self.size.smallest else PARTS)]


def calculations(spec: Spec, scale: str) -> list[Calculation]:
    """What a spec has a force field calculate at a scale, without what has no data here."""
    if spec.force_field is None:
        return []
    if scale not in spec.force_field.scales:
        raise unknown_name("scale of the force field", scale, spec.force_field.scales)
    runs, settings = planned(spec, scale), spec.force_field.settings
    found = []
    for name, datasets in spec.force_field.sets.items():
        on = {run.dataset: run.settings for run in reversed(runs) if run.dataset in datasets}
        one = Calculation(name, on, settings, spec.force_field.scales[scale], scale)
        if one.table.exists() or not any(map(why_missing, datasets)):
            found.append(one)
    return found


def find(name: str, scale: str) -> Calculation:
    """The calculation called `name`.

    Raises:
        InputError: no experiment has one.
    """
    known = {one.name: one for spec in figures.specs().values() for one in calculations(spec, scale)}
    if name not in known:
        raise unknown_name("calculation", name, known)
    return known[name]


def crystals_of(calculation: Calculation) -> dict[str, Structure]:
    """The crystals of a calculation by id, smallest supercell first: those of each data set's test part."""
    found: dict[str, tuple[int, Structure]] = {}
    for dataset, settings in calculation.runs.items():
        folder = _test_part(dataset, settings)
        sized = []
        for identity, structure in zip(folder.ids, folder.structures(), strict=True):
            size = supercell_size(structure, calculation.settings.shortest_image)
            sized.append((len(structure) * int(size.prod()), identity, structure))
        for n_atoms, identity, structure in sorted(sized, key=lambda row: row[:2])[
            : calculation.size.smallest
        ]:
            found.setdefault(identity, (n_atoms, structure))
    return {identity: structure for identity, (_, structure) in sorted(found.items(), key=lambda i: i[1][0])}


def _test_part(dataset: str, settings: RunSettings) -> CrystalFolder:
    plain = settings.model_copy(update={"model": ModelSettings(name="mean-baseline")})
    samples = Samples.of(subset(dataset_folder(dataset), plain), plain)
    return samples.folder.take(samples.at("test"))


def compute_part(calculation: Calculation, part: int, forces: Forces | None = None) -> None:
    """Does one job of a calculation, or goes on with it.

    Args:
        calculation: what the job is part of.
        part: which job.
        forces: the force field; CHGNet if none.

    Raises:
        InputError: there is no such job, or CHGNet or phonopy is not installed.
    """
    n_parts = len(calculation.parts)
    if not 0 <= part < n_parts:
        raise InputError(f"{calculation.name} has parts 0 to {n_parts - 1}; there is no part {part}")
    out = calculation.parts[part]
    if out.exists() or calculation.table.exists():
        return
    if forces is None:
        forces = CHGNetForces(calculation.settings.weights)
    crystals = list(crystals_of(calculation).items())[part::n_parts]
    cache = LineCache(out.with_suffix(".lines"))
    for identity, structure in tqdm(crystals, desc=f"{calculation.name} {part}", unit="crystal"):
        if identity not in cache:
            cache.add(identity, _row(structure, calculation, forces))
    cache.close()
    lines = [json.dumps({"id": identity, **cache[identity]}) for identity, _ in crystals]
    write_text(out, "".join(f"{line}\n" for line in lines))


def _row(structure: Structure, calculation: Calculation, forces: Forces) -> dict[str, Any]:
    start = time.process_time()  # of this process: other jobs on the machine do not count
    row: dict[str, Any] = {"formula": structure.composition.reduced_formula, "n_atoms": len(structure)}
    relax = forces.relax if isinstance(forces, CHGNetForces) else None
    try:
        result = thermal(structure, calculation.settings, forces, relax, calculation.size.max_supercell)
        row |= {"status": DONE, **asdict(result)}
    except TooLargeError as error:
        row |= {"status": TOO_LARGE, "note": str(error)}
    except InputError as error:
        row |= {"status": FAILED, "note": str(error)}
    return row | {"cpu_seconds": time.process_time() - start}


def collect(calculation: Calculation) -> Path:
    """Makes the jobs' results one CSV file, sorted by id.

    Raises:
        InputError: a job is not done.
    """
    if calculation.table.exists():
        return calculation.table
    rows = []
    for part, path in enumerate(calculation.parts):
        if not path.exists():
            job = f"{calculation.name} --part {part} --scale {calculation.scale}"
            raise InputError(f"{path}: is not there yet; python -m reproduction force-field {job}")
        rows += [json.loads(line) for line in path.read_text().splitlines()]
    table = pd.DataFrame(rows, columns=COLUMNS).sort_values("id")
    with atomic_file(calculation.table) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    shutil.rmtree(calculation.table.with_suffix(".partial"))
    return calculation.table


def read_table(path: Path) -> pd.DataFrame:
    """The rows of a collected calculation by id, with the other COLUMNS.

    Raises:
        InputError: it is not collected yet.
    """
    if not path.exists():
        raise InputError(f"{path}: is not there yet; python -m reproduction force-field {path.stem}")
    words = {"id": str, "formula": str, "status": str, "note": str}
    table = pd.read_csv(path, dtype=words, keep_default_na=False, na_values=dict.fromkeys(COLUMNS[3:-1], ""))
    return table.set_index("id")
