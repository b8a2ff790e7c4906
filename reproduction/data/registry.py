"""Every dataset by name, and how its folder is built."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from hybrid.data.folder import CrystalFolder, read_folder
from hybrid.data.named import NamedDataset
from hybrid.data.written_folder import write_manifest
from hybrid.descriptors.many import write_descriptors
from hybrid.errors import InputError, unknown_name
from hybrid.reading import read_json
from hybrid.settings import Split
from reproduction.data import chains
from reproduction.data import recipe_book as book
from reproduction.data.chain_sets import build_chains
from reproduction.data.checks import POSITIVE, Check, at_least, between
from reproduction.data.recipes import Recipe
from reproduction.data.sources import matcalc
from reproduction.data.thermal import check_dulong_petit
from reproduction.paths import DATASETS


@dataclass(frozen=True)
class Dataset:
    """A dataset of the paper, or one beside it.

    Attributes:
        label: what figures call it.
        target: the quantity in id_prop.csv, by the paper's symbol.
        unit: its unit.
        description: one line for people.
        build: writes the folder, with so many processes.
        intensive: whether the target does not grow with the cell.
        split: how it is split: fractions, or the name of a published split.
        task: what the target is learnt as.
    """

    label: str
    target: str
    unit: str
    description: str
    build: Callable[..., None]
    intensive: bool = True
    split: Split | str = (0.6, 0.2, 0.2)
    task: Literal["regression", "classification"] = "regression"


def _chains(
    kind: chains.Kind,
    length: str,
    offset: float = chains.DOUBLE_OFFSET,
    n_chains: int = chains.N_CHAINS,
) -> Dataset:
    first, end = {"short": chains.SHORT, "long": chains.LONG}[length]
    what = "single" if kind == "single" else "single and double"
    label = f"1D {'' if kind == 'single' else 'mixed '}{length}"
    apart = "" if offset == chains.DOUBLE_OFFSET else f", {offset:g} Å apart"
    many = "" if n_chains == chains.N_CHAINS else f", {n_chains:,}"
    description = f"{n_chains:,} {what} 1D carbon chains of {first} to {end - 1} atoms a strand{apart}"
    return Dataset(
        f"{label}{apart}{many}",
        "a",
        "Å",
        description,
        lambda path, jobs=1: build_chains(path, kind, (first, end), n_chains, double_offset=offset),
        intensive=False,
        split=(0.8, 0.1, 0.1),
    )


def _crystals(target: str, unit: str, description: str, recipe: Recipe, label: str = "") -> Dataset:
    intensive = recipe.per != "cell" and target not in ("a", "natoms")

    return Dataset(
        label or target,
        target,
        unit,
        description,
        lambda path, jobs=1: recipe.build(path, target, unit, jobs),
        intensive,
        split="authors" if recipe.published else (0.6, 0.2, 0.2),
        task=recipe.task,
    )


def _phonon(target: str, quantity: str, unit: str, words: str) -> dict[str, Dataset]:
    """The authors' phonon labels per cell and per atom."""
    return {
        f"phonon-{quantity}{suffix}": _crystals(
            target,
            unit.format(per),
            f"{words} at 300 K per {per}, authors' labels and split",
            book.phonon(quantity, per),
            f"{target} per {per}",
        )
        for suffix, per in (("", "cell"), ("-per-atom", "atom"))
    }


LABELLED: dict[str, tuple[str, str, str, str, Check | None]] = {
    "elastic-k": ("K", "K", "GPa", "bulk modulus", None),
    "elastic-g": ("G", "G", "GPa", "shear modulus", None),
    "elastic-poisson": ("poisson_ratio", "ν", "", "Poisson ratio", None),
    "piezo-modulus": ("piezo_modulus", "‖e‖∞", "C/m²", "piezoelectric modulus", at_least(0)),
    "dielectric-electronic": ("eps_electronic", "εe", "", "electronic dielectric constant", at_least(1)),
    "dielectric-total": ("eps_total", "εt", "", "total dielectric constant", at_least(1)),
    "refractive-index": ("n", "n", "", "refractive index", at_least(1)),
}
"""The quantities with outliers cut: the authors' name, symbol, unit, words, what a right value is."""


def _labelled(quantity: str, target: str, unit: str, words: str, check: Check | None) -> Dataset:
    return _crystals(target, unit, f"{words}, authors' labels and test set", book.labelled(quantity, check))


