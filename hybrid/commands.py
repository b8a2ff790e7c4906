"""What each command does with its options; imports wait until the command is known, so that help is quick."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid.errors import InputError, unknown_name

if TYPE_CHECKING:
    from pydantic import ValidationError


def train_on_folder(options: argparse.Namespace) -> None:
    """Trains a model on a folder."""
    from pydantic import ValidationError

    from hybrid.data.folder import read_folder
    from hybrid.data.splits import read_split
    from hybrid.models.registry import get_model
    from hybrid.settings import (
        PAPER,
        TUNED,
        GraphSettings,
        ModelSettings,
        RunSettings,
        TrainerSettings,
        recipe,
    )
    from hybrid.training.run import subset, train

    def given(*names: str) -> dict[str, object]:
        return {name: getattr(options, name) for name in names if getattr(options, name) is not None}

    get_model(options.model)
    chosen = given("epochs", "batch_size", "optimiser", "learning_rate", "gradient_clip", "precision")
    try:
        model = ModelSettings(
            name=options.model,
            pooling=options.pooling,
            **given("descriptors", "n_conv", "atom_fea_len", "h_fea_len", "n_h"),
            alignn=given("alignn_layers", "gcn_layers", "hidden"),
        )
        default = recipe(model, PAPER if options.trainer == "paper" else TUNED)
        settings = RunSettings(
            model=default.model(model),
            graph=GraphSettings(**given("max_neighbours", "radius")),
            trainer=TrainerSettings(**{**default.trainer.model_dump(), **chosen}),
            **given("task", "targets", "split", "n_structures", "data_seed", "model_seed"),
        )
    except ValidationError as error:
        raise _wrong_option(error) from error
    folder = read_folder(options.folder, targets=not settings.targets, skip_bad=options.skip_bad)
    _report_dropped(folder.dropped)
    folder = subset(folder, settings)
    folds = read_split(options.split_file, folder.ids, settings.data_seed) if options.split_file else None
    out = options.out or Path(f"{options.folder.resolve().name}-{options.model}-{options.pooling}")
    if out.exists() and not (out / "metrics.json").exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is there already and is not a run folder; choose another --out")
    metrics = train(folder, settings, out, folds, options.device)
    test = metrics["test"]
    for name, scores in test.items() if settings.targets else [("", test)]:
        print(f"test {name + ': ' if name else ''}{_in_words(scores)}")
    print(out)


def _in_words(scores: dict[str, float]) -> str:
    if "accuracy" in scores:
        return f"accuracy {scores['accuracy']:.3f} (most frequent class: {scores['majority']:.3f})"
    return f"MAE {scores['mae']:.4g}, MAE/MAD {scores['mae_over_mad']:.3f}, R² {scores['r2']:.3f}"


def _wrong_option(error: "ValidationError") -> InputError:
    """The first option that settings refuse; blocks of settings have no option of their own."""
    first = error.errors()[0]
    option = next(str(part) for part in first["loc"] if part != "alignn").replace("_", "-")
    option = "model" if option == "name" else option
    return InputError(f"--{option} {first['input']}: {first['msg']}")


def predict_for_folder(options: argparse.Namespace) -> None:
    """Predicts with a trained model, and says how good it is where targets are known."""
    from hybrid.checkpoint import load
    from hybrid.data.folder import read_folder
    from hybrid.metrics import classification_metrics, regression_metrics
    from hybrid.prediction import predict_folder, write_folder_predictions
    from hybrid.training.run import resolve_device

    out = options.out or Path(f"{options.folder.resolve().name}-predictions.csv")
    if out.is_dir():
        raise InputError(f"{out}: is a folder; --out is the CSV file to write")
    model = load(options.model)
    labelled = (options.folder / "id_prop.csv").exists()
    folder = read_folder(options.folder, targets=labelled, skip_bad=options.skip_bad)
    _report_dropped(folder.dropped)
    predictions = predict_folder(model, folder, resolve_device(options.device))
    write_folder_predictions(out, folder, predictions, model.targets)
    print(f"{len(folder)} predictions; {out}")
    if folder.targets is None or model.targets or len(folder) < 2:
        return
    if model.classes:
        print(f"against id_prop.csv: {_in_words(classification_metrics(folder.targets, predictions[:, 0]))}")
    elif not model.network.classification:
        print(f"against id_prop.csv: {_in_words(regression_metrics(folder.targets, predictions[:, 0]))}")


def compare_supercells(options: argparse.Namespace) -> None:
    """Compares a model's predictions of crystals and of their supercells."""
    from hybrid.checkpoint import load
    from hybrid.data.folder import read_folder
    from hybrid.report.supercells import write_supercells
    from hybrid.supercells import SIZES
    from hybrid.training.run import resolve_device

    out = options.out or Path(f"{options.folder.resolve().name}-supercells")
    model = load(options.model)
    folder = read_folder(options.folder, targets=False, skip_bad=options.skip_bad)
    _report_dropped(folder.dropped)
    write_supercells(
        out,
        model,
        folder,
        sizes=options.sizes or SIZES,
        n_crystals=options.n_crystals,
        seed=options.seed,
        device=resolve_device(options.device),
    )
    print(out.with_name(f"{out.name}.md").read_text())


