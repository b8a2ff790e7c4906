"""All pages of the site, and how they are arranged."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from reproduction.leaderboard import read
from reproduction.paths import ROOT
from reproduction.site import formulas, home, leaderboard
from reproduction.site.results import DISCUSSED, Result, index, page, results_of
from reproduction.site.sources import Sources, toctree

ABOUT = ("CONTRIBUTING.md", "datasets/README.md", "CHANGELOG.md")
NO_MODELS = """# Models

No model is released yet. `hybrid train` trains one on your own crystals;
[the guide](../docs/training.md) says how.
"""


def write(folder: Path, results: Path, models: Sequence[Path]) -> None:
    """Writes all pages into a folder, as Sphinx reads them.

    Args:
        folder: for the pages.
        results: of a scale.
        models: folders of released models, <name>/card.md.
    """
    found = results_of(results)
    cards = [card for of_models in models for card in sorted(of_models.glob("*/card.md"))]
    guides = _guides((ROOT / "README.md").read_text())
    scale, overview = results.name, f"results/{results.name}/index.md"
    of_cards = {f"models/{card.parent.name}/card.md": card for card in cards}
    fixed = {"index.md", "leaderboard.md", "models/index.md", overview, *guides, *ABOUT}
    sources = Sources(
        folder,
        pages=fixed | {result.page for result in found} | set(of_cards),
        indices={"README.md": "index.md", f"results/{scale}": overview, "models": "models/index.md"},
    )
    for guide in (*guides, *ABOUT):
        sources.adopt(guide)
    _write_results(sources, found, overview)
    _write_models(sources, of_cards)
    rows = read(results.parent / "leaderboard")
    sources.write("leaderboard.md", leaderboard.page(rows, sources.pages))
    sources.write("leaderboard.csv", leaderboard.table(rows))
    text = home.page((ROOT / "README.md").read_text(), found, scale)
    trees = [
        toctree([f"Figures and tables <{overview}>", "leaderboard", "models/index"], "Results"),
        toctree(guides, "Guides"),
        toctree(["Change this code <CONTRIBUTING>", "Data sets <datasets/README>", "CHANGELOG"], "Project"),
    ]
    sources.adopt("README.md", "\n".join([text, *trees]), at="index.md")


def _guides(readme: str) -> list[str]:
    """The guides in the order in which README names them, then the others."""
    guides = [f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))]
    table = readme.partition("## Guides")[2]
    named = [name for name in re.findall(r"\]\((docs/\w+\.md)\)", table) if name in guides]
    return list(dict.fromkeys([*named, *guides]))


def _write_results(sources: Sources, results: list[Result], overview: str) -> None:
    known = formulas.read()
    documents = {path: (ROOT / path).read_text() for path in DISCUSSED}
    sources.write(overview, index(results, results[0].scale))
    for result in results:
        sources.write(result.page, page(result, known, documents))
        for name, table in result.tables.items():
            sources.write(f"results/{result.scale}/{name}", table.to_csv(index=False))
        for path in result.files:
            sources.copy(path, f"results/{result.scale}/{path.name}")


def _write_models(sources: Sources, cards: dict[str, Path]) -> None:
    if not cards:
        sources.write("models/index.md", NO_MODELS)
        return
    lines = [
        "# Models",
        "",
        "Each model has a card: what it was trained on, its errors, and what it is not for.",
        "",
    ]
    for place, card in cards.items():
        text = card.read_text()
        title = re.search(r"^# (.+)$", text, re.MULTILINE)
        lines.append(f"- [{title[1] if title else card.parent.name}]({card.parent.name}/card.md)")
        sources.adopt(os.path.relpath(card, ROOT), text, at=place)
    trees = toctree(f"{card.parent.name} <{card.parent.name}/card>" for card in cards.values())
    sources.write("models/index.md", "\n".join([*lines, "", trees]))
