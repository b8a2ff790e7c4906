"""A hyper-parameter search: an Optuna study for each network, all in one journal, on validation errors."""

import contextlib
import fcntl
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from pydantic import Field

from hybrid.atomic import write_text
from hybrid.data.folder import CrystalFolder
from hybrid.errors import DivergedError, unknown_name
from hybrid.progress import Progress
from hybrid.report.records import provenance
from hybrid.settings import RunSettings, Settings
from hybrid.training.model_registry import get_model
from hybrid.training.run import subset, train
from reproduction.data.registry import dataset_folder, get_dataset
from reproduction.drawing.tables import write_rows
from reproduction.paths import RESULTS, WORKFLOW
from reproduction.workflow.record import code
from reproduction.workflow.spec import SCALES, Network, Size, load_networks, read_settings, run_settings

COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)  # a diverged trial is pruned; a killed one is neither
STARTUP_TRIALS = 5  # random ones, before the sampler learns from the results
DESCRIPTOR_LIMIT = "model.descriptor_limit"
Value = float | int | str | None


class Effort(Size):
    """The number and length of the trials for each network."""

    trials: int = Field(ge=1)


class Search(Settings):
    """The search space; names of settings are dotted, as in trainer.learning_rate."""

    dataset: str
    networks: tuple[str, ...] = Field(min_length=1)
    fixed: dict[str, dict[str, Any]] = Field(default_factory=dict, description="what every trial has")
    space: dict[str, dict[str, Any]] = Field(
        description="`choices`, or a range from `low` to `high`, `log` or not, of each setting"
    )
    first: dict[str, Value] = Field(description="the trial to begin with")
    scales: dict[str, Effort]

    def space_of(self, network: Network) -> dict[str, dict[str, Any]]:
        """What is searched of a network: how to clip descriptors only if it takes any."""
        takes = get_model(network.model.name).takes_descriptors
        return {name: domain for name, domain in self.space.items() if takes or name != DESCRIPTOR_LIMIT}


def load_search(name: str) -> Search:
    """The search that a file of workflow/ describes, such as search.yaml."""
    return read_settings(Search, WORKFLOW / f"{name}.yaml")


def search(name: str, scale: str, progress: bool = True) -> Path:
    """Tries settings until every network has had its trials, and writes the record and tables.

    Several processes can search at once, and a stopped search continues: the journal beside the record keeps
    every trial.

    Returns:
        The table's path.

    Raises:
        InputError: no such scale, or the dataset is not available.
    """
    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    searched, stem = load_search(name), RESULTS / scale / name
    stem.parent.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(f"{stem}.journal"))
    effort = searched.scales[scale]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    studies, networks = {}, load_networks()
    with _alone(stem.with_name(f".{name}.lock")) as alone:
        for network in searched.networks:
            known = network in optuna.get_all_study_names(storage)
            take = optuna.load_study if known else partial(optuna.create_study, load_if_exists=True)
            studies[network] = study = take(study_name=network, storage=storage)
            missing = effort.trials - _counted(study)
            if missing > 0:
                folder, space = dataset_folder(searched.dataset), searched.space_of(networks[network])
                _begin(study, {key: searched.first[key] for key in space}, alone)
                desc = f"searching {network}"
                with Progress(desc=desc, total=missing, unit="trials", shown=progress) as bar:
                    study.optimize(
                        _objective(searched, networks[network], effort, folder),
                        callbacks=[
                            optuna.study.MaxTrialsCallback(effort.trials, states=COUNTED),
                            lambda *_, bar=bar: bar.update(),
                        ],
                    )
    _write(stem, scale, searched, studies)
    return stem.with_suffix(".md")


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Whether no other process searches, each of which shares the lock file `path`."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except OSError:  # another process, or a file system without locks
            alone = False
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield alone


def _begin(study: optuna.Study, first: dict[str, Value], alone: bool) -> None:
    """Ends trials that were killed, if no other process can be at them, and sees that `first` is tried."""
    if alone:
        for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            study.tell(trial.number, state=TrialState.FAIL)
    alive = study.get_trials(deepcopy=False, states=(*COUNTED, TrialState.WAITING, TrialState.RUNNING))
    if all(trial.system_attrs.get("fixed_params") != first for trial in alive):
        study.enqueue_trial(first)


