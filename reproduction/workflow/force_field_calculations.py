"""Calculations of Cv and U of test crystals by a force field: which crystals, and where the results are.

Each finished crystal adds a line to a file, so that a killed calculation repeats only the crystals that it
was working on. When all are done the lines become one CSV file. As with runs, its name contains a hash of
everything that determines its content.
"""

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
from pymatgen.core import Structure

from hybrid.atomic import atomic_file
from hybrid.errors import InputError, unknown_name
from hybrid.line_cache import LineCache
from hybrid.processes import in_parallel
from hybrid.progress import Progress
from hybrid.settings import ModelSettings, RunSettings
from hybrid.training.run import subset
from hybrid.training.samples import Samples
from reproduction import figures
from reproduction.data.registry import dataset_folder, versioned
from reproduction.models.force_field import (
    ForceFieldSettings,
    TooLargeError,
    supercell_size,
    thermal,
)
from reproduction.models.forces import Forces, load_forces
from reproduction.paths import RESULTS
from reproduction.workflow.availability import why_missing
from reproduction.workflow.runs import planned
from reproduction.workflow.spec import ForceFieldScale, Spec

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
        runs: the settings of a run on each of its data sets, which determine the test crystals.
        settings: of the calculation for a structure.
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
        """The set's and the force field's, with a hash of all settings and of the data sets' versions."""
        splits = {
            versioned(dataset): run.model_dump(mode="json", include={"split", "n_structures", "data_seed"})
            for dataset, run in self.runs.items()
        }
        settings = [self.settings.model_dump(mode="json"), self.size.model_dump(mode="json"), splits]
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        return f"{self.set}-{self.settings.force_field}-{digest[:8]}"

    @property
    def table(self) -> Path:
        """The table of results, once all are done."""
        return RESULTS / self.scale / "force-field" / f"{self.name}.csv"


def calculations(spec: Spec, scale: str) -> list[Calculation]:
    """The calculations of a spec at a scale, without those whose data are not available."""
    if spec.force_field is None:
        return []
    if scale not in spec.force_field.scales:
        raise unknown_name("scale of the force field", scale, spec.force_field.scales)
    runs, found = planned(spec, scale), []
    for settings, (name, datasets) in product(spec.force_field.settings, spec.force_field.sets.items()):
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
        plain = settings.model_copy(update={"model": ModelSettings(name="mean-baseline")})
        samples = Samples.of(subset(dataset_folder(dataset), plain), plain)
        folder = samples.folder.take(samples.at("test"))
        sized = []
        for identity, structure in zip(folder.ids, folder.structures(), strict=True):
            size = supercell_size(structure, calculation.settings.shortest_image)
            sized.append((len(structure) * int(size.prod()), identity, structure))
        sized.sort(key=lambda row: row[:2])
        for n_atoms, identity, structure in sized[: calculation.size.smallest]:
            found.setdefault(identity, (n_atoms, structure))
    return {identity: structure for identity, (_, structure) in sorted(found.items(), key=lambda i: i[1][0])}


def calculate(calculation: Calculation, jobs: int = 1, forces: Forces | None = None) -> Path:
    """Does or continues a calculation, and writes its table, sorted by id.

    Args:
        calculation: the calculation.
        jobs: processes.
        forces: the force field; none: that of the settings.

    Raises:
        InputError: the force field or phonopy is not installed.
    """
    if calculation.table.exists():
        return calculation.table
    kept, crystals = calculation.table.with_suffix(".lines"), crystals_of(calculation)
    lines = LineCache(kept)
    missing = {identity: crystal for identity, crystal in crystals.items() if identity not in lines}
    row_of = partial(_row, calculation=calculation, forces=forces)
    results = in_parallel(row_of, missing.items(), jobs)
    for identity, row in Progress(results, calculation.name, len(missing), unit="crystals"):
        lines.add(identity, row)
    rows = [{"id": identity, **lines[identity]} for identity in sorted(crystals)]
    lines.close()
    with atomic_file(calculation.table) as temporary:
        table = pd.DataFrame(rows, columns=COLUMNS)
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    kept.unlink(missing_ok=True)
    return calculation.table


def _row(
    crystal: tuple[str, Structure], calculation: Calculation, forces: Forces | None
) -> tuple[str, dict[str, Any]]:
    """A crystal's id and its result."""
    identity, structure = crystal
    forces = forces or load_forces(calculation.settings.force_field)
    start = time.process_time()  # of this process, independent of other jobs on the machine
    row: dict[str, Any] = {"formula": structure.composition.reduced_formula, "n_atoms": len(structure)}
    relax = getattr(forces, "relax", None)
    try:
        result = thermal(structure, calculation.settings, forces, relax, calculation.size.max_supercell)
        row |= {"status": DONE, **asdict(result)}
    except TooLargeError as error:
        row |= {"status": TOO_LARGE, "note": str(error)}
    except InputError as error:
        row |= {"status": FAILED, "note": str(error)}
    return identity, row | {"cpu_seconds": time.process_time() - start}


def read_table(path: Path) -> pd.DataFrame:
    """The rows of a finished calculation by id, with the other COLUMNS.

    Raises:
        InputError: it is not finished.
    """
    if not path.exists():
        raise InputError(f"{path}: does not exist yet; python -m reproduction force-field {path.stem}")
    words = {"id": str, "formula": str, "status": str, "note": str}
    table = pd.read_csv(path, dtype=words, keep_default_na=False, na_values=dict.fromkeys(COLUMNS[3:-1], ""))
    return table.set_index("id")
