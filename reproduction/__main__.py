"""The paper's command line: `python -m reproduction figure3h`, and the steps that its workflow takes."""

import argparse
import os
import sys
from pathlib import Path

from hybrid.cli import run_command

SCALES = ("smoke", "quick", "cpu", "paper")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = _parser().parse_args(arguments)
    return run_command(options.command, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m reproduction", description=__doc__)
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")

    reproduce = parsers.add_parser("reproduce", help="reproduce figures and tables of the paper")
    reproduce.set_defaults(command=reproduce_results)
    reproduce.add_argument("targets", nargs="+", metavar="FIGURE")
    _scale(reproduce)
    reproduce.add_argument(
        "--cores", type=int, default=os.cpu_count(), help="jobs at a time; default: all cores"
    )
    reproduce.add_argument("--profile", default="local", help="folder in workflow/profiles; default: local")
    reproduce.add_argument(
        "--engine",
        default="ours",
        choices=["ours", "upstream"],
        help="upstream: train CGCNN and ALIGNN by upstream's own scripts, too; into TABLE-upstream",
    )

    chains = parsers.add_parser("chains", help="write a folder of 1D carbon chains (SI section 9)")
    chains.set_defaults(command=write_chains)
    chains.add_argument("out", type=Path)
    chains.add_argument("--kind", default="single", help="single or mixed (half single, half double)")
    chains.add_argument(
        "--lengths", type=int, nargs=2, default=(2, 9), metavar=("FIRST", "END"), help="atoms a strand"
    )
    chains.add_argument("--n-chains", type=int, default=1400)
    chains.add_argument("--seed", type=int, default=0)
    chains.add_argument(
        "--double-offset", type=float, default=3.0, help="Å between the strands of a double chain"
    )

    search = parsers.add_parser("search", help="search for the networks' training settings")
    search.set_defaults(command=search_settings)
    _scale(search)

    for name, command, text in (
        ("run", do_run, "do one training run"),
        ("force-field", calculate_with_force_field, "do a part of a force field's calculation"),
        ("measure", measure_run, "measure what the model of a finished run has learnt"),
        ("record", collect_record, "collect an experiment's runs into its record"),
        ("draw", draw_result, "draw a figure and its tables"),
    ):
        step = parsers.add_parser(name, help=text)
        step.set_defaults(command=command)
        step.add_argument("name")
        if name == "measure":
            step.add_argument("what", help="importance, representation, supercells or selection")
        if name == "force-field":
            step.add_argument("--part", type=int, help="default: collect the parts")
        _scale(step)
        if name == "run":
            step.add_argument("--again", action="store_true", help="even if it is done")
        if name in ("run", "measure"):
            step.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    return parser


def _scale(command: argparse.ArgumentParser) -> None:
    command.add_argument("--scale", default="quick", help="smoke, quick, cpu or paper; default: quick")


def write_chains(options: argparse.Namespace) -> None:
    """Writes a folder of 1D carbon chains."""
    from hybrid.errors import InputError
    from reproduction.data.chain_sets import build_chains

    if options.out.exists():
        raise InputError(f"{options.out}: exists already")
    build_chains(
        options.out,
        options.kind,
        tuple(options.lengths),
        options.n_chains,
        options.seed,
        options.double_offset,
    )
    print(f"{options.n_chains} chains; {options.out}")


def reproduce_results(options: argparse.Namespace) -> int:
    """Reproduces figures and tables."""
    from reproduction.workflow.reproduce import reproduce

    return reproduce(options.targets, options.scale, options.cores, options.profile, options.engine)


def search_settings(options: argparse.Namespace) -> None:
    """Searches for the networks' training settings."""
    from reproduction.workflow.search import search

    table = search(options.scale)
    print(f"{table.read_text()}\n{table}")


def do_run(options: argparse.Namespace) -> None:
    """Does one training run of a reproduction."""
    from reproduction.workflow.plan import execute

    execute(options.name, options.scale, options.device, options.again)


def calculate_with_force_field(options: argparse.Namespace) -> None:
    """Does one part of a force field's calculation, or collects the parts."""
    from reproduction.workflow.force_field import collect, compute_part, find

    calculation = find(options.name, options.scale)
    if options.part is None:
        collect(calculation)
    else:
        compute_part(calculation, options.part)


def measure_run(options: argparse.Namespace) -> None:
    """Measures what the model of a finished run has learnt."""
    from hybrid.errors import unknown_name
    from reproduction import figures
    from reproduction.workflow.measurements import measure
    from reproduction.workflow.plan import find

    known = figures.measurements()
    if options.what not in known:
        raise unknown_name("measurement", options.what, known)
    measure(find(options.name, options.scale), known[options.what], options.device)


def collect_record(options: argparse.Namespace) -> None:
    """Collects an experiment's runs into its record."""
    from reproduction.workflow.reproduce import record

    record(options.name, options.scale)


def draw_result(options: argparse.Namespace) -> None:
    """Draws a figure and its tables."""
    from reproduction.workflow.reproduce import draw

    draw(options.name, options.scale)


if __name__ == "__main__":
    sys.exit(main())
