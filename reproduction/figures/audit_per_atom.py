"""Audit: what are the paper's heat capacities and internal energies per atom?

Its MAD of Cv, 13.8 J/(mol K), is more than any heat capacity per atom can have. Values of a cell divided by the
atoms of the reduced formula come near to it; here networks learn them beside values per atom.
"""

from reproduction.drawing.suspects import Judgement, Results, Suspect, verdict
from reproduction.paper import TABLE_2, PaperStatement, errors
from reproduction.workflow.spec import Part, Spec

__all__ = ["PICTURE", "SPEC", "SUSPECT", "draw"]

QUANTITIES = {"Cv": "phonon-cv", "U": "phonon-u"}
NETWORKS = ("cgcnn", "de-cgcnn")
PAPER = {(said.dataset, said.network): said for said in errors("Table 2", TABLE_2)}
NEAR = 0.02  # a MAD is the paper's
PICTURE = False
SPEC = Spec(
    caption="MAE/MAD of U and Cv per atom, and of a cell's divided by the atoms of the reduced formula",
    metric="mae_over_mad",
    parts=(
        Part(
            datasets=tuple(
                f"{name}{how}" for name in QUANTITIES.values() for how in ("-per-atom", "-by-formula")
            ),
            networks=("mean-baseline", *NETWORKS),
        ),
    ),
    paper=tuple(
        said.model_copy(update={"dataset": name.replace("-per-atom", how)})
        for (name, network), said in PAPER.items()
        if name.endswith("-per-atom") and network in NETWORKS
        for how in ("-per-atom", "-by-formula")
    ),
)


def judge(results: Results) -> Judgement:
    """By the MAD of the targets, and then by the errors."""
    evidence, mads, missed = [], {}, []
    for symbol, name in QUANTITIES.items():
        mad = _mad(PAPER[f"{name}-per-atom", "cgcnn"])
        whole = _mad(PAPER[name, "cgcnn"])
        per_atom, by_formula = (
            results.mean(f"{name}{how}", "mean-baseline", metric="mad")
            for how in ("-per-atom", "-by-formula")
        )
        mads[symbol] = abs(by_formula / mad - 1) < NEAR
        evidence.append(
            f"MAD of {symbol} on the authors' test set: {per_atom:.2f} per atom, {by_formula:.2f} divided by the "
            f"atoms of the reduced formula, {mad:.3g} in the paper, where it is {whole / mad:.2f} times smaller "
            "than per cell."
        )
        for network in NETWORKS:
            said, ours = PAPER[f"{name}-per-atom", network].mae_over_mad or 0, {}
            for how in ("-per-atom", "-by-formula"):
                bar = results.bar(f"{name}{how}", network)
                ours[how] = f"{bar.mean('mae_over_mad'):.3f} ({bar.each('mae_over_mad')})"
                label = bar.first["network_label"]
            missed.append(abs(results.mean(f"{name}-by-formula", network) / said - 1) > 0.1)
            evidence.append(
                f"{label}, MAE/MAD of {symbol}: {ours['-per-atom']} per atom, {ours['-by-formula']} by the formula, "
                f"{said:g} in the paper."
            )
    if missed and any(missed):
        evidence.append(
            "The errors are not those of the paper with either target. A divisor of the cell, whichever, makes the "
            "MAD of Cv and that of U smaller by nearly the same factor, as the two grow together, and the paper's "
            "factors differ: so no one divisor gives both."
        )
    near = " and ".join(symbol for symbol, met in mads.items() if met)
    return Judgement(
        f"MAD of {near} met by the formula's atoms" if near else "neither MAD met",
        verdict(any(mads.values()), all(mads.values()) and not any(missed)),
        evidence,
    )


def _mad(said: PaperStatement) -> float:
    return (said.mae or 0) / (said.mae_over_mad or 1)


SUSPECT = Suspect(
    paper="per atom the MAD of Cv is 13.8 J/(mol K) and that of U 5.11 kJ/mol, and MAE/MAD are 0.601 and 0.602 for "
    "CGCNN, 0.057 and 0.059 for de-CGCNN (Table 2). A heat capacity per atom is at most 3R = 24.9, its MAD at "
    "most 12.5.",
    cause="values of a cell were divided by the atoms of the reduced formula instead of those of the cell.",
    judge=judge,
)
draw = SUSPECT.draw
