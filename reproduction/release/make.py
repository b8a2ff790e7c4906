"""Trains a released model, measures it, and writes its folder in the package."""

import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Element

from hybrid import __version__
from hybrid.atomic import atomic_folder, write_text
from hybrid.data.folder import CrystalFolder
from hybrid.descriptors.symmetry import CRYSTAL_SYSTEMS, space_group
from hybrid.device import resolve_device
from hybrid.errors import InputError
from hybrid.metrics import known, regression_metrics
from hybrid.reading import read_json
from hybrid.report.records import provenance
from hybrid.trained.checkpoint import MODEL_FILE
from hybrid.trained.ensemble import Ensemble
from hybrid.trained.loading import load
from hybrid.trained.released import CARD, FOLDER, MODEL, write_released
from hybrid.training.run import subset
from hybrid.training.several import train_ensemble
from hybrid.weights import read_weights
from reproduction.data.registry import dataset_folder, get_dataset
from reproduction.paths import RESULTS
from reproduction.release.card import Card, Data, External, Score, Worst, markdown
from reproduction.release.releases import RELEASES, Release

SIZES = (1, 3, 5, 9, 17, 33)  # atoms in a cell, first of each row
SYSTEM_OF = {code: name for name, (_, code) in CRYSTAL_SYSTEMS.items()}
FEWEST, WORST = 10, 20  # test crystals of an element that has a row; crystals that are listed
EVERY_CARD = (
    "Crystals that the column `outside` names: elements, sizes or descriptors that were not in training.",
    "Surfaces, molecules, disordered or defective crystals: there were none in training.",
    "Decisions that need the accuracy of a calculation: the intervals say what to expect.",
)


def make_release(name: str, scale: str) -> Path:
    """Trains the members that are missing, and writes model, card and page.

    Raises:
        InputError: no such release, or its data are not available.
    """
    if name not in RELEASES:
        raise InputError(f"unknown release '{name}'; known: {', '.join(RELEASES)}")
    release = RELEASES[name]
    settings, out = release.settings(scale), RESULTS / scale / "releases" / name
    crystals = subset(dataset_folder(release.dataset), settings)
    of_tables = release.run(scale)
    first = out / f"seed-{settings.model_seed}"
    trained = of_tables.folder / MODEL_FILE
    reusable = of_tables.settings == settings and trained.exists() and not first.exists()
    if reusable and read_weights(trained).get("domain"):  # an older version did not keep it
        with atomic_folder(first) as whole:
            shutil.copytree(of_tables.folder, whole, dirs_exist_ok=True)
    metrics = train_ensemble(crystals, settings, out, release.members)
    ensemble = load(out)
    assert isinstance(ensemble, Ensemble)
    runs = sorted(out.glob("seed-*"))
    place = FOLDER / name
    write_released(place, [read_weights(run / MODEL_FILE) for run in runs], ensemble)
    card = _card(name, release, crystals, ensemble, metrics, out)
    write_text(place / CARD, card.model_dump_json(indent=1) + "\n")
    write_text(place / "card.md", markdown(card))
    return place


