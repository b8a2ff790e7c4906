"""`hybrid train`: trains a model on a folder of structures."""

import argparse
from pathlib import Path

from pydantic import ValidationError

from hybrid.commands.options import (
    add_common,
    add_settings,
    add_split,
    default_output,
    given,
    read,
    wrong_option,
)
from hybrid.errors import InputError
from hybrid.settings import (
    PAPER,
    TUNED,
    ALIGNNSettings,
    GraphSettings,
    ModelSettings,
    RunSettings,
    TrainerSettings,
    recipe,
)

CGCNN = ("n_conv", "atom_fea_len", "h_fea_len", "n_h")
ALIGNN = ("alignn_layers", "gcn_layers", "hidden")
GRAPH = ("max_neighbours", "radius")
TRAINER = ("batch_size", "optimiser", "learning_rate", "gradient_clip", "precision")
RUN = ("targets", "task", "n_structures", "data_seed", "model_seed")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument(
        "folder", type=Path, help="id_prop.csv (id,target; no header) and a structure file for each id"
    )
    parser.add_argument(
        "--model",
        default="cgcnn",
        help="cgcnn, alignn; de-cgcnn, de-alignn: with descriptors; roost: of the formula; default: cgcnn",
    )
    parser.add_argument(
        "--pooling",
        default="mean",
        help="mean (intensive targets), sum (extensive) or shifted-sum (neither, as lengths); default: mean",
    )
    add_settings(parser, ModelSettings, ("descriptors",))
    add_settings(parser, RunSettings, RUN)
    parser.add_argument("--out", type=Path, help="run folder; default: <folder>-<model>-<pooling> here")
    add_split(parser, "--data-seed")
    parser.add_argument(
        "--trainer",
        default="tuned",
        choices=["tuned", "paper"],
        help="the optimiser and its settings: ours, or those of the paper; default: tuned",
    )
    add_settings(parser, TrainerSettings, ("epochs",))
    trainer = parser.add_argument_group("settings of the trainer, instead of its own")
    add_settings(trainer, TrainerSettings, TRAINER, defaults=False)
    add_settings(parser.add_argument_group("sizes of CGCNN"), ModelSettings, CGCNN)
    add_settings(parser.add_argument_group("sizes of ALIGNN"), ALIGNNSettings, ALIGNN)
    add_settings(parser.add_argument_group("the graph"), GraphSettings, GRAPH)
    add_common(parser)


def run(options: argparse.Namespace) -> None:
    """Trains, and prints the errors on the test set."""
    from hybrid.data.splits import read_split
    from hybrid.training.run import subset, train

    settings = _settings(options)
    folder = subset(read(options, targets=not settings.targets), settings)
    folds = read_split(options.split_file, folder.ids, settings.data_seed) if options.split_file else None
    out = options.out or default_output(options.folder, f"-{options.model}-{options.pooling}")
    if out.exists() and not (out / "metrics.json").exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is there already and is not a run folder; choose another --out")
    test = train(folder, settings, out, folds, options.device)["test"]
    for name, scores in test.items() if settings.targets else [("", test)]:
        print(f"test {name + ': ' if name else ''}{in_words(scores)}")
    print(out)


def in_words(scores: dict[str, float]) -> str:
    """Metrics in a line."""
    if "accuracy" in scores:
        return f"accuracy {scores['accuracy']:.3f} (most frequent class: {scores['majority']:.3f})"
    return f"MAE {scores['mae']:.4g}, MAE/MAD {scores['mae_over_mad']:.3f}, R² {scores['r2']:.3f}"


def _settings(options: argparse.Namespace) -> RunSettings:
    from hybrid.training.registry import get_model

    get_model(options.model)
    try:
        model = ModelSettings(
            name=options.model,
            pooling=options.pooling,
            alignn=ALIGNNSettings(**given(options, ALIGNN)),
            **given(options, ("descriptors", *CGCNN)),
        )
        default = recipe(model, PAPER if options.trainer == "paper" else TUNED)
        return RunSettings(
            model=default.model(model),
            graph=GraphSettings(**given(options, GRAPH)),
            trainer=TrainerSettings(
                **{**default.trainer.model_dump(), **given(options, ("epochs", *TRAINER))}
            ),
            **given(options, ("split", *RUN)),
        )
    except ValidationError as error:
        raise wrong_option(error) from error
