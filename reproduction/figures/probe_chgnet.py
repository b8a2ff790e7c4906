"""Which descriptors a pretrained force field knows: Figure 2 for the frozen crystal vectors of CHGNet.

Crystals and splits are those of CGCNN, which learns the descriptors from scratch. CHGNet (MIT licence, weights
0.3.0 of its package) was trained on energies, forces, stresses and magnetic moments along relaxations of
Materials Project crystals, these among them; no descriptor was ever its target.
"""

from reproduction.drawing.recorded import draw_bars as draw
from reproduction.workflow.spec import Part, Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    experiment="probe-chgnet",
    caption="What a linear model and a random forest find of the descriptors in CHGNet's crystal vectors: R², and accuracy for the crystal system",
    parts=(
        Part(
            panel="a  local descriptors",
            datasets=("mp-descriptors",),
            networks=("cgcnn", "chgnet-linear", "chgnet-sum-linear", "chgnet-forest", "mean-baseline"),
            targets="numeric",
            together=True,
            show=(
                "MAD_in_rela_bond_len",
                "max_rela_bond_len",
                "min_rela_bond_len",
                "max_neighb_dist_var",
                "min_neighb_dist_var",
                "range_neighb_dist_var",
                "mean_neighb_dist_var",
                "dev_neighb_dist_var",
                "mean_avg_bond_len",
                "std_avg_bond_len",
                "MAD_in_rela_atom_vol",
                "mean_avg_bond_ang",
                "std_avg_bond_ang",
                "mean_CN_Voronoi",
                "std_CN_Voronoi",
            ),
        ),
        Part(
            panel="b  global descriptors",
            datasets=("mp-descriptors",),
            networks=("cgcnn", "chgnet-linear", "chgnet-sum-linear", "chgnet-forest", "mean-baseline"),
            targets="numeric",
            together=True,
            show=(
                "density",
                "vpa",
                "packing_frac",
                "struct_comp_atom",
                "struct_comp_cell",
                "natoms",
                "a",
                "b",
                "c",
                "alpha",
                "beta",
                "gamma",
            ),
        ),
        Part(
            panel="c  crystal system",
            datasets=("mp-crystal-system",),
            networks=("cgcnn", "chgnet-linear", "chgnet-sum-linear", "chgnet-forest", "majority-baseline"),
        ),
    ),
)