def _counted(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=COUNTED))


def _objective(
    searched: Search, network: Network, effort: Effort, folder: CrystalFolder
) -> Callable[[optuna.Trial], float]:
    """MAE/MAD on the validation set; the score on the test set is noted and never used."""
    space = searched.space_of(network)

    def validation_error(trial: optuna.Trial) -> float:
        # its own random numbers: two processes with one seed would try the same settings
        trial.study.sampler = optuna.samplers.TPESampler(n_startup_trials=STARTUP_TRIALS, seed=trial.number)
        drawn = {
            name: (trial.suggest_categorical if "choices" in domain else trial.suggest_float)(name, **domain)
            for name, domain in space.items()
        }
        settings = trial_settings(searched, network, effort, drawn)
        scratch = Path(tempfile.mkdtemp(prefix="trial-"))
        try:
            metrics = train(subset(folder, settings), settings, scratch / "run", progress=False)
        except DivergedError as error:
            raise optuna.TrialPruned(str(error)) from error
        finally:
            shutil.rmtree(scratch)
        trial.set_user_attr("seconds", metrics["train_seconds"])
        trial.set_user_attr("best_epoch", metrics["best_epoch"])
        trial.set_user_attr("test_r2", metrics["test"]["r2"])
        return float(metrics["validation"]["mae_over_mad"])

    return validation_error


def trial_settings(searched: Search, network: Network, size: Size, drawn: dict[str, Value]) -> RunSettings:
    """A network's run with the settings of a trial, seed 0.

    Args:
        searched: the search.
        network: what is not searched for.
        size: epochs and number of structures.
        drawn: dotted names of settings, and their values.
    """
    settings = run_settings(network, get_dataset(searched.dataset), size, seed=0)
    changed = settings.model_dump()
    for block, values in searched.fixed.items():
        changed[block] |= values
    for name, value in drawn.items():
        block, key = name.split(".")
        changed[block][key] = value
    return RunSettings.model_validate(changed)


def _write(stem: Path, scale: str, searched: Search, studies: dict[str, optuna.Study]) -> None:
    """Writes the record and the table of all trials."""
    effort = searched.scales[scale]
    trials, rows = [], []
    for network, study in studies.items():
        best = study.best_trial if study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]) else None
        for trial in study.get_trials(deepcopy=False, states=COUNTED):
            chosen = best is not None and trial.number == best.number
            about = {"network": network, "trial": trial.number, "settings": trial.params}
            about |= {"validation_mae_over_mad": trial.value}
            about |= {"status": "diverged" if trial.value is None else "done", "chosen": chosen}
            trials.append({**about, **trial.user_attrs})
            row = {"network": network, "trial": str(trial.number)}
            for name in searched.space:
                row[name.split(".")[1]] = _text(trial.params[name]) if name in trial.params else ""
            row["validation MAE/MAD"] = "diverged" if trial.value is None else f"{trial.value:.4f}"
            r2 = trial.user_attrs.get("test_r2") if chosen else None
            row["test R²"] = "" if r2 is None else f"{r2:z.3f}"
            rows.append({**row, "": "chosen" if chosen else ""})
    record = {
        "experiment": stem.name,
        "scale": scale,
        **provenance(code()),
        "search": searched.model_dump(mode="json", exclude={"scales"}),
        "effort": effort.model_dump(exclude_none=True),
        "trials": trials,
    }
    write_text(stem.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    counts = sorted(_counted(study) for study in studies.values())  # processes at once may do one more
    number = f"{counts[0]}{f' or {counts[-1]}' if counts[-1] > counts[0] else ''}"
    caption = (
        f"{number} trials a network, each of {effort.epochs} epochs on {searched.dataset}, seed 0; "
        "the validation error alone decides."
    )
    write_rows(stem, caption, rows)


def _text(value: Value) -> str:
    return "none" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