def _card(
    name: str, release: Release, folder: CrystalFolder, ensemble: Ensemble, metrics: dict[str, Any], out: Path
) -> Card:
    dataset, network = get_dataset(release.dataset), ensemble.members[0]
    predicted = pd.read_csv(out / "predictions.csv", dtype={"id": str}).set_index("id").loc[folder.ids]
    structures = list(folder.structures())
    predicted["n_atoms"] = [len(structure) for structure in structures]
    predicted["formula"] = [structure.composition.reduced_formula for structure in structures]
    test = predicted[predicted.fold == "test"].copy()
    training = predicted[predicted.fold == "training"]
    of_test = [structures[i] for i in np.flatnonzero(predicted.fold == "test")]
    systems = np.array([SYSTEM_OF[int(space_group(structure)["crys_sys"])] for structure in of_test])
    elements = [{site.symbol for site in structure.composition} for structure in of_test]
    domain = network.domain
    assert domain is not None
    settings = read_json(next(iter(sorted(out.glob("seed-*")))) / "settings.json")
    chosen = ("epochs", "batch_size", "loss", "optimiser", "learning_rate", "weight_decay", "schedule")
    seconds = [read_json(run / "metrics.json")["train_seconds"] for run in out.glob("seed-*")]
    test["error"] = (test.prediction - test.target).abs()
    often = [
        (symbol, at)
        for symbol in sorted(set().union(*elements))
        if sum(at := [symbol in found for found in elements]) >= FEWEST
    ]
    by_element = [_score(test[np.array(at)], symbol) for symbol, at in often]
    bounds = list(zip(SIZES, [*(size - 1 for size in SIZES[1:]), 10**6], strict=True))
    return Card(
        name=name,
        version=__version__,
        title=release.title,
        target=dataset.target,
        unit=folder.unit,
        network=f"{network.settings.name}, {network.settings.pooling} pooling",
        n_members=len(ensemble.members),
        n_parameters=sum(p.numel() for p in network.network.parameters()),
        settings={key: settings["trainer"][key] for key in chosen},
        descriptors=network.standardisation.names if network.standardisation else (),
        training=_data(release.dataset, folder, predicted, metrics),
        elements=tuple(Element.from_Z(z).symbol for z in domain.elements),
        n_atoms=(int(training.n_atoms.min()), int(training.n_atoms.max())),
        machine=f"{provenance({})['hardware']['processor']}, one thread",
        core_hours=round(sum(seconds) / 3600, 3),
        test=_score(test, "all"),
        single=tuple(one["mae_over_mad"] for one in metrics["single"]),
        coverage=metrics["coverage"],
        by_crystal_system=tuple(_score(test[systems == s], s) for s in SYSTEM_OF.values() if s in systems),
        by_n_atoms=tuple(
            _score(part, f"{first} to {last}" if last < 10**6 else f"{first} or more")
            for first, last in bounds
            if len(part := test[test.n_atoms.between(first, last)])
        ),
        by_element=tuple(sorted(by_element, key=lambda score: -(score.mae_over_mad or 0))),
        worst=tuple(
            Worst(
                id=str(identity),
                **{key: row[key] for key in ("formula", "n_atoms", "target", "prediction", "std")},
            )
            for identity, row in test.nlargest(WORST, "error").iterrows()
        ),
        external=_external(release.external, ensemble, structures) if release.external else None,
        not_for=tuple(filter(None, (release.not_for, *EVERY_CARD))),
        sha256=read_json(FOLDER / name / MODEL)["sha256"],
    )


def _data(dataset: str, folder: CrystalFolder, rows: pd.DataFrame, metrics: dict[str, Any]) -> Data:
    manifest = json.loads((folder.path / "manifest.json").read_text(encoding="utf-8"))
    about = get_dataset(dataset)
    whole = zip(folder.ids, rows.fold, folder.contents, rows.target, strict=True)
    authors = "the authors' test set; validation drawn from their training set"
    sizes = {key: metrics[key] for key in ("n_training", "n_validation", "n_test") if key in metrics}
    return Data(
        name=dataset,
        description=about.description[0].upper() + about.description[1:],
        source=manifest["source"],
        licence=manifest["licence"],
        sha256=hashlib.sha256("\n".join(" ".join(map(str, row)) for row in whole).encode()).hexdigest(),
        n_crystals=len(folder),
        split=authors if about.split == "authors" else f"random, {about.split}",
        **sizes,
    )


def _score(rows: pd.DataFrame, of: str) -> Score:
    scores = known(regression_metrics(rows.target.to_numpy(), rows.prediction.to_numpy()))
    return Score(of=of, n=len(rows), **{key: scores[key] for key in ("mae", "mad", "mae_over_mad", "r2")})


def _external(name: str, ensemble: Ensemble, seen: Iterable[Any]) -> External:
    """The errors on another data set, without the crystals that the training data hold too."""
    folder, device = dataset_folder(name), resolve_device("cpu")
    same, by_formula = StructureMatcher(), defaultdict(list)
    for structure in seen:
        by_formula[structure.composition.reduced_formula].append(structure)
    kept = [
        i
        for i, structure in enumerate(folder.structures())
        if not any(same.fit(structure, s) for s in by_formula[structure.composition.reduced_formula])
    ]
    whole, folder = folder, folder.take(kept)
    inputs = ensemble.inputs(folder)
    values = ensemble.predict_inputs(inputs, device, progress=False)
    assert folder.targets is not None
    targets = folder.targets.ravel()
    rows = pd.DataFrame({"target": targets, "prediction": values[:, 0], "fold": "test"})
    inside = np.array([not said for said in ensemble.outside(inputs)])
    alone = [one.predict_inputs(inputs, device, progress=False)[:, 0] for one in ensemble.members]
    calibration, errors = ensemble.calibrations[0], values[:, 0] - targets
    spread = values[:, 1] * ensemble.scaled
    return External(
        data=_data(name, folder, rows, {}).model_copy(update={"n_crystals": len(whole), "split": ""}),
        n_left_out=len(whole) - len(folder),
        score=_score(rows, "all that are left"),
        single=tuple(regression_metrics(targets, one)["mae_over_mad"] for one in alone),
        coverage=calibration.coverage(errors, spread),
        n_outside=int((~inside).sum()),
        score_inside=_score(rows[inside], "like those in training") if inside.any() else None,
        coverage_inside=calibration.coverage(errors[inside], spread[inside]) if inside.any() else None,
    )
