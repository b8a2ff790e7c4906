"""The descriptors of Table 3 in groups of similar meaning, so that a group can be left out or taken alone.

The groups are not independent. The volume of the cell is natoms times the volume per atom, and the structural
complexity of the cell is natoms times that per atom. To remove the size of the cell, natoms, the lattice
lengths and the complexity have to be left out together.
"""

from collections.abc import Iterable

from hybrid.errors import unknown_name

GROUPS: dict[str, tuple[str, ...]] = {
    "number of atoms": ("natoms",),
    "lattice lengths": ("a", "b", "c"),
    "lattice angles": ("alpha", "beta", "gamma"),
    "density and volume": ("density", "vpa", "packing_frac", "MAD_in_rela_atom_vol"),
    "bond lengths": (
        *("MAD_in_rela_bond_len", "max_rela_bond_len", "min_rela_bond_len"),
        *("mean_avg_bond_len", "std_avg_bond_len"),
    ),
    "neighbour distances": (
        *("max_neighb_dist_var", "min_neighb_dist_var", "range_neighb_dist_var"),
        *("mean_neighb_dist_var", "dev_neighb_dist_var"),
    ),
    "coordination and bond angles": (
        *("mean_avg_bond_ang", "std_avg_bond_ang"),
        *("mean_CN_Voronoi", "std_CN_Voronoi"),
    ),
    "complexity and symmetry": ("struct_comp_atom", "struct_comp_cell", "crys_sys", "space_group_number"),
}
"""Each of the 29 descriptors, the space-group number among them, is in one group."""


def members(groups: Iterable[str]) -> tuple[str, ...]:
    """The descriptors of some groups, in the groups' order.

    Raises:
        InputError: a group is unknown.
    """
    chosen = set(groups)
    for group in chosen.difference(GROUPS):
        raise unknown_name("group of descriptors", group, GROUPS)
    return tuple(name for group, names in GROUPS.items() if group in chosen for name in names)


def without(groups: Iterable[str]) -> tuple[str, ...]:
    """All other descriptors.

    Raises:
        InputError: a group is unknown.
    """
    left_out = members(groups)
    return tuple(name for names in GROUPS.values() for name in names if name not in left_out)
