"""What is released: which network, trained on which data."""

from dataclasses import dataclass

from hybrid.settings import RunSettings
from reproduction.workflow.plan import all_runs
from reproduction.workflow.runs import Run


@dataclass(frozen=True)
class Release:
    """A released model.

    Attributes:
        title: what it predicts.
        dataset: name.
        network: name; its settings are those of the tables.
        members: number of networks; they share the split of seed 0.
        n_structures: at scale cpu, instead of the tables'.
        epochs: likewise.
        external: a data set with the same target that the model has never seen, if there is one.
        not_for: what it must not be used for, beside what is said on every card.
    """

    title: str
    dataset: str
    network: str = "cgcnn-tuned"
    members: int = 3
    n_structures: int | None = None
    epochs: int | None = None
    external: str = ""
    not_for: str = ""

    def run(self, scale: str) -> Run:
        """The run of the tables with seed 0 that the members are like."""
        return next(
            run
            for run in all_runs(scale).values()
            if (run.dataset, run.network) == (self.dataset, self.network)
            and run.settings.model_seed == 0
            and run.settings.training_share == 1
            and not run.settings.grouping
        )

    def settings(self, scale: str) -> RunSettings:
        """The settings of the first member."""
        settings = self.run(scale).settings
        if scale != "cpu":
            return settings
        trainer = settings.trainer.model_copy(update={"epochs": self.epochs or settings.trainer.epochs})
        size = self.n_structures or settings.n_structures
        return settings.model_copy(update={"trainer": trainer, "n_structures": size})


_CELL = "The value is that of the whole cell of the file, so it doubles with the cell."
RELEASES = {
    "cv": Release(
        "Heat capacity at 300 K, per primitive cell, constant volume, harmonic",
        "phonon-cv",
        "cgcnn-sum-tuned",
        5,
        external="alexandria-cv",
        not_for=_CELL,
    ),
    "cv-descriptors": Release(
        "Heat capacity at 300 K, per primitive cell, with descriptors in the readout",
        "phonon-cv",
        "de-cgcnn-sum-tuned",
        5,
        external="alexandria-cv",
        not_for=_CELL,
    ),
    "u": Release(
        "Phonon internal energy at 300 K, per primitive cell, harmonic",
        "phonon-u",
        "cgcnn-sum-tuned",
        5,
        not_for=_CELL,
    ),
    "u-descriptors": Release(
        "Phonon internal energy at 300 K, per primitive cell, with descriptors in the readout",
        "phonon-u",
        "de-cgcnn-sum-tuned",
        5,
        not_for=_CELL,
    ),
    "bulk-modulus": Release("Bulk modulus (Voigt-Reuss-Hill)", "elastic-k"),
    "shear-modulus": Release("Shear modulus (Voigt-Reuss-Hill)", "elastic-g"),
    "poisson-ratio": Release("Poisson ratio", "elastic-poisson", members=2),
    "band-gap": Release("Band gap of PBE, which is below that of experiments", "band-gap"),
    "dielectric-electronic": Release("Electronic dielectric constant", "dielectric-electronic", members=2),
    "refractive-index": Release("Refractive index", "refractive-index"),
    "formation-energy": Release(
        "Formation energy of PBE(+U), per atom",
        "formation-energy",
        members=2,
        n_structures=10_000,
        epochs=60,
    ),
}
