"""The home page: README with what came of the paper, in numbers from the records."""

import re

from hybrid.report.records import Bar, bars
from reproduction.site.leaderboard import GOOD
from reproduction.site.results import Result
from reproduction.site.tables import comparison

# A number is record/data set/network, or record/data set/network/descriptor; with `paper:` it is the paper's.
STATEMENTS = (
    (
        "figure2",
        "Descriptors of real crystals",
        f"Trained as in the paper, CGCNN has R² of {GOOD:g} or more for {{learnt:local}} local and for "
        "{learnt:global} global descriptors. For the lattice lengths it has "
        "{figure2/mp-descriptors/cgcnn/a} (a), {figure2/mp-descriptors/cgcnn/b} (b) and "
        "{figure2/mp-descriptors/cgcnn/c} (c), for the number of atoms "
        "{figure2/mp-descriptors/cgcnn/natoms}. "
        "The paper says that it learns the local ones and misses the periodicity.",
    ),
    (
        "figure3h",
        "The length of 1D chains",
        "CGCNN with average pooling has R² {figure3h/chains-short/cgcnn} (short chains) and "
        "{figure3h/chains-long/cgcnn} (long ones), sum pooling {figure3h/chains-short/cgcnn-sum} and "
        "{figure3h/chains-long/cgcnn-sum}. The paper says that sum pooling learns both.",
    ),
    (
        "table2",
        "Heat capacity of a cell",
        "MAE/MAD of Cv per cell (the paper's number in brackets): CGCNN with average pooling "
        "{table2/phonon-cv/cgcnn} ({paper:table2/phonon-cv/cgcnn}), with descriptors "
        "{table2/phonon-cv/de-cgcnn} ({paper:table2/phonon-cv/de-cgcnn}), with sum pooling "
        "{table2/phonon-cv/cgcnn-sum} "
        "({paper:table2/phonon-cv/cgcnn-sum}). One number times the number of atoms has "
        "{table2/phonon-cv/natoms-baseline}.",
    ),
    (
        "table2",
        "Heat capacity per atom",
        "MAE/MAD of Cv per atom is {table2/phonon-cv-per-atom/cgcnn} without and "
        "{table2/phonon-cv-per-atom/de-cgcnn} with descriptors (the paper: "
        "{paper:table2/phonon-cv-per-atom/cgcnn} and {paper:table2/phonon-cv-per-atom/de-cgcnn}).",
    ),
)
TABLES = ("table1", "table2", "tableS1")


def page(readme: str, results: list[Result], scale: str) -> str:
    """README in which a section on what came out follows the introduction."""
    introduction, _, rest = readme[readme.index("# ") :].partition("\n## ")
    return f"{introduction}\n## What came of the paper\n\n{_came_out(results, scale)}\n\n## {rest}"


def _came_out(results: list[Result], scale: str) -> str:
    by_name = {result.name: result for result in results}
    lines = []
    for name, title, text in STATEMENTS:
        try:
            said = re.sub(r"\{([^}]+)\}", lambda found: _number(found[1], by_name), text)
        except LookupError:
            said = f"Not run yet at scale `{scale}`."
        lines.append(f"- **{title}.** {said} ([{_title(name, by_name)}](results/{scale}/{name}.md))")
    for name in TABLES:
        record = by_name[name].record if name in by_name else None
        if record and (summary := comparison(record)[0]):
            lines.append(f"- **{by_name[name].title}.** {summary} ([details](results/{scale}/{name}.md))")
    lines += [
        "",
        "[What came out](docs/results.md) tells it in full, the [audit](docs/audit.md) asks why numbers "
        f"differ, [figures and tables](results/{scale}/index.md) has every one of them, and the "
        "[leaderboard](leaderboard.md) compares what models know.",
    ]
    return "\n".join(lines)


def _title(name: str, by_name: dict[str, Result]) -> str:
    return by_name[name].title if name in by_name else name


def _number(key: str, by_name: dict[str, Result]) -> str:
    """A number of a statement.

    Raises:
        LookupError: it is not there.
    """
    kind, _, path = key.rpartition(":")
    if kind == "learnt":
        found = [bar for bar in _bars("figure2", by_name) if bar.first["network"] == "cgcnn"]
        wanted = [bar for bar in found if bar.done and f" {path} " in f" {bar.first['panel']} "]
        if not wanted:
            raise LookupError(key)
        return f"{sum(bar.mean('r2') >= GOOD for bar in wanted)} of the {len(wanted)}"
    name, dataset, network, *target = path.split("/")
    for bar in _bars(name, by_name):
        of = (bar.first["dataset"], bar.first["network"], *([bar.first["descriptor"]] if target else []))
        if bar.done and of == (dataset, network, *target):
            record = by_name[name].record or {}
            return (
                f"{bar.first['paper'][record['metric']]:g}" if kind else f"{bar.mean(record['metric']):z.3f}"
            )
    raise LookupError(key)


def _bars(name: str, by_name: dict[str, Result]) -> list[Bar]:
    record = by_name[name].record if name in by_name else None
    return bars(record) if record else []
