"""Figure S4a: lattice angles, by default, with a larger receptive field and with sum pooling."""

from reproduction.drawing.recorded import draw_bars as draw
from reproduction.workflow.spec import Part, Spec, words_said

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    experiment="figureS4",
    caption="R² of predicted lattice angles: default CGCNN, 8 layers, 18 neighbours within 12 Å, sum pooling",
    parts=(
        Part(
            datasets=("mp-descriptors",),
            networks=("cgcnn", "cgcnn-8-layers", "cgcnn-18-neighbours-12A"),
            targets="numeric",
            together=True,
            show=("alpha", "beta", "gamma"),
        ),
        Part(
            datasets=("mp-descriptors",),
            networks=("cgcnn-shifted-sum-256",),
            targets=("alpha", "beta", "gamma"),
            together=True,
        ),
        Part(
            datasets=("mp-descriptors",),
            networks=("alignn", "cgcnn-subset"),
            targets="numeric",
            together=True,
            show=("alpha", "beta", "gamma"),
        ),
    ),
    scales={
        "quick": {
            "networks": {
                "alignn": {
                    "epochs": 10,
                    "n_structures": 300,
                    "model": {"alignn": {"hidden": 64}},
                    "variant": "hidden-64",
                },
                "cgcnn-subset": {"epochs": 60, "n_structures": 300},
            }
        },
        "cpu": {
            "networks": {
                "alignn": {
                    "epochs": 30,
                    "n_structures": 1000,
                    "seeds": (0,),
                    "model": {"alignn": {"hidden": 128}},
                    "variant": "hidden-128",
                },
                "cgcnn-subset": {"epochs": 300, "n_structures": 1000, "seeds": (0,)},
            }
        },
    },
    paper=(
        *words_said(
            "SI section 5",
            "mp-descriptors",
            "cgcnn",
            ("alpha", "beta", "gamma"),
            "cannot learn the lattice angles well",
        ),
        *words_said(
            "Results",
            "mp-descriptors",
            "cgcnn-shifted-sum-256",
            ("alpha", "beta", "gamma"),
            "sum pooling does not improve the prediction",
        ),
    ),
)
