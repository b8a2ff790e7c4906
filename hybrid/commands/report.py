"""`hybrid report`: draws the results of finished runs, one or several side by side."""

import argparse
from pathlib import Path

from hybrid.errors import InputError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add = parser.add_argument
    add("runs", type=Path, nargs="+", metavar="RUN", help="run folder")
    add("--folder", type=Path, help="the crystals of one run, if an earlier report has not read them")
    pages = "page to write; default: report.html in the run folder, of several runs comparison.html here"
    add("--out", type=Path, metavar="FILE.html", help=pages)


def run(options: argparse.Namespace) -> None:
    """Writes the page of a run, or one of several runs."""
    for path in options.runs:
        if not (path / "metrics.json").exists():  # before anything heavy is loaded
            raise InputError(f"{path}: is not the folder of a finished run")
    if options.out and options.out.suffix != ".html":
        raise InputError(f"{options.out}: a page is written; choose a name that ends with .html")
    if options.folder and len(options.runs) > 1:
        raise InputError("--folder: is for one run")
    from hybrid.data.folder import read_folder
    from hybrid.report.run_page import write_comparison, write_report

    if len(options.runs) > 1:
        print(write_comparison(options.runs, options.out or Path("comparison.html")))
        return
    folder = None
    if options.folder:
        listed = (options.folder / "id_prop.csv").exists()
        folder = read_folder(options.folder, listed, several_targets=True, every=True)
    print(write_report(options.runs[0], folder, out=options.out))