def build_datasets(options: argparse.Namespace) -> None:
    """Builds datasets that are known by name, or a normalised one of a user's own folder."""
    from hybrid.data.named import named_datasets

    if options.source:
        _own_dataset(options)
        return
    for option in ("out", "given_per", "per", "skip_bad", "random_split", "grouped_split"):
        if getattr(options, option):
            raise InputError(f"--{option.replace('_', '-')} goes with --from FOLDER")
    known = named_datasets()
    if not known:
        raise InputError("no dataset is known by name here; the project's checkout brings the paper's")
    names = options.names or list(known)
    for name in names:
        if name not in known:
            raise unknown_name("dataset", name, known)
    if options.list:
        for name in names:
            print(f"{name:24} {known[name].description}")
        return
    problems = {}
    for name in names:
        try:
            folder = known[name].folder()
            print(f"{name}: {len(folder)} structures; {os.path.relpath(folder.path)}")
        except InputError as error:
            problems[name] = error
            print(f"{name}: not built: {error}", file=sys.stderr)
    if options.names and problems:
        raise InputError(f"not built: {', '.join(problems)}")


def _own_dataset(options: argparse.Namespace) -> None:
    from hybrid.data.own import Splitting, normalise_folder

    if options.names or options.list:
        raise InputError("--from FOLDER makes one dataset of that folder; it takes no names and no --list")
    if not options.out:
        raise InputError("--from FOLDER needs --out FOLDER")
    splitting = Splitting(
        random=bool(options.random_split),
        groupings=options.grouped_split or (),
        fractions=options.random_split or Splitting.fractions,
        seed=options.data_seed,
    )
    manifest = normalise_folder(
        options.source,
        options.out,
        given_per=options.given_per,
        per=options.per,
        skip_bad=options.skip_bad,
        splitting=splitting,
    )
    _report_dropped(manifest["dropped"])
    for name, counts in manifest["splits"].items():
        print(f"splits/{name}.csv: {', '.join(f'{count} {fold}' for fold, count in counts.items())}")
    print(f"{manifest['n_crystals']} crystals, {manifest['n_reduced']} in a smaller cell; {options.out}")


def compute_descriptors(options: argparse.Namespace) -> None:
    """Writes descriptors.csv into a folder."""
    from hybrid.descriptors.many import write_descriptors

    table = write_descriptors(
        options.folder, space_group=options.space_group, backend=options.backend, n_jobs=options.jobs
    )
    for identity, reason in table.errors.items():
        print(f"no descriptors: {identity}: {reason}", file=sys.stderr)
    print(f"{len(table.ids)} crystals, {len(table.errors)} without; {options.folder / 'descriptors.csv'}")


def probe_model(options: argparse.Namespace) -> None:
    """Asks which descriptors a model knows."""
    from pydantic import ValidationError

    from hybrid.probe.networks import load_network
    from hybrid.probe.probe import ProbeSettings, probe
    from hybrid.probe.report import as_table, write

    given = {"descriptors": options.descriptors, "split": options.split_file or options.split}
    try:
        settings = ProbeSettings(
            n_structures=options.n_structures,
            seeds=options.seeds,
            one_by_one=options.one_by_one,
            **{name: value for name, value in given.items() if value is not None},
        )
    except ValidationError as error:
        raise _wrong_option(error) from error
    if options.beside and not options.beside.exists():
        raise InputError(f"{options.beside}: no such record")
    if options.embeddings and options.epochs:
        raise InputError("--epochs goes with --network")
    network = load_network(options.network, options.epochs) if options.network else None
    name = options.name or (network.name if network else options.embeddings.stem)
    out = options.output or Path(f"{options.folder.resolve().name}-{name}-probe")
    record = probe(
        network or options.embeddings,
        options.folder,
        settings,
        name=name,
        keep=out.with_name(f"{out.name}.partial"),
        device=options.device,
        skip_bad=options.skip_bad,
    )
    _report_dropped(record["dropped"])
    write(record, out, options.beside)
    print(
        f"test set: R², or accuracy of the crystal system\n{as_table(record).to_string(float_format='%.3f')}"
    )
    print(out.with_name(f"{out.name}.png"))


def embed_folder(options: argparse.Namespace) -> None:
    """Writes a pretrained model's vectors of crystals."""
    from hybrid.data.folder import read_folder
    from hybrid.probe.embeddings import refuse_format
    from hybrid.probe.pretrained import embed
    from hybrid.training.run import resolve_device

    out = options.output or Path(f"{options.folder.resolve().name}-{options.model}.csv")
    refuse_format(out)
    folder = read_folder(options.folder, targets=False, skip_bad=options.skip_bad)
    _report_dropped(folder.dropped)
    table = embed(folder, options.model, options.pooling, resolve_device(options.device))
    table.write(out)
    print(f"{len(table.ids)} vectors of {len(table.names)} numbers; {out}")


def _report_dropped(dropped: list[str]) -> None:
    for reason in dropped:
        print(f"left out: {reason}", file=sys.stderr)
    if dropped:
        print(f"left out {len(dropped)} in all", file=sys.stderr)
