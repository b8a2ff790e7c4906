"""Figure 2: which human-designed descriptors a network can learn.

If a part is `together`, one network learns the 27 numeric descriptors at once. This differs from the paper; scale
`paper` trains a network for each descriptor, as the paper does. Roost and the forest use the formula alone. As in the
paper there is no ALIGNN in panel c; the original supports two classes only. CGCNN is shown with the paper's trainer and
with ours, because a network may be able to learn more than it learns in a few epochs.
"""

from typing import Any

from hybrid.descriptors.registry import numeric_descriptors
from reproduction.drawing.recorded import draw_bars as draw
from reproduction.paper import statements
from reproduction.workflow.spec import Part, Spec

__all__ = ["SCALES", "SPEC", "descriptor_panels", "draw"]

PANELS = ("a  local descriptors", "b  global descriptors", "c  crystal system")


_ALIGNN = {"model": {"alignn": {"hidden": 64}}, "variant": "hidden-64"}
SCALES: dict[str, dict[str, Any]] = {
    "quick": {"networks": {"alignn": {**_ALIGNN, "epochs": 10, "n_structures": 300}}},
    "cpu": {
        "networks": {
            "cgcnn-tuned": {"epochs": 50, "seeds": (0,)},
            "alignn": {**_ALIGNN, "epochs": 4, "seeds": (0,)},
        }
    },
}
"""Fewer epochs where crystals are many, and a narrower ALIGNN."""


def descriptor_panels(*networks: str) -> tuple[Part, ...]:
    """The three panels for some networks: local descriptors, global descriptors, crystal system."""
    numeric = numeric_descriptors()
    classifying = tuple(network for network in networks if network != "alignn")
    return (
        *(
            Part(
                panel=panel,
                datasets=("mp-descriptors",),
                networks=(*networks, "mean-baseline"),
                targets=numeric,
                together=True,
                show=numeric_descriptors(local=local),
            )
            for panel, local in zip(PANELS, (True, False), strict=False)
        ),
        Part(panel=PANELS[2], datasets=("mp-crystal-system",), networks=(*classifying, "majority-baseline")),
    )


SPEC = Spec(
    caption="How well CGCNN, and models of the formula alone, learn the descriptors of the MP dataset: R², and accuracy for the crystal system",
    parts=descriptor_panels("cgcnn", "cgcnn-tuned", "alignn", "roost", "composition-forest"),
    scales=SCALES,
    paper=statements("""
        Results, Figure 2a | mp-descriptors | cgcnn | mean_avg_bond_len | most local descriptors: close to or higher than 0.8
        Results, Figure 2a | mp-descriptors | cgcnn | max_rela_bond_len std_avg_bond_ang | among the lower
        Results, Figure 2a | mp-descriptors | cgcnn | mean_CN_Voronoi | cannot capture it very well
        Results, Figure 2b | mp-descriptors | cgcnn | density vpa packing_frac natoms | close to or higher than 0.8
        Results, Figure 2b | mp-descriptors | cgcnn | struct_comp_cell a b c alpha beta gamma | cannot predict well
        Results, Figure 2a | mp-descriptors | roost | mean_avg_bond_len max_rela_bond_len std_avg_bond_ang mean_CN_Voronoi | CGCNN outperforms it
        Results, Figure 2b | mp-descriptors | roost | density vpa packing_frac natoms struct_comp_cell | CGCNN outperforms it
        Results, Figure 2b | mp-descriptors | roost | a b c alpha beta gamma | CGCNN outperforms it
        Results, Figure 2c | mp-crystal-system | cgcnn | around 60% accuracy
        Results, Figure 2c | mp-crystal-system | roost | similar accuracy
    """),
)
