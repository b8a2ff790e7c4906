"""Audit: why does Roost, which sees no structure, tell the crystal system as well as CGCNN?

Both are trained with the authors' split and with one that has no reduced formula in two folds.
"""

from reproduction.drawing.suspects import Judgement, Results, Suspect, verdict
from reproduction.paper import statements
from reproduction.workflow.spec import Part, Spec

__all__ = ["PICTURE", "SPEC", "SUSPECT", "draw"]

DATASET = "mp-crystal-system"
NETWORKS = ("majority-baseline", "composition-forest", "roost", "cgcnn-tuned")
SIZE = {"epochs": 20, "n_structures": 20000}
PICTURE = False
SPEC = Spec(
    caption="Accuracy of the crystal system with the authors' split and with one by formula",
    metric="accuracy",
    parts=(
        Part(datasets=(DATASET,), networks=NETWORKS),
        Part(datasets=(DATASET,), networks=NETWORKS, split=(0.6, 0.2, 0.2), grouping="formula"),
    ),
    scales={"cpu": {"seeds": (0,), "datasets": {DATASET: SIZE}, "networks": {}}},
    paper=statements("""
        Results, Figure 2c | mp-crystal-system | cgcnn-tuned | around 60% accuracy
        Results, Figure 2c | mp-crystal-system | roost | similar accuracy
    """),
)


def judge(results: Results) -> Judgement:
    """By how much either loses where no formula is in two folds."""
    lost, evidence = {}, []
    for network in ("roost", "cgcnn-tuned", "composition-forest"):
        authors, grouped = results.bar(DATASET, network), results.bar(DATASET, network, "formula")
        before, after = authors.mean("accuracy"), grouped.mean("accuracy")
        lost[network] = before - after
        evidence.append(
            f"{authors.first['network_label']}: {before:.3f} with the authors' split ({authors.each('accuracy')}), "
            f"{after:.3f} by formula ({grouped.each('accuracy')})."
        )
    overlap = results.bar(DATASET, "roost").first["note"].split(";")[0]
    evidence.append(f"With the authors' split {overlap}.")
    gap = {
        how: results.mean(DATASET, "cgcnn-tuned", by) - results.mean(DATASET, "roost", by)
        for how, by in (("authors' split", None), ("by formula", "formula"))
    }
    return Judgement(
        "CGCNN ahead of Roost by " + ", ".join(f"{value:+.3f} ({how})" for how, value in gap.items()),
        verdict(lost["roost"] > lost["cgcnn-tuned"] + 0.01, gap["by formula"] > 0.03),
        evidence,
    )


SUSPECT = Suspect(
    paper="Roost tells the crystal system with an accuracy similar to CGCNN's, around 60 % (Figure 2c).",
    cause="test crystals whose formula is that of a training crystal often have its crystal system too.",
    judge=judge,
    seen=(
        "Of the authors' test crystals 30 % have the formula of a training crystal, among the 87,540 whose structures "
        "are at hand. The most frequent crystal system of the training crystals with the same formula is right for "
        "43 % of these, so that looking the formula up does not give 60 %.",
    ),
)
draw = SUSPECT.draw
