"""Table 3: the descriptors and the properties, with what they are."""

from pathlib import Path

from hybrid.descriptors.registry import paper_descriptors
from hybrid.report.tables import write_table
from reproduction.data.registry import REGISTRY

Property = tuple[str, str, str, str, bool]

PICTURE = False


def draw(stem: Path) -> None:
    """The descriptors and the properties, with what they are."""
    properties: list[Property] = [
        (dataset.target, dataset.description, dataset.unit, f"dataset {name}", dataset.intensive)
        for name, dataset in REGISTRY.items()
        if not name.startswith("chains") and dataset.target not in ("a", "crystal system")
    ]
    rows = [
        [
            "descriptor",
            descriptor.name,
            descriptor.symbol,
            descriptor.full_name,
            descriptor.unit,
            _grows(descriptor.intensive),
            "local" if descriptor.local else "global",
            descriptor.source,
        ]
        for descriptor in paper_descriptors(space_group=True)
    ]
    rows += [
        ["property", symbol, symbol, name, unit, _grows(intensive), "", source]
        for symbol, name, unit, source, intensive in properties
    ]
    write_table(
        stem,
        f"The {len(paper_descriptors())} descriptors that are probed, the space-group number"
        + (f", and the properties ({len(properties)})." if properties else "."),
        ("kind", "abbreviation", "symbol", "name", "unit", "grows with the cell", "of what", "source"),
        rows,
    )


def _grows(intensive: bool) -> str:
    return "intensive" if intensive else "extensive"