def _uncut(quantity: str, target: str, unit: str, words: str, check: Check | None) -> Dataset:
    described = f"{words}, with the outliers that the authors cut"
    return _crystals(target, unit, described, book.uncut(quantity, check), f"{target}, uncut")


def _natoms(by_crystal: bool) -> Dataset:
    split = "with no crystal in two folds" if by_crystal else "with their split"
    described = f"the authors' rows of natoms, three for each of 2,500 crystals, {split}"
    label = "natoms, split by crystal" if by_crystal else "natoms, as published"
    return _crystals("natoms", "1", described, book.natoms_as_published(by_crystal), label)


def _by_formula(target: str, quantity: str, unit: str, words: str) -> Dataset:
    described = f"{words} of a cell over the atoms of the reduced formula, authors' labels and split"
    return _crystals(target, unit, described, book.phonon_by_formula(quantity), f"{target} / formula atoms")


def _magnetization(per: str) -> Dataset:
    words = f"magnitude of the total magnetization per {per}, {AT_HAND} 2018"
    return _crystals("M", f"μB/{per}", words, book.magnetization(per), f"M per {per}")


ALEXANDRIA = "Alexandria binaries of matcalc's phonon benchmark"
BINARIES = "Materials Project binaries of matcalc's elasticity benchmark"
AT_HAND = "all Materials Project crystals at hand, of"
BY_KEY = "all of the Materials Project, by mp-api"
APART = 40.0  # Å between strands that see nothing of each other, with 100 Å of vacuum

REGISTRY: dict[str, Dataset] = {
    "chains-short": _chains("single", "short"),
    "chains-long": _chains("single", "long"),
    "chains-mixed-short": _chains("mixed", "short"),
    "chains-mixed-long": _chains("mixed", "long"),
    "mp-descriptors": _crystals(
        "a",
        "Å",
        "the paper's MP dataset as far as its structures are at hand; every descriptor is a target",
        book.descriptor_targets(),
        "MP dataset",
    ),
    "mp-crystal-system": _crystals(
        "crystal system",
        "",
        "1 cubic to 7 triclinic, the authors' whole-database set as far as its structures are at hand",
        book.crystal_systems(),
        "MP, whole",
    ),
    **_phonon("Cv", "cv", "J/(mol-{} K)", "heat capacity"),
    **_phonon("U", "u", "kJ/mol-{}", "vibrational internal energy"),
    "alexandria-cv": _crystals(
        "Cv",
        "J/(mol-cell K)",
        f"heat capacity at 300 K per cell, {ALEXANDRIA}",
        book.benchmark(matcalc.alexandria_phonons, "cv", ALEXANDRIA, check_dulong_petit, per="cell"),
        "Cv, Alexandria",
    ),
    "log-kappa": _crystals(
        "log κ",
        "log10(W/(m K))",
        "lattice thermal conductivity, authors' labels of crystals whose Materials Project id is known",
        book.thermal_conductivity(),
    ),
    **{name: _labelled(*about) for name, about in LABELLED.items()},
    "magnetization": _magnetization("formula"),
    "magnetization-per-atom": _magnetization("atom"),
    "magnetization-per-cell": _magnetization("cell"),
    "band-gap": _crystals("Eg", "eV", f"band gap, {AT_HAND} 2019", book.tabulated("band_gap", at_least(0))),
    "formation-energy": _crystals(
        "Ef",
        "eV/atom",
        f"formation energy, {AT_HAND} 2018 and 2019",
        book.tabulated("formation_energy", between(-10, 10)),
    ),
    "final-energy": _crystals(
        "Efin",
        "eV/atom",
        f"final total energy derived from the formation energy, {AT_HAND} 2018 and 2019",
        book.final_energy(between(-30, 10)),
    ),
    "binary-k": _crystals(
        "K",
        "GPa",
        f"bulk modulus, {BINARIES}",
        book.benchmark(matcalc.binary_elasticity, "K_VRH", BINARIES, POSITIVE),
        "K, binaries",
    ),
    "natoms-as-published": _natoms(by_crystal=False),
    "natoms-by-crystal": _natoms(by_crystal=True),
    "phonon-cv-by-formula": _by_formula("Cv", "cv", "J/(mol K)", "heat capacity at 300 K"),
    "phonon-u-by-formula": _by_formula("U", "u", "kJ/mol", "vibrational internal energy at 300 K"),
    "chains-mixed-short-apart": _chains("mixed", "short", APART),
    "chains-mixed-long-apart": _chains("mixed", "long", APART),
    "chains-long-7000": _chains("single", "long", n_chains=7000),
    **{f"{name}-uncut": _uncut(*about) for name, about in LABELLED.items()},
    "mp-thinned": _crystals(
        "a",
        "Å",
        f"the paper's MP dataset drawn anew, space group N thinned by N/(N + 15), {BY_KEY}",
        book.thinned(),
        "MP dataset, today's",
    ),
    **{
        f"mp-{name}": _crystals(target, unit, f"{words}, {BY_KEY}", book.downloaded(quantity, per))
        for name, quantity, per, target, unit, words in (
            ("cv", "cv", "cell", "Cv", "J/(mol-cell K)", "heat capacity at 300 K"),
            ("u", "u", "cell", "U", "kJ/mol-cell", "vibrational internal energy at 300 K"),
            ("k", "K_VRH", None, "K", "GPa", "bulk modulus"),
            ("g", "G_VRH", None, "G", "GPa", "shear modulus"),
            ("poisson", "poisson_ratio", None, "ν", "", "Poisson ratio"),
            ("band-gap", "band_gap", None, "Eg", "eV", "band gap"),
            ("piezo-modulus", "eij_max", None, "‖e‖∞", "C/m²", "piezoelectric modulus"),
            ("dielectric-electronic", "poly_electronic", None, "εe", "", "electronic dielectric constant"),
            ("dielectric-total", "poly_total", None, "εt", "", "total dielectric constant"),
            ("refractive-index", "n", None, "n", "", "refractive index"),
        )
    },
}

