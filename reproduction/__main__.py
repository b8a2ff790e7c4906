"""The paper's command line: `python -m reproduction reproduce figure3h`, and the steps of its workflow."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hybrid.cli import Parser, run_command


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = _parser().parse_args(arguments)
    return run_command(options.command, options)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m reproduction", description=__doc__)
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int | None]) -> argparse.ArgumentParser:
        text = (command.__doc__ or "").rstrip(".")
        added = parsers.add_parser(name, help=text[:1].lower() + text[1:])
        added.set_defaults(command=command)
        return added

    reproduce, audit = add("reproduce", reproduce_results), add("audit", write_audit)
    reproduce.add_argument("targets", nargs="+", metavar="FIGURE")
    reproduce.add_argument("--cores", type=int, help="jobs at a time; default: the profile's, here all cores")
    reproduce.add_argument("--profile", default="local", help="local (default), slurm, or a folder of yours")
    words = "pack runs into jobs of so many minutes; default: 60 on a cluster, otherwise 0, a job for each"
    reproduce.add_argument("--job-minutes", type=float, metavar="MINUTES", help=words)
    words = "upstream: train CGCNN and ALIGNN by upstream's own scripts, too; into TABLE-upstream"
    reproduce.add_argument("--engine", default="ours", choices=["ours", "upstream"], help=words)

    chains = add("chains", write_chains)
    chains.add_argument("out", type=Path)
    chains.add_argument("--kind", default="single", help="single or mixed (half single, half double)")
    ends: dict[str, Any] = {"metavar": ("FIRST", "END"), "default": (2, 9)}
    chains.add_argument("--lengths", type=int, nargs=2, help="atoms a strand", **ends)
    chains.add_argument("--n-chains", type=int, default=1400)
    chains.add_argument("--seed", type=int, default=0)
    words = "Å between the strands of a double chain"
    chains.add_argument("--double-offset", type=float, default=3.0, help=words)

    run, calculate = add("run", do_run), add("force-field", calculate_with_force_field)
    measure, record, draw = (
        add("measure", measure_run),
        add("record", collect_record),
        add("draw", draw_result),
    )
    for step in (run, calculate, measure, record, draw):
        step.add_argument("name")
    release = add("release", release_models)
    release.add_argument("names", nargs="*", metavar="MODEL", help="default: all")
    release.add_argument("--scale", default="cpu", help="default: cpu")
    run.add_argument("--again", action="store_true", help="even if it is done")
    calculate.add_argument("--jobs", type=int, default=1, help="processes; default: 1")
    measure.add_argument("what", help="importance, lookup, representation, supercells or selection")
    for step in (run, measure):
        step.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    search = add("search", search_settings)
    search.add_argument("name", choices=["search", "search-remedies"])
    for step in (reproduce, audit, search, run, calculate, measure, record, draw):
        step.add_argument("--scale", default="quick", help="smoke, quick, cpu or paper; default: quick")

    board = add("leaderboard", write_leaderboard)
    board.add_argument("record", nargs="?", type=Path, help="of `hybrid probe`; default: our own models'")
    board.add_argument(
        "--check", nargs="*", type=Path, metavar="FILE", help="only check entries; default: all"
    )
    board.add_argument("--link", default="", help="where the model is found")
    board.add_argument("--reads", help="structure, embeddings or formula; default: as the record tells")
    files = "predictions, embeddings or code, of which the hashes are kept"
    board.add_argument("--files", nargs="+", type=Path, default=(), metavar="FILE", help=files)

    site = add("site", build_site)
    site.add_argument("--out", type=Path, help="the site's folder; default: site in the checkout")
    for step in (site, add("formulas", write_formulas)):
        step.add_argument("--scale", default="cpu", help="default: cpu, the one that is committed")
    return parser


def reproduce_results(options: argparse.Namespace) -> int:
    """Reproduce figures and tables of the paper."""
    from reproduction.workflow.reproduce import reproduce

    return reproduce(
        options.targets, options.scale, options.cores, options.profile, options.engine, options.job_minutes
    )


def write_audit(options: argparse.Namespace) -> None:
    """Write the audit from the records of its experiments."""
    from reproduction.audit import write

    print(write(options.scale))


def write_leaderboard(options: argparse.Namespace) -> None:
    """Write entries of the probe's leaderboard, or check them."""
    from hybrid.errors import InputError
    from reproduction import leaderboard

    if options.check is None and options.record:
        changes = {"link": options.link} | ({"reads": options.reads} if options.reads else {})
        paths = leaderboard.add(options.record, options.files, **changes)
    elif options.check is None:
        paths = leaderboard.write_own()
    else:
        paths = options.check or sorted(leaderboard.FOLDER.glob("*.json"))
    if faults := [fault for path in paths for fault in leaderboard.faults(path)]:
        raise InputError("\n".join(faults))
    print(*paths, sep="\n")
    if options.check is not None:
        print("all good")


