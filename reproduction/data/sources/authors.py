"""The labels and the training/test splits of the paper's authors. There are no structures in these files.

Published by them: heat capacity and internal energy by mp-id (Tables 1 and 2), thermal conductivity by ICSD
number, and the descriptors of 47,862 Materials Project structures that the networks of Figure 2 learn; of
139,367 for the crystal system (Figure 2c). Each quantity has its own split, except that the descriptors of
the 47,862 share one.

Published by others who did the same again: the test ids of seven more properties, with all values that the
Materials Project of March 2021 had. Which of the rest trained and which validated is not known. For K, G and
the Poisson ratio the authors' normalised test values and one network's predictions are there too.
"""

from dataclasses import dataclass

import numpy as np

from hybrid.errors import InputError, unknown_name
from reproduction.data.files import data_file, open_text
from reproduction.data.sources.entries import Labels, parse_number, table_rows

FOLDS = ("training", "test")
OUTLIER = 2.0  # the authors' test parts hold no value farther from the median, in spreads


@dataclass(frozen=True)
class Quantity:
    """A quantity of the authors' own files.

    Attributes:
        file: the name of its files, with the fold in braces.
        unit: of the values here.
        scale: of the values here, per value there.
    """

    file: str
    unit: str
    scale: float = 1


@dataclass(frozen=True)
class Selected:
    """A quantity whose test ids are known.

    Attributes:
        folder: of its files.
        unit: of the values.
        median: of the authors' normaliser, (value - median) / spread.
        percentiles: the 5th and the 95th; the spread is between them.
        model: that made the predictions in its files, known by its error, which is that of Table S1.
    """

    folder: str
    unit: str
    median: float
    percentiles: tuple[float, float]
    model: str = "unknown"

    @property
    def spread(self) -> float:
        """What the authors divide by."""
        return self.percentiles[1] - self.percentiles[0]


def _descriptor(name: str, unit: str) -> Quantity:
    return Quantity(f"gong2023/descriptors/{{fold}}_{name}.csv", unit)


QUANTITIES = {
    "cv": Quantity("gong2023/property/cv_{fold}.csv", "J/(mol K) per cell"),
    "u": Quantity("gong2023/property/internal_energy_{fold}.csv", "kJ/mol per cell", 1e-3),
    "log_kappa": Quantity("gong2023/property/kappa_{fold}.csv", "log10, the unit inside not stated"),
    "a": _descriptor("a", "Å"),
    "b": _descriptor("b", "Å"),
    "c": _descriptor("c", "Å"),
    "alpha": _descriptor("alpha", "degrees, truncated to an integer"),
    "structural_complexity_per_cell": _descriptor("structural_complexity_per_cell", "bits"),
    "crystal_system_int": _descriptor("crystal_system_int", "1 cubic to 7 triclinic"),
}
SELECTED = {
    "K": Selected("K_VRH", "GPa", 85.0, (13.0, 227.0), "cgcnn"),
    "G": Selected("G_VRH", "GPa", 35.0, (2.0, 122.0), "cgcnn"),
    "poisson_ratio": Selected("poisson_ratio", "", 0.3, (0.16999999999999998, 0.46)),
    "piezo_modulus": Selected(
        "eij_max", "C/m²", 0.3725057626074911, (0.013314000000000008, 3.166697821567865)
    ),
    "eps_electronic": Selected(
        "poly_electronic", "", 4.181001667723579, (2.167653133333333, 16.99262899999999)
    ),
    "eps_total": Selected("poly_total", "", 11.575437333333332, (4.664504733333333, 52.54265193334735)),
    "n": Selected("n_index", "", 2.0456221565183292, (1.4725663252029126, 4.139844584032235)),
}
REFUSED = {
    "natoms": "its files hold every id three times, some with conflicting values, and most test ids also in "
    "training; count the atoms of the reduced cell and take the split of 'a'"
}
VALIDATION = 0.25  # of the training part


def labels(quantity: str, cut: bool = True) -> Labels:
    """The values and the split of a quantity, one of `QUANTITIES` or `SELECTED`, in its unit.

    Args:
        quantity: its name.
        cut: leave out the outliers of one of `SELECTED`, as the authors did.

    Raises:
        InputError: no such quantity, one that cannot be used, or a row that cannot.
        MissingDataError: its files are not available.
    """
    if quantity in REFUSED:
        raise InputError(f"the authors' labels of {quantity} cannot be used: {REFUSED[quantity]}")
    if quantity in SELECTED:
        return _selected(SELECTED[quantity], cut)
    if quantity not in QUANTITIES:
        raise unknown_name("quantity of the authors' labels", quantity, [*QUANTITIES, *SELECTED])
    values: dict[str, float] = {}
    folds: dict[str, str] = {}
    for fold in FOLDS:
        path = data_file(QUANTITIES[quantity].file.format(fold=fold))
        for where, (identity, value) in table_rows(path, "cif_id", "property"):
            if identity in folds:
                raise InputError(f"{where}: id '{identity}' stands in the {folds[identity]} set already")
            values[identity] = parse_number(where, "property", value) * QUANTITIES[quantity].scale
            folds[identity] = fold
    return Labels(values, folds)


