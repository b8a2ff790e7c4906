"""Table 3: the descriptors and the properties, with what they are."""

from pathlib import Path

from hybrid.descriptors.registry import paper_descriptors
from reproduction.data.registry import REGISTRY
from reproduction.drawing.tables import write_rows

PICTURE = False


def draw(stem: Path) -> None:
    """The descriptors and the properties, with what they are."""
    descriptors = [
        {
            "kind": "descriptor",
            "abbreviation": descriptor.name,
            "symbol": descriptor.symbol,
            "name": descriptor.full_name,
            "unit": descriptor.unit,
            "grows with the cell": "intensive" if descriptor.intensive else "extensive",
            "of what": "local" if descriptor.local else "global",
            "source": descriptor.source,
        }
        for descriptor in paper_descriptors(space_group=True)
    ]
    properties = [
        {
            "kind": "property",
            "abbreviation": dataset.target,
            "symbol": dataset.target,
            "name": dataset.description,
            "unit": dataset.unit,
            "grows with the cell": "intensive" if dataset.intensive else "extensive",
            "of what": "",
            "source": f"dataset {name}",
        }
        for name, dataset in REGISTRY.items()
        if not name.startswith("chains") and dataset.target not in ("a", "crystal system")
    ]
    caption = (
        f"The {len(paper_descriptors())} descriptors that are probed, the space-group number, and the "
        f"properties ({len(properties)})."
    )
    write_rows(stem, caption, [*descriptors, *properties])
