"""The tool from Python: train, load, predict, describe, probe. `import hybrid` has all of it."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrid.data.from_python import Structures, as_folder
from hybrid.descriptors.many import describe_many
from hybrid.descriptors.registry import Descriptor, paper_descriptors
from hybrid.descriptors.registry import register as register_descriptor
from hybrid.errors import InputError
from hybrid.models.network import CrystalNetwork
from hybrid.probing.probe import probe as run_probe
from hybrid.probing.report import as_table
from hybrid.readout import Pooling, register_pooling
from hybrid.settings import ProbeSettings, checked
from hybrid.trained.ensemble import Ensemble
from hybrid.trained.loading import load as load_model
from hybrid.trained.model import TrainedModel
from hybrid.training.choices import chosen_settings
from hybrid.training.model_registry import get_model, known_models
from hybrid.training.run import subset
from hybrid.training.run import train as run_training
from hybrid.training.several import cross_validate, train_ensemble
from hybrid.training.start import start_choices
from hybrid.user_code import register_object, resolve_name, run_user_file

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CrystalNetwork",
    "Descriptor",
    "Ensemble",
    "Pooling",
    "Structures",
    "TrainedModel",
    "describe",
    "load",
    "model_names",
    "probe",
    "register_descriptor",
    "register_pooling",
    "train",
]


def model_names() -> list[str]:
    """The names of the models that can be trained here."""
    return known_models()


def load(
    path: str | Path, code: str | Path | type | Iterable[str | Path | type] = ()
) -> TrainedModel | Ensemble:
    """Reads a trained model: a released one by name, a run folder, or a checkpoint of CGCNN or ALIGNN.

    Args:
        path: the name, run folder or file. No code in it is run.
        code: your files or classes that the model was trained with.

    Raises:
        InputError: it cannot be read, or was trained with code that is not given.
    """
    for one in [code] if isinstance(code, str | Path | type) else code:
        _known(one)
    return load_model(path)


def train(
    structures: Structures,
    targets: Any = None,
    *,
    model: str | type | None = None,
    pooling: str | None = None,
    out: str | Path | None = None,
    trainer: str = "tuned",
    seeds: int = 1,
    folds: int = 0,
    init_from: str | Path | None = None,
    device: str = "auto",
    progress: bool = False,
    **changes: Any,
) -> TrainedModel | Ensemble:
    """Trains a network, or several, and returns it with the weights of its best epoch.

    Args:
        structures: pymatgen or ASE structures or structure files, in a list or by id; or a dataset folder.
        targets: a number for each structure, in a list or by id. A folder has its own, one or several for
            each crystal.
        model: a name of `model_names()`, FILE.py:CLASS, or a class such as a `CrystalNetwork`; None: cgcnn,
            or that of `init_from`.
        pooling: mean, sum, shifted-sum, FILE.py:NAME, or the name of a registered one; None: mean, or that of
            `init_from`.
        out: the run folder to write, with metrics and predictions; None: nothing is kept on disk.
        trainer: tuned, or as in the `paper`.
        seeds: number of networks of an ensemble, which predicts mean, spread and intervals.
        folds: number of parts of a cross-validation, instead.
        init_from: a trained model to start from, as in `load`; `head` and `freeze` are among the changes.
        device: auto, cpu or cuda.
        progress: show progress bars.
        changes: settings that differ from the defaults, such as epochs, descriptors, hidden or data_seed.
            They are the fields of `RunSettings`, `GraphSettings`, `ModelSettings`, `ALIGNNSettings` and
            `TrainerSettings` in `hybrid.settings`, and the arguments of your own class, or a dictionary `own`
            with these if the package has a setting of the same name.

    Raises:
        InputError: the data or a setting cannot be used, the model is not a network, or training diverged.
    """
    name = None if model is None else _known(model)
    pooling = None if pooling is None else resolve_name(pooling)
    if init_from:
        name, pooling, changes = start_choices(init_from, name, pooling, changes)
    if seeds < 1 or (folds and seeds > 1):
        raise InputError(f"seeds {seeds}: " + ("give seeds or folds" if folds else "at least 1 is needed"))
    if get_model(name or "cgcnn").network is None:
        raise InputError(f"model {name}: is not a network; train it by `hybrid train`")
    settings = chosen_settings(name or "cgcnn", pooling or "mean", trainer, **changes)
    folder = subset(as_folder(structures, targets, chosen=settings.targets or None), settings)
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run" if out is None else Path(out)
        if folds:
            cross_validate(folder, settings, run, folds, device, progress)
        elif seeds > 1:
            train_ensemble(folder, settings, run, seeds, None, device, progress)
        else:
            run_training(folder, settings, run, device=device, progress=progress)
        return load_model(run)


def describe(structures: Structures, names: Iterable[str] | None = None) -> "pd.DataFrame":
    """A table of the structural descriptors of crystals (Table 3), with a row for each crystal.

    A value that cannot be computed is NaN.

    Args:
        structures: as in `train`.
        names: which descriptors; None: the paper's 29.

    Raises:
        InputError: a structure cannot be used, or a name is unknown.
    """
    import pandas as pd

    folder = as_folder(structures, labelled=False)
    chosen = [d.name for d in paper_descriptors(space_group=True)] if names is None else list(names)
    table = describe_many(folder.files, chosen, progress=False)
    return pd.DataFrame(table.values.numpy(), index=pd.Index(table.ids, name="id"), columns=list(table.names))


def probe(
    model: Any, structures: Structures, *, epochs: int | None = None, device: str = "auto", **settings: Any
) -> "pd.DataFrame":
    """How well a model knows the descriptors of crystals: R² on the test set, a row for each descriptor.

    Args:
        model: a name of `model_names()`, FILE.py:CLASS, a class with `fit` and `predict`, a class of
            networks, or a table of embeddings (.csv, .npz or .parquet).
        structures: as in `train`.
        epochs: of a network, instead of its own.
        device: auto, cpu or cuda.
        settings: the fields of `hybrid.settings.ProbeSettings`: descriptors, seeds, split, ….

    Raises:
        InputError: the model, the crystals or a setting cannot be used.
    """
    with checked():
        chosen = ProbeSettings(**settings)
    record = run_probe(model, structures, chosen, epochs=epochs, device=device, progress=False)
    return as_table(record)


def _known(code: str | Path | type) -> str:
    """The name of a model; its file is run, or its class registered, first."""
    if isinstance(code, type):
        return register_object(code.__name__, code)
    if str(code).endswith(".py"):
        run_user_file(Path(code))
        return str(code)
    return resolve_name(str(code))