VERSIONS = {
    **dict.fromkeys(("mp-descriptors", "mp-crystal-system", "band-gap", "formation-energy"), 2),
    **dict.fromkeys(("phonon-cv", "phonon-cv-per-atom", "phonon-u", "phonon-u-per-atom"), 2),
}
"""Raised when a data set's crystals or targets change, so that a finished run is not taken for a new one."""

PROPERTIES = (
    *("phonon-u", "phonon-cv", "elastic-k", "elastic-g", "elastic-poisson", "band-gap", "piezo-modulus"),
    *("dielectric-electronic", "dielectric-total", "refractive-index", "final-energy", "log-kappa"),
    "magnetization",
)
"""Table 1's; U and Cv, which grow with the cell, come first."""


def get_dataset(name: str) -> Dataset:
    """The dataset registered as `name`.

    Raises:
        InputError: no such dataset; the message suggests the nearest name.
    """
    if name not in REGISTRY:
        raise unknown_name("dataset", name, REGISTRY)
    return REGISTRY[name]


def versioned(name: str) -> str:
    """A dataset's name with its version, if that is not the first."""
    version = VERSIONS.get(name, 1)
    return name if version == 1 else f"{name} version {version}"


def dataset_folder(name: str, jobs: int = 1) -> CrystalFolder:
    """The folder of a dataset, built by `jobs` processes if it does not exist.

    Raises:
        MissingDataError: its source data are not available.
        InputError: the folder is of another version of the data set.
    """
    dataset, path = get_dataset(name), DATASETS / name
    (DATASETS / ".hybrid").mkdir(exist_ok=True)  # where all of them keep what is computed of a crystal
    manifest, version = path / "manifest.json", VERSIONS.get(name, 1)
    if not manifest.exists():
        dataset.build(path, jobs)
        write_manifest(path, {**read_json(manifest), "version": version})
    elif (found := read_json(manifest).get("version", version)) != version:  # older folders do not say it
        raise InputError(
            f"{path}: is version {found} of the data set, not {version}; remove it to build it anew"
        )
    return read_folder(path)


def described_folder(name: str) -> CrystalFolder:
    """The same with its descriptors.csv, written if it does not exist; raises as `dataset_folder`."""
    folder = dataset_folder(name)
    if not (folder.path / "descriptors.csv").exists():
        write_descriptors(folder.path)
    return folder


NAMED = {
    name: NamedDataset(dataset.description, partial(dataset_folder, name))
    for name, dataset in REGISTRY.items()
}
"""What `hybrid dataset` offers."""
