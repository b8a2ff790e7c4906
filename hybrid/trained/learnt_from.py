"""Which crystals a model's run had, and in which folds: the run's inputs.json has them by content."""

from pathlib import Path

from hybrid.data.folder import CrystalFolder
from hybrid.errors import InputError
from hybrid.reading import read_json
from hybrid.trained.ensemble import ENSEMBLE, read_members

OF_STRUCTURES = "hashes of structures"  # in inputs.json of a run whose crystals were no files


def folds_in_training(model: Path, folder: CrystalFolder) -> list[str] | None:
    """The fold of each crystal of a folder in the run of a model; empty for other crystals.

    All crystals of a cross-validation are training crystals, as the networks that are not tested on
    one learnt from it or chose their epoch by it.

    Returns:
        A fold for each crystal, nothing if the run had none of them, and None if it is not known, as of all
        models but run folders.

    Raises:
        InputError: the run's inputs.json is damaged.
    """
    run = model / read_members(model)[0][0] if (model / ENSEMBLE).exists() else model
    inputs = run / "inputs.json"
    if not inputs.exists():
        return None
    try:
        content = read_json(inputs)
        of_structures = OF_STRUCTURES in content
        folds = sorted((fold == "training", key, fold) for fold, key, *_ in content["crystals"].values())
        seen = {key: fold for _, key, fold in folds}  # of a structure under two ids training counts
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{inputs}: is damaged, so the folds are not known; remove it") from error
    if run != model and run.name.startswith("fold-"):
        seen = dict.fromkeys(seen, "training")
    if not (folder.stored or of_structures):
        return None  # the run may have had the files of these structures
    found = [seen.get(key, "") for key in folder.keys(of_structures)]
    return found if any(found) else []
