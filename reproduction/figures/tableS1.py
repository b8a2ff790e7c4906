"""Table S1: Table 1 in detail, with the head on frozen vectors and descriptors (eq. S5)."""

from reproduction.drawing.recorded import draw_errors as draw
from reproduction.workflow.spec import PaperStatement, Part, Spec

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    experiment="tableS1",
    caption="MAE and MAE/MAD of materials properties: descriptors alone, CGCNN, CGCNN+descriptors and de-CGCNN",
    metric="mae_over_mad",
    parts=(
        Part(
            datasets=(
                "phonon-u",
                "phonon-cv",
                "elastic-k",
                "elastic-g",
                "elastic-poisson",
                "band-gap",
                "piezo-modulus",
                "dielectric-electronic",
                "dielectric-total",
                "refractive-index",
                "formation-energy",
                "final-energy-wbm",
                "log-kappa",
                "final-energy",
                "magnetization",
            ),
            networks=("forest", "cgcnn", "cgcnn+descriptors", "de-cgcnn"),
        ),
        Part(datasets=("phonon-u", "phonon-cv", "elastic-k"), networks=("alignn", "de-alignn")),
        Part(
            datasets=(
                "elastic-g",
                "elastic-poisson",
                "band-gap",
                "piezo-modulus",
                "dielectric-electronic",
                "dielectric-total",
                "refractive-index",
                "formation-energy",
                "final-energy-wbm",
                "log-kappa",
                "final-energy",
                "magnetization",
            ),
            networks=("alignn", "de-alignn"),
            scales=("smoke", "paper"),
        ),
    ),
    paper=(
        PaperStatement(
            dataset="log-kappa", network="forest", mae=0.156, mae_over_mad=0.365, source="Table S1"
        ),
        PaperStatement(
            dataset="log-kappa", network="cgcnn+descriptors", mae=0.137, mae_over_mad=0.32, source="Table S1"
        ),
        PaperStatement(
            dataset="log-kappa", network="cgcnn", mae=0.148, mae_over_mad=0.347, source="Table S1"
        ),
        PaperStatement(
            dataset="log-kappa", network="de-cgcnn", mae=0.111, mae_over_mad=0.26, source="Table S1"
        ),
        PaperStatement(
            dataset="final-energy", network="forest", mae=0.513, mae_over_mad=0.398, source="Table S1"
        ),
        PaperStatement(
            dataset="final-energy",
            network="cgcnn+descriptors",
            mae=0.071,
            mae_over_mad=0.055,
            source="Table S1",
        ),
        PaperStatement(
            dataset="final-energy", network="cgcnn", mae=0.073, mae_over_mad=0.057, source="Table S1"
        ),
        PaperStatement(
            dataset="final-energy", network="de-cgcnn", mae=0.054, mae_over_mad=0.042, source="Table S1"
        ),
        PaperStatement(dataset="phonon-u", network="forest", mae=3.6, mae_over_mad=0.14, source="Table S1"),
        PaperStatement(
            dataset="phonon-u", network="cgcnn+descriptors", mae=4.81, mae_over_mad=0.187, source="Table S1"
        ),
        PaperStatement(dataset="phonon-u", network="cgcnn", mae=17.2, mae_over_mad=0.67, source="Table S1"),
        PaperStatement(
            dataset="phonon-u", network="de-cgcnn", mae=1.54, mae_over_mad=0.06, source="Table S1"
        ),
        PaperStatement(
            dataset="phonon-cv", network="forest", mae=6.16, mae_over_mad=0.111, source="Table S1"
        ),
        PaperStatement(
            dataset="phonon-cv", network="cgcnn+descriptors", mae=8.29, mae_over_mad=0.149, source="Table S1"
        ),
        PaperStatement(dataset="phonon-cv", network="cgcnn", mae=42.2, mae_over_mad=0.759, source="Table S1"),
        PaperStatement(
            dataset="phonon-cv", network="de-cgcnn", mae=3.25, mae_over_mad=0.058, source="Table S1"
        ),
        PaperStatement(
            dataset="elastic-k", network="forest", mae=19.6, mae_over_mad=0.348, source="Table S1"
        ),
        PaperStatement(
            dataset="elastic-k", network="cgcnn+descriptors", mae=12.2, mae_over_mad=0.215, source="Table S1"
        ),
        PaperStatement(dataset="elastic-k", network="cgcnn", mae=12.3, mae_over_mad=0.217, source="Table S1"),
        PaperStatement(
            dataset="elastic-k", network="de-cgcnn", mae=12.2, mae_over_mad=0.215, source="Table S1"
        ),
        PaperStatement(
            dataset="elastic-g", network="forest", mae=15.0, mae_over_mad=0.489, source="Table S1"
        ),
        PaperStatement(
            dataset="elastic-g", network="cgcnn+descriptors", mae=12.0, mae_over_mad=0.392, source="Table S1"
        ),
        PaperStatement(dataset="elastic-g", network="cgcnn", mae=12.2, mae_over_mad=0.397, source="Table S1"),
        PaperStatement(
            dataset="elastic-g", network="de-cgcnn", mae=11.1, mae_over_mad=0.362, source="Table S1"
        ),
        PaperStatement(
            dataset="elastic-poisson", network="forest", mae=0.051, mae_over_mad=0.8, source="Table S1"
        ),
        PaperStatement(
            dataset="elastic-poisson",
            network="cgcnn+descriptors",
            mae=0.05,
            mae_over_mad=0.788,
            source="Table S1",
        ),
        PaperStatement(
            dataset="elastic-poisson", network="cgcnn", mae=0.051, mae_over_mad=0.801, source="Table S1"
        ),
        PaperStatement(
            dataset="elastic-poisson", network="de-cgcnn", mae=0.05, mae_over_mad=0.788, source="Table S1"
        ),
        PaperStatement(
            dataset="band-gap", network="forest", mae=0.643, mae_over_mad=0.511, source="Table S1"
        ),
        PaperStatement(
            dataset="band-gap", network="cgcnn+descriptors", mae=0.282, mae_over_mad=0.224, source="Table S1"
        ),
        PaperStatement(dataset="band-gap", network="cgcnn", mae=0.29, mae_over_mad=0.231, source="Table S1"),
        PaperStatement(
            dataset="band-gap", network="de-cgcnn", mae=0.274, mae_over_mad=0.218, source="Table S1"
        ),
        PaperStatement(
            dataset="piezo-modulus", network="forest", mae=0.44, mae_over_mad=0.793, source="Table S1"
        ),
        PaperStatement(
            dataset="piezo-modulus",
            network="cgcnn+descriptors",
            mae=0.452,
            mae_over_mad=0.815,
            source="Table S1",
        ),
        PaperStatement(
            dataset="piezo-modulus", network="cgcnn", mae=0.451, mae_over_mad=0.813, source="Table S1"
        ),
        PaperStatement(
            dataset="piezo-modulus", network="de-cgcnn", mae=0.423, mae_over_mad=0.762, source="Table S1"
        ),
        PaperStatement(
            dataset="dielectric-electronic", network="forest", mae=1.4, mae_over_mad=0.496, source="Table S1"
        ),
        PaperStatement(
            dataset="dielectric-electronic",
            network="cgcnn+descriptors",
            mae=0.736,
            mae_over_mad=0.261,
            source="Table S1",
        ),
        PaperStatement(
            dataset="dielectric-electronic", network="cgcnn", mae=0.744, mae_over_mad=0.264, source="Table S1"
        ),
        PaperStatement(
            dataset="dielectric-electronic",
            network="de-cgcnn",
            mae=0.683,
            mae_over_mad=0.242,
            source="Table S1",
        ),
        PaperStatement(
            dataset="dielectric-total", network="forest", mae=6.06, mae_over_mad=0.67, source="Table S1"
        ),
        PaperStatement(
            dataset="dielectric-total",
            network="cgcnn+descriptors",
            mae=5.13,
            mae_over_mad=0.566,
            source="Table S1",
        ),
        PaperStatement(
            dataset="dielectric-total", network="cgcnn", mae=5.1, mae_over_mad=0.563, source="Table S1"
        ),
        PaperStatement(
            dataset="dielectric-total", network="de-cgcnn", mae=4.97, mae_over_mad=0.549, source="Table S1"
        ),
        PaperStatement(
            dataset="refractive-index", network="forest", mae=0.266, mae_over_mad=0.45, source="Table S1"
        ),
        PaperStatement(
            dataset="refractive-index",
            network="cgcnn+descriptors",
            mae=0.138,
            mae_over_mad=0.234,
            source="Table S1",
        ),
        PaperStatement(
            dataset="refractive-index", network="cgcnn", mae=0.142, mae_over_mad=0.24, source="Table S1"
        ),
        PaperStatement(
            dataset="refractive-index", network="de-cgcnn", mae=0.121, mae_over_mad=0.205, source="Table S1"
        ),
        PaperStatement(
            dataset="magnetization", network="forest", mae=1.95, mae_over_mad=0.622, source="Table S1"
        ),
        PaperStatement(
            dataset="magnetization",
            network="cgcnn+descriptors",
            mae=1.19,
            mae_over_mad=0.379,
            source="Table S1",
        ),
        PaperStatement(
            dataset="magnetization", network="cgcnn", mae=1.29, mae_over_mad=0.412, source="Table S1"
        ),
        PaperStatement(
            dataset="magnetization", network="de-cgcnn", mae=1.07, mae_over_mad=0.34, source="Table S1"
        ),
        PaperStatement(
            dataset="log-kappa", network="alignn", mae=0.117, mae_over_mad=0.276, source="Table S1"
        ),
        PaperStatement(
            dataset="log-kappa", network="de-alignn", mae=0.106, mae_over_mad=0.248, source="Table S1"
        ),
        PaperStatement(
            dataset="final-energy", network="alignn", mae=0.058, mae_over_mad=0.045, source="Table S1"
        ),
        PaperStatement(
            dataset="final-energy", network="de-alignn", mae=0.068, mae_over_mad=0.052, source="Table S1"
        ),
        PaperStatement(dataset="phonon-u", network="alignn", mae=13.7, mae_over_mad=0.534, source="Table S1"),
        PaperStatement(
            dataset="phonon-u", network="de-alignn", mae=2.62, mae_over_mad=0.101, source="Table S1"
        ),
        PaperStatement(
            dataset="phonon-cv", network="alignn", mae=35.2, mae_over_mad=0.632, source="Table S1"
        ),
        PaperStatement(
            dataset="phonon-cv", network="de-alignn", mae=4.95, mae_over_mad=0.089, source="Table S1"
        ),
        PaperStatement(
            dataset="elastic-k", network="alignn", mae=11.5, mae_over_mad=0.204, source="Table S1"
        ),
        PaperStatement(
            dataset="elastic-k", network="de-alignn", mae=11.6, mae_over_mad=0.206, source="Table S1"
        ),
        PaperStatement(
            dataset="elastic-g", network="alignn", mae=10.3, mae_over_mad=0.337, source="Table S1"
        ),
        PaperStatement(
            dataset="elastic-g", network="de-alignn", mae=9.99, mae_over_mad=0.326, source="Table S1"
        ),
        PaperStatement(
            dataset="elastic-poisson", network="alignn", mae=0.046, mae_over_mad=0.716, source="Table S1"
        ),
        PaperStatement(
            dataset="elastic-poisson", network="de-alignn", mae=0.045, mae_over_mad=0.702, source="Table S1"
        ),
        PaperStatement(
            dataset="band-gap", network="alignn", mae=0.247, mae_over_mad=0.196, source="Table S1"
        ),
        PaperStatement(
            dataset="band-gap", network="de-alignn", mae=0.249, mae_over_mad=0.198, source="Table S1"
        ),
        PaperStatement(
            dataset="piezo-modulus", network="alignn", mae=0.442, mae_over_mad=0.796, source="Table S1"
        ),
        PaperStatement(
            dataset="piezo-modulus", network="de-alignn", mae=0.411, mae_over_mad=0.742, source="Table S1"
        ),
        PaperStatement(
            dataset="dielectric-electronic",
            network="alignn",
            mae=0.602,
            mae_over_mad=0.213,
            source="Table S1",
        ),
        PaperStatement(
            dataset="dielectric-electronic",
            network="de-alignn",
            mae=0.604,
            mae_over_mad=0.214,
            source="Table S1",
        ),
        PaperStatement(
            dataset="dielectric-total", network="alignn", mae=4.51, mae_over_mad=0.498, source="Table S1"
        ),
        PaperStatement(
            dataset="dielectric-total", network="de-alignn", mae=4.43, mae_over_mad=0.489, source="Table S1"
        ),
        PaperStatement(
            dataset="refractive-index", network="alignn", mae=0.116, mae_over_mad=0.197, source="Table S1"
        ),
        PaperStatement(
            dataset="refractive-index", network="de-alignn", mae=0.114, mae_over_mad=0.194, source="Table S1"
        ),
        PaperStatement(
            dataset="magnetization", network="alignn", mae=1.06, mae_over_mad=0.34, source="Table S1"
        ),
        PaperStatement(
            dataset="magnetization", network="de-alignn", mae=0.964, mae_over_mad=0.308, source="Table S1"
        ),
    ),
)
