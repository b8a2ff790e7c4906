"""Audit: does a larger receptive field help on long chains?

Beside the runs of Figure 3g the same networks with a trainer under which more of the long chains is learnt.
"""

from reproduction.drawing.suspects import Judgement, Results, Suspect, verdict
from reproduction.paper import statements
from reproduction.workflow.spec import Part, Spec

__all__ = ["PICTURE", "SPEC", "SUSPECT", "draw"]

DATASET = "chains-long"
TRAINERS = {"the paper's trainer": "", "one cycle of Adam": "-one-cycle"}
LARGER = {"8 layers": "cgcnn-8-layers", "18 neighbours within 12 Å": "cgcnn-18-neighbours-12A"}
REDUCED = {"epochs": 100, "seeds": (0, 1)}
PICTURE = False
SPEC = Spec(
    caption="R² of a of long chains with larger receptive fields, by trainer",
    parts=(
        Part(datasets=(DATASET,), networks=("line-baseline", "cgcnn", *LARGER.values())),
        Part(datasets=(DATASET,), networks=tuple(f"{n}-one-cycle" for n in ("cgcnn", *LARGER.values()))),
    ),
    scales={"cpu": {"networks": {f"{name}-one-cycle": REDUCED for name in ("cgcnn", *LARGER.values())}}},
    paper=statements("""
        Results, Figure 3g | chains-long | cgcnn-8-layers | both increasing number of neighbors and number of convolution layers result in better prediction of a
        Results, Figure 3g | chains-long | cgcnn-18-neighbours-12A | both increasing number of neighbors and number of convolution layers result in better prediction of a
    """),
)


def judge(results: Results) -> Judgement:
    """By whether the seeds of a larger network lie above those of the default."""
    evidence: list[str] = []
    better: dict[str, list[bool]] = {trainer: [] for trainer in TRAINERS}
    for trainer, suffix in TRAINERS.items():
        plain = results.bar(DATASET, f"cgcnn{suffix}")
        for change, network in LARGER.items():
            larger = results.bar(DATASET, f"{network}{suffix}")
            above = min(larger.values("r2")) > max(plain.values("r2"))
            beyond = "beyond the seeds" if len(larger.done) > 1 < len(plain.done) else "with one seed"
            better[trainer].append(above)
            evidence.append(
                f"{change}, {trainer}: R² {larger.mean('r2'):.2f} ({larger.each('r2')}), default "
                f"{plain.mean('r2'):.2f} ({plain.each('r2')}): {'better' if above else 'not better'} {beyond}."
            )
    paper, other = better.values()
    ours = "; ".join(f"{trainer}: {sum(found)} of {len(found)} better" for trainer, found in better.items())
    return Judgement(ours, verdict(any(other) and not all(paper), all(other)), evidence)


SUSPECT = Suspect(
    paper="on long chains both 8 layers and 18 neighbours predict a better than the default (Figure 3g).",
    cause="whether they do depends on how they are trained: with the paper's trainer the spread over the seeds hides it.",
    judge=judge,
)
draw = SUSPECT.draw
