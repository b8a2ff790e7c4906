"""Audit: what are the paper's heat capacities and internal energies per atom?

Its MAD of Cv, 13.8 J/(mol K), is more than any heat capacity per atom can have. Values of a cell divided by the
atoms of the reduced formula come near to it; here networks learn them.
"""

from reproduction.drawing.suspects import Judgement, Results, Suspect, verdict
from reproduction.paper import TABLE_2, errors
from reproduction.workflow.spec import Part, Spec

__all__ = ["PICTURE", "SPEC", "SUSPECT", "draw"]

QUANTITIES = {"Cv": "phonon-cv", "U": "phonon-u"}
NETWORKS = ("cgcnn", "de-cgcnn")
PAPER = {(said.dataset, said.network): said for said in errors("Table 2", TABLE_2)}
MADS = {"phonon-cv": (55.6, 13.8), "phonon-u": (25.7, 5.11)}  # per cell and per atom, in the paper
NEAR = 0.02  # a MAD is the paper's
PICTURE = False
SPEC = Spec(
    caption="MAE/MAD of U and Cv of a cell divided by the atoms of the reduced formula",
    metric="mae_over_mad",
    parts=(
        Part(
            datasets=tuple(f"{name}{how}" for name in QUANTITIES.values() for how in ("", "-per-atom")),
            networks=("mean-baseline",),
        ),
        Part(
            datasets=tuple(f"{name}-by-formula" for name in QUANTITIES.values()),
            networks=("mean-baseline", "forest", *NETWORKS),
        ),
    ),
    paper=tuple(
        said.model_copy(update={"dataset": name.replace("-per-atom", "-by-formula")})
        for (name, network), said in PAPER.items()
        if name in ("phonon-cv-per-atom", "phonon-u-per-atom") and network in NETWORKS
    ),
)


def judge(results: Results) -> Judgement:
    """By the MAD of the targets, and then by the errors."""
    evidence, mads, missed, factors = [], {}, [], {}
    for symbol, name in QUANTITIES.items():
        whole, mad = MADS[name]
        of_cell, per_atom, by_formula = (
            results.mean(f"{name}{how}", "mean-baseline", metric="mad")
            for how in ("", "-per-atom", "-by-formula")
        )
        mads[symbol] = abs(by_formula / mad - 1) < NEAR
        factors[symbol] = (of_cell / per_atom, of_cell / by_formula, whole / mad)
        evidence.append(
            f"MAD of {symbol} on the authors' test set: {of_cell:.2f} per cell, {per_atom:.2f} per atom, "
            f"{by_formula:.2f} divided by the atoms of the reduced formula; per atom in the paper {mad:.3g}."
        )
        for network in NETWORKS:
            said = PAPER[f"{name}-per-atom", network].mae_over_mad or 0
            bar = results.bar(f"{name}-by-formula", network)
            missed.append(abs(bar.mean("mae_over_mad") / said - 1) > 0.1)
            evidence.append(
                f"{bar.first['network_label']}, MAE/MAD of {symbol} divided by the formula's atoms: "
                f"{bar.mean('mae_over_mad'):.3f} ({bar.each('mae_over_mad')}), {said:g} in the paper per atom."
            )
    by = [" and ".join(f"{value:.1f}" for value in pair) for pair in zip(*factors.values(), strict=True)]
    evidence.append(
        f"Division by the atoms of the cell makes the MAD of {' and '.join(factors)} smaller by {by[0]}, by those "
        f"of the formula by {by[1]}: by nearly the same, as the two quantities grow together. The paper's factors "
        f"are {by[2]}, so that no one divisor gives both."
    )
    if any(missed):
        evidence.append("The errors are not the paper's; where these come from stays open.")
    near = " and ".join(symbol for symbol, met in mads.items() if met)
    return Judgement(
        f"dividing by the formula's atoms gives the paper's MAD of {near} only"
        if near
        else "neither MAD is met",
        verdict(any(mads.values()), all(mads.values()) and not any(missed)),
        evidence,
    )


SUSPECT = Suspect(
    paper="per atom the MAD of Cv is 13.8 J/(mol K) and that of U 5.11 kJ/mol, and MAE/MAD are 0.601 and 0.602 for "
    "CGCNN, 0.057 and 0.059 for de-CGCNN (Table 2). A heat capacity per atom is at most 3R = 24.9, its MAD at "
    "most 12.5.",
    cause="values of a cell were divided by the atoms of the reduced formula instead of those of the cell.",
    judge=judge,
)
draw = SUSPECT.draw