def natoms_as_published(by_crystal: bool, n_crystals: int = 2500, seed: int = 0) -> Labels:
    """Rows of the authors' files of natoms: all rows of crystals that are drawn by `seed`.

    Each row is a label of its own, named after the crystal and the row's number among its rows, since the
    files hold every crystal three times. That is for the audit; `labels` refuses natoms.

    Args:
        by_crystal: put all rows of a crystal on one side, in as large parts as theirs, instead of the files'
            split.
        n_crystals: how many crystals, with a structure or without.
        seed: draws the crystals and, by crystal, the parts.
    """
    rows: dict[str, list[tuple[str, float]]] = {}
    for fold in FOLDS:
        path = data_file(f"gong2023/descriptors/{fold}_natoms.csv")
        for where, (identity, value) in table_rows(path, "cif_id", "property"):
            rows.setdefault(identity, []).append((fold, parse_number(where, "property", value)))
    chosen = np.random.default_rng(seed).permutation(sorted(rows))[:n_crystals].tolist()
    n_tested = round(len(chosen) * np.mean([fold == "test" for i in chosen for fold, _ in rows[i]]))
    n_validated = round(VALIDATION * (len(chosen) - n_tested))
    names = ["test"] * n_tested + ["validation"] * n_validated
    part_of = dict(zip(chosen, names + ["training"] * (len(chosen) - len(names)), strict=True))
    found = Labels({}, notes={"crystals drawn": len(chosen), "of": len(rows)})
    for crystal in chosen:
        for number, (fold, n_atoms) in enumerate(rows[crystal], start=1):
            name = f"{crystal}-row{number}"
            found.values[name], found.crystals[name] = n_atoms, crystal
            found.folds[name] = part_of[crystal] if by_crystal else fold
    return found


def _selected(known: Selected, cut: bool) -> Labels:
    """Values, split and predictions, without outliers; where no value is listed, the normalised one is taken.

    The authors left outliers out and do not say so: none of their test values is more than two spreads from
    the median. The same is done here with all values. What is unphysical and no outlier, such as a negative
    shear modulus, they kept.
    """
    values: dict[str, float] = {}
    path = data_file(f"gong2023/selected/{known.folder}/fetched_ids.csv")
    for where, (identity, value) in table_rows(path, "ID", known.folder):
        if identity in values:
            raise InputError(f"{where}: id '{identity}' occurs twice")
        values[identity] = parse_number(where, known.folder, value)
    tested = set()
    predictions = {}
    path = data_file(f"gong2023/selected/{known.folder}/paper_test_ids.csv")
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            identity, *normalised = line.strip().split(",")
            tested.add(identity)
            if normalised:
                where = f"{path}: row {number}"
                truth, prediction = (
                    parse_number(where, "a normalised value", z) * known.spread + known.median
                    for z in normalised
                )
                values.setdefault(identity, truth)
                predictions[identity] = prediction
    limit = OUTLIER * known.spread
    outliers = {i for i, value in values.items() if cut and abs(value - known.median) > limit}
    notes = {
        "outliers left out": len(outliers),
        "outliers are": f"more than {limit:.6g} from the median {known.median:.6g}",
        "test ids without a label": len(tested - values.keys()),
    }
    kept = {i: value for i, value in values.items() if i not in outliers}
    folds = {i: "test" if i in tested else "training" for i in kept}
    return Labels(kept, folds, predictions=predictions, model=known.model, notes=notes)


def thermal_conductivity(seed: int = 0) -> Labels:
    """Logarithms of κ of the crystals whose Materials Project id is known, no crystal in two folds.

    Labels of one crystal that the authors' split puts on both sides are training labels here; the test part
    is the rest of theirs. A quarter of the training crystals, drawn by `seed`, is the validation part.

    Raises:
        InputError: a row cannot be used.
        MissingDataError: the labels or the ids are not available.
    """
    published = labels("log_kappa")
    table = data_file("mp_labels/kappa_icsd_to_mp.csv.gz")
    crystals = {
        f"icsd-{number}": identity
        for _, (number, how, identity) in table_rows(table, "icsd", "how", "mp_id")
        if how.startswith("map")  # the other ids are guesses from the formula
    }
    values = {i: published.values[i.removeprefix("icsd-")] for i in crystals}
    trained = {
        crystal for i, crystal in crystals.items() if published.folds[i.removeprefix("icsd-")] == "training"
    }
    order = np.random.default_rng(seed).permutation(sorted(trained))
    validated = set(order[: round(VALIDATION * len(order))].tolist())
    folds = {
        i: "validation" if crystal in validated else "training" if crystal in trained else "test"
        for i, crystal in crystals.items()
    }
    unknown = len(published.values) - len(values)
    return Labels(values, folds, crystals, notes={"labels of unknown crystals": unknown})
