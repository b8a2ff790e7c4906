"""What several commands have in common: options, also from settings, and reading the folder."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from hybrid.atomic import refuse_special
from hybrid.errors import InputError

if TYPE_CHECKING:
    from hybrid.data.folder import CrystalFolder


def add_common(parser: argparse.ArgumentParser) -> None:
    """Adds the options of every command that computes."""
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"], help="default: auto")
    parser.add_argument("--skip-bad", action="store_true", help="leave out and list what cannot be used")


def add_jobs(parser: Any, do: str = "prepare the crystals") -> None:
    """Adds the option for the number of processes, which do something."""
    words = f"processes that {do}; -1: one for each core; default: 1"
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help=words)


def seed(text: str) -> int:
    """A seed as random generators take it."""
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0 to {2**32 - 1}")
    return int(text)


def add_code(parser: Any) -> None:
    """Adds the option for files of the user's that define networks, poolings or descriptors."""
    parser.add_argument(
        "--code",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE.py",
        help="your own files to run first",
    )


def run_code(options: argparse.Namespace) -> None:
    """Runs the files of --code."""
    from hybrid.user_code import run_user_file

    for path in options.code:
        run_user_file(path)


def add_split(parser: argparse.ArgumentParser, drawn_by: str) -> None:
    """Adds the options for the split into training, validation and test sets."""
    fractions = ("TRAIN", "VAL", "TEST")
    parser.add_argument("--split-file", type=Path, help=f"CSV id,fold; default: a random split by {drawn_by}")
    parser.add_argument("--split", type=float, nargs=3, metavar=fractions, help="default: 0.8 0.1 0.1")


def one_split(options: argparse.Namespace) -> Any:
    """The split file, fractions, or none.

    Raises:
        InputError: both are given.
    """
    if options.split and options.split_file:
        raise InputError("--split: --split-file already gives the folds")
    return options.split_file or options.split


def add_settings(
    parser: Any, settings: type[BaseModel], names: tuple[str, ...], defaults: bool = True
) -> None:
    """Adds an option for each of these fields of settings, such as --n-conv for `n_conv`.

    Their descriptions become the help; with `defaults` it gives the default values that these do not tell.
    """
    for name in names:
        field = settings.model_fields[name]
        text = field.description or ""
        told = "default" in text or field.default in ((), None, "") or field.annotation is bool
        if defaults and not told:
            default = field.default[0] if isinstance(field.default, tuple) else field.default
            text = f"{text}; default: {default}".removeprefix("; ")
        parser.add_argument(f"--{name.replace('_', '-')}", help=text, **_type(field.annotation))


def given(options: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """The options of these names that were given."""
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def read(options: argparse.Namespace, targets: bool = False, **which: Any) -> "CrystalFolder":
    """The folder of the command, see `read_folder`; crystals that are left out are listed on stderr."""
    from hybrid.data.folder import read_folder
    from hybrid.processes import check_jobs

    jobs = check_jobs(getattr(options, "jobs", 1))
    folder = read_folder(options.folder, targets, options.skip_bad, several_targets=True, **which)
    folder = replace(folder, jobs=jobs)
    report_dropped(folder.dropped)
    return folder


def report_dropped(dropped: list[str]) -> None:
    """Lists on stderr why crystals were left out."""
    for reason in dropped:
        print(f"left out: {reason}", file=sys.stderr)
    if dropped:
        print(f"left out {len(dropped)} in all", file=sys.stderr)


def refuse_inputs(out: Path, folder: Path, *others: Path | None, endings: Sequence[str] = ("",)) -> None:
    """Checks that files can be written and do not replace what is read: the crystals, or other files or runs.

    `out` is the file to write, or the common name of several, to which `endings` are added.

    Raises:
        InputError: they would, or a folder or device is there.
    """
    from hybrid.folder_files import RESERVED, the_structure
    from hybrid.structures import FORMATS

    if out.name in ("", ".."):
        raise InputError(f"{out}: is a folder; a file is to be written there")
    read = {file.resolve() for other in filter(None, others) for file in (other, *other.glob("*"))}
    for path in (out.with_name(f"{out.name}{ending}") for ending in endings):
        refuse_special(path)
        place = path.resolve()
        own = (
            place.exists()
            and place.parent == folder.resolve()
            and (
                place.name in (*RESERVED, "id_prop.csv", "descriptors.csv")
                or (place.suffix in FORMATS and the_structure([place]))
            )
        )
        if own or (place.exists() and place in read):
            raise InputError(f"{path}: is an input and is not overwritten; choose another file to write")


def default_output(folder: Path, ending: str, model: Path | None = None) -> Path:
    """<folder>-<model><ending> in the current folder, with the folder's name once."""
    name = folder.resolve().name
    if model:
        place = model.resolve()
        place = place.parent if place.name == "model.ckpt" else place
        ending = "-" + re.sub(r"(\.(ckpt|pth|pt|tar|zip))+$", "", place.name) + ending
    return Path(f"{name}-{ending.removeprefix('-').removeprefix(f'{name}-')}")


def _type(annotation: Any) -> dict[str, Any]:
    """The arguments of `add_argument` for a field of this type."""
    if get_origin(annotation) is Literal:
        return {"choices": get_args(annotation)}
    if annotation is bool:
        return {"action": "store_true", "default": None}
    kind = (get_args(annotation) or (annotation,))[0]
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    several = {"nargs": "+", "action": "extend"} if get_origin(annotation) is tuple else {}
    return {"type": kind, "metavar": "NAME" if kind is str else kind.__name__.upper(), **several}
