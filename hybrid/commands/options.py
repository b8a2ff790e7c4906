"""Options that several commands have, and options made from settings."""

import argparse
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from hybrid.errors import InputError


def add_common(parser: argparse.ArgumentParser) -> None:
    """The options of every command that computes."""
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"], help="default: auto")
    parser.add_argument("--skip-bad", action="store_true", help="leave out and list what cannot be used")


def add_settings(
    parser: Any, settings: type[BaseModel], names: tuple[str, ...], defaults: bool = True
) -> None:
    """Adds an option for each of these fields of settings: `n_conv` is --n-conv; `defaults` are told."""
    for name in names:
        field = settings.model_fields[name]
        text = field.description or ""
        if defaults and field.default not in ((), None):
            text = f"{text}; default: {field.default}".removeprefix("; ")
        parser.add_argument(f"--{name.replace('_', '-')}", help=text, **_type(field.annotation))


def given(options: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """The options of these names that were given."""
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def wrong_option(error: ValidationError) -> InputError:
    """The first option that settings refuse; blocks of settings have no option of their own."""
    first = error.errors()[0]
    option = next(str(part) for part in first["loc"] if part != "alignn").replace("_", "-")
    option = "model" if option == "name" else option
    return InputError(f"--{option} {first['input']}: {first['msg']}")


def report_dropped(dropped: list[str]) -> None:
    """Says what was left out of a folder, and why."""
    for reason in dropped:
        print(f"left out: {reason}", file=sys.stderr)
    if dropped:
        print(f"left out {len(dropped)} in all", file=sys.stderr)


def default_output(folder: Path, ending: str) -> Path:
    """<folder><ending>, where the command is called."""
    return Path(f"{folder.resolve().name}{ending}")


def _type(annotation: Any) -> dict[str, Any]:
    """How argparse reads a field of this type."""
    if get_origin(annotation) is Literal:
        return {"choices": get_args(annotation)}
    if get_origin(annotation) is tuple:
        return {"nargs": "+", "metavar": "NAME"}
    kinds = [kind for kind in get_args(annotation) or (annotation,) if kind is not type(None)]
    return {"type": kinds[0], "metavar": kinds[0].__name__.upper()}