def build_site(options: argparse.Namespace) -> None:
    """Build the site from docs/ and records."""
    from reproduction.site.build import OUT, build

    print(build(options.scale, options.out or OUT))


def write_formulas(options: argparse.Namespace) -> None:
    """Write the formulas of test crystals, which the site shows, from their structures."""
    from reproduction.site.formulas import FILE, write

    print(f"{write(options.scale)} formulas; {FILE}")


def write_chains(options: argparse.Namespace) -> None:
    """Write a folder of 1D carbon chains (SI section 9)."""
    from hybrid.errors import InputError
    from reproduction.data.chain_sets import build_chains

    if options.out.exists():
        raise InputError(f"{options.out}: exists already")
    lengths = tuple(options.lengths)
    build_chains(options.out, options.kind, lengths, options.n_chains, options.seed, options.double_offset)
    print(f"{options.n_chains} chains; {options.out}")


def search_settings(options: argparse.Namespace) -> None:
    """Search for the networks' training settings."""
    from reproduction.workflow.search import search

    table = search(options.name, options.scale)
    print(f"{table.read_text()}\n{table}")


def do_run(options: argparse.Namespace) -> None:
    """Do one training run."""
    from reproduction.workflow.plan import execute
    from reproduction.workflow.reproduce import end_with_workflow

    end_with_workflow()
    execute(options.name, options.scale, options.device, options.again)


def calculate_with_force_field(options: argparse.Namespace) -> None:
    """Do a force field's calculation."""
    from reproduction.workflow.force_field_calculations import calculate, find
    from reproduction.workflow.reproduce import end_with_workflow

    end_with_workflow()
    calculate(find(options.name, options.scale), options.jobs)


def release_models(options: argparse.Namespace) -> None:
    """Train the models that the package comes with, and write their cards."""
    from reproduction.release.make import make_release
    from reproduction.release.releases import RELEASES

    for name in options.names or RELEASES:
        print(make_release(name, options.scale))


def measure_run(options: argparse.Namespace) -> None:
    """Measure the model of a finished run."""
    from hybrid.errors import unknown_name
    from reproduction import figures
    from reproduction.workflow.measurements import measure
    from reproduction.workflow.plan import find
    from reproduction.workflow.reproduce import end_with_workflow

    end_with_workflow()
    known = figures.measurements()
    if options.what not in known:
        raise unknown_name("measurement", options.what, known)
    measure(find(options.name, options.scale), known[options.what], options.device)


def collect_record(options: argparse.Namespace) -> None:
    """Collect an experiment's runs into its record."""
    from reproduction.workflow.record import write_record

    write_record(options.name, options.scale)


def draw_result(options: argparse.Namespace) -> None:
    """Draw a figure and its tables."""
    from reproduction.workflow.reproduce import draw

    draw(options.name, options.scale)


if __name__ == "__main__":
    sys.exit(main())
