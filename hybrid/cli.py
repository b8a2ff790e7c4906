"""The command line. If the input is wrong, a command prints one sentence and exits with code 2."""

import argparse
import io
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

from hybrid import __version__
from hybrid.allocator import keep_freed_memory
from hybrid.errors import InputError, sentence, unknown_name
from hybrid.user_code import blamed

COMMANDS = {
    "train": "train a model on a folder of structures",
    "models": "list the models that come with the package",
    "predict": "predict with a trained model or an upstream checkpoint",
    "report": "draw the results of finished runs, one or several side by side",
    "supercells": "compare a model's predictions of crystals and of their supercells",
    "descriptors": "write descriptors.csv for a folder of structures",
    "probe": "test which structural descriptors a network, or a table of embeddings, knows",
    "embed": "write the embeddings of crystals by your own trained model, or a pretrained one",
    "dataset": "build a normalised dataset of your own folder, or one that is known by name",
}
"""Each is a module of hybrid.commands, imported only when it is called, so that help is quick."""


class Parser(argparse.ArgumentParser):
    """Takes whole names of options, and says in one sentence what is wrong and where the help is."""

    def __init__(self, **settings: Any):
        super().__init__(**settings, allow_abbrev=False)  # --seed is not --seeds

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The options; a command's own parser refuses what it does not know."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            name = unknown[0].partition("=")[0]
            if not name.startswith("-"):
                self.error(f"'{name}' is one argument too many")
            self.error(str(unknown_name("option", name, self._option_string_actions)))
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Exits with code 2."""
        self.exit(2, f"error: {message} (`{self.prog} --help` shows the options)\n")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    return run_command(options.run, options)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options of a command, with the function that runs it as `run`."""
    about, *_ = (sys.modules["hybrid"].__doc__ or "").partition("\n")
    parser = Parser(prog="hybrid", description=about)
    parser.add_argument("--version", action="version", version=__version__)
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = parsers.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name in arguments[:1]:
            module = import_module(f"hybrid.commands.{name}")
            module.add_options(command)
            command.add_argument("--quiet", action="store_true", help="do not show progress")
            command.set_defaults(run=module.run)
    return parser.parse_args(arguments)


def run_command(run: Callable[[argparse.Namespace], int | None], options: argparse.Namespace) -> int:
    """Runs a command and returns its exit code.

    An error in the input or in a user's code, or what the system refuses, is printed in one sentence.
    """
    keep_freed_memory()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter gets its number
            stream.reconfigure(errors="backslashreplace")
    if getattr(options, "quiet", False):
        os.environ["HYBRID_PROGRESS"] = "off"
    try:
        folder = getattr(options, "folder", None)
        if folder and not folder.is_dir():  # before anything heavy is loaded
            what = "is a file; give the folder that it is in" if folder.exists() else "no such folder"
            raise InputError(f"{folder}: {what}")
        code = run(options) or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of the output has stopped, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped; the same command continues from here", file=sys.stderr)
        return 130
    except Exception as error:
        told = blamed(error) or sentence(error)
        if told is None:
            raise
        print(f"error: {told}", file=sys.stderr)
        return 2
