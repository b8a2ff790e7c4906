"""Table S1: Table 1 in detail, with the head on frozen vectors and descriptors (eq. S5)."""

from reproduction.data.registry import PROPERTIES
from reproduction.drawing.recorded import draw_errors as draw
from reproduction.workflow.spec import Part, Spec, errors_said

__all__ = ["SPEC", "draw"]

SPEC = Spec(
    experiment="tableS1",
    caption="MAE and MAE/MAD of materials properties: descriptors alone, CGCNN, CGCNN+descriptors and de-CGCNN",
    metric="mae_over_mad",
    parts=(
        Part(
            datasets=PROPERTIES,
            networks=("forest", "cgcnn", "cgcnn+descriptors", "de-cgcnn"),
        ),
        Part(datasets=("phonon-u", "phonon-cv", "elastic-k"), networks=("alignn", "de-alignn")),
        Part(
            datasets=PROPERTIES[3:],
            networks=("alignn", "de-alignn"),
            scales=("smoke", "paper"),
        ),
    ),
    paper=(
        *errors_said(
            "Table S1",
            ("forest", "cgcnn+descriptors", "cgcnn", "de-cgcnn", "alignn", "de-alignn"),
            {
                "log-kappa": (
                    (0.156, 0.365),
                    (0.137, 0.32),
                    (0.148, 0.347),
                    (0.111, 0.26),
                    (0.117, 0.276),
                    (0.106, 0.248),
                ),
                "final-energy": (
                    (0.513, 0.398),
                    (0.071, 0.055),
                    (0.073, 0.057),
                    (0.054, 0.042),
                    (0.058, 0.045),
                    (0.068, 0.052),
                ),
                "phonon-u": (
                    (3.6, 0.14),
                    (4.81, 0.187),
                    (17.2, 0.67),
                    (1.54, 0.06),
                    (13.7, 0.534),
                    (2.62, 0.101),
                ),
                "phonon-cv": (
                    (6.16, 0.111),
                    (8.29, 0.149),
                    (42.2, 0.759),
                    (3.25, 0.058),
                    (35.2, 0.632),
                    (4.95, 0.089),
                ),
                "elastic-k": (
                    (19.6, 0.348),
                    (12.2, 0.215),
                    (12.3, 0.217),
                    (12.2, 0.215),
                    (11.5, 0.204),
                    (11.6, 0.206),
                ),
                "elastic-g": (
                    (15.0, 0.489),
                    (12.0, 0.392),
                    (12.2, 0.397),
                    (11.1, 0.362),
                    (10.3, 0.337),
                    (9.99, 0.326),
                ),
                "elastic-poisson": (
                    (0.051, 0.8),
                    (0.05, 0.788),
                    (0.051, 0.801),
                    (0.05, 0.788),
                    (0.046, 0.716),
                    (0.045, 0.702),
                ),
                "band-gap": (
                    (0.643, 0.511),
                    (0.282, 0.224),
                    (0.29, 0.231),
                    (0.274, 0.218),
                    (0.247, 0.196),
                    (0.249, 0.198),
                ),
                "piezo-modulus": (
                    (0.44, 0.793),
                    (0.452, 0.815),
                    (0.451, 0.813),
                    (0.423, 0.762),
                    (0.442, 0.796),
                    (0.411, 0.742),
                ),
                "dielectric-electronic": (
                    (1.4, 0.496),
                    (0.736, 0.261),
                    (0.744, 0.264),
                    (0.683, 0.242),
                    (0.602, 0.213),
                    (0.604, 0.214),
                ),
                "dielectric-total": (
                    (6.06, 0.67),
                    (5.13, 0.566),
                    (5.1, 0.563),
                    (4.97, 0.549),
                    (4.51, 0.498),
                    (4.43, 0.489),
                ),
                "refractive-index": (
                    (0.266, 0.45),
                    (0.138, 0.234),
                    (0.142, 0.24),
                    (0.121, 0.205),
                    (0.116, 0.197),
                    (0.114, 0.194),
                ),
                "magnetization": (
                    (1.95, 0.622),
                    (1.19, 0.379),
                    (1.29, 0.412),
                    (1.07, 0.34),
                    (1.06, 0.34),
                    (0.964, 0.308),
                ),
            },
        ),
    ),
)
