"""Builds the site."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from hybrid.atomic import atomic_folder
from hybrid.errors import InputError
from hybrid.trained.released import FOLDER
from reproduction.paths import RESULTS, ROOT

OUT = ROOT / "site"
MODELS = (ROOT / "models", FOLDER)
MARK = "searchindex.js"  # what every site has, and no folder of the user's
NEEDED = ("furo", "myst_parser", "plotly", "sphinx")


def build(scale: str = "cpu", out: Path = OUT, models: Sequence[Path] = MODELS) -> Path:
    """Builds the site from docs/, the records of a scale and the cards of released models.

    Args:
        scale: name.
        out: the site's folder, which is replaced when the new one is complete.
        models: folders of released models; a page is made of each <name>/card.md.

    Returns:
        The home page.

    Raises:
        InputError: Sphinx or another package is not installed, there are no such results, `out` is something
            else than a site, or Sphinx finds an error such as a dead link.
    """
    if missing := [name for name in NEEDED if not find_spec(name)]:
        raise InputError(f"{' and '.join(missing)}: not installed; pip install '.[site]' installs it")
    results = RESULTS / scale
    if not results.is_dir():
        raise InputError(f"{results}: no such results")
    if out.exists() and not (out / MARK).exists():
        raise InputError(f"{out}: exists already, and is no site; give another --out, or remove it")
    from reproduction.site import pages

    with tempfile.TemporaryDirectory() as temporary, atomic_folder(out.resolve()) as folder:
        source = Path(temporary) / "source"
        pages.write(source, results, models)
        _add_assets(source)
        _run_sphinx(source, folder)
        (folder / ".nojekyll").touch()  # GitHub would leave out folders that begin with _
    return out / "index.html"


def _add_assets(source: Path) -> None:
    """Sphinx's settings, the style and the scripts."""
    from plotly.offline import get_plotlyjs

    static = source / "_static"
    static.mkdir()
    for asset in files("reproduction.site").joinpath("assets").iterdir():
        with asset.open("rb") as content:
            ((source if asset.name == "conf.py" else static) / asset.name).write_bytes(content.read())
    (static / "plotly.min.js").write_text(get_plotlyjs())


def _run_sphinx(source: Path, out: Path) -> None:
    """HTML from the pages; a warning, as of a dead link, is an error."""
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going", "-d"]
    command += [str(source.with_name("doctrees")), str(source), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"NO_COLOR": "1"})
    if done.returncode:
        lines = [re.sub(rf"{re.escape(str(source))}/?", "", line) for line in done.stderr.splitlines()]
        errors = [line for line in lines if re.search("WARNING|ERROR|error", line)] or lines
        raise InputError("the site has errors:\n  " + "\n  ".join(errors[:20]))
