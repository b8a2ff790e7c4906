"""Reads any trained model by its path or name: one network or several."""

from collections.abc import Sequence
from pathlib import Path

from hybrid.errors import InputError, note
from hybrid.trained.checkpoint import MODEL_FILE
from hybrid.trained.checkpoint import load as load_checkpoint
from hybrid.trained.ensemble import ENSEMBLE, Ensemble, read_members
from hybrid.trained.model import TrainedModel
from hybrid.trained.released import released_model, released_names


def load(place: str | Path) -> TrainedModel | Ensemble:
    """Reads a run folder, a checkpoint, ours or upstream's, or a released model by its name.

    A folder that holds no model does not hide a released model of its name.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = Path(place)
    own = path.is_file() or any((path / name).exists() for name in (MODEL_FILE, ENSEMBLE))
    if not path.exists() or (not own and str(place) in released_names()):
        if str(place) not in released_names():
            _refuse_unfinished(path)
        return released_model(str(place))
    if not (path / ENSEMBLE).exists():
        return load_checkpoint(path)
    names, content = read_members(path)
    _refuse_unfinished(path, names)
    members = tuple(load_checkpoint(path / name) for name in names)
    try:
        return Ensemble.of(members, content)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path / ENSEMBLE}: is damaged") from error


def _refuse_unfinished(path: Path, members: Sequence[str] = ()) -> None:
    """Checks that a run, with these run folders in it, is not a stopped one or still under way."""
    stopped = not path.exists() and path.with_name(f"{path.name}.partial").exists()
    if stopped or not all((path / name).exists() for name in members):
        raise InputError(f"{path}: is not finished; the command that began it goes on with it")


def load_members(place: str | Path) -> tuple[TrainedModel, ...]:
    """The networks of what `load` reads, one or several."""
    model = load(place)
    return model.members if isinstance(model, Ensemble) else (model,)


def load_one(place: str | Path) -> TrainedModel:
    """The network of what `load` reads, of several the first."""
    first, *others = load_members(place)
    if others:
        note(f"{place}: is of {1 + len(others)} networks, of which the first is taken")
    return first
