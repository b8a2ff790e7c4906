"""What a training run can be told, with the paper's choices as defaults; unknown keys are refused."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hybrid.readout import get_pooling


class Settings(BaseModel):
    """A block of settings: unchangeable once made, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GraphSettings(Settings):
    """The crystal graph: nearest neighbours and the Gaussians that expand their distances."""

    max_neighbours: int = Field(12, ge=1, description="nearest neighbours kept per atom")
    radius: float = Field(8.0, gt=0, description="cut-off in Å")
    step: float = Field(0.2, gt=0, description="distance between Gaussian centres, and their width, in Å")


class ALIGNNSettings(Settings):
    """The sizes of an ALIGNN; upstream's defaults, which the paper uses."""

    alignn_layers: int = Field(4, ge=1, description="layers that update atoms, bonds and angles")
    gcn_layers: int = Field(4, ge=0, description="layers after them that update atoms and bonds")
    hidden: int = Field(256, ge=1, description="length of the vectors of atoms, bonds and angles")
    embedding: int = Field(64, ge=1, description="width of the first layer on bond lengths and angles")
    bond_features: int = Field(80, ge=2, description="Gaussians that expand a bond length")
    angle_features: int = Field(40, ge=2, description="Gaussians that expand a cosine")


class ModelSettings(Settings):
    """The model; a network's sizes are upstream's defaults, which the paper uses."""

    name: Literal[
        "cgcnn",
        "de-cgcnn",
        "cgcnn+descriptors",
        "alignn",
        "de-alignn",
        "mean-baseline",
        "majority-baseline",
        "natoms-baseline",
        "forest",
    ] = Field("cgcnn", description="a network of hybrid/models, or a baseline")
    pooling: str = Field("mean", description="a name from hybrid.readout.POOLINGS")
    descriptors: tuple[str, ...] = Field(
        (), description="columns of descriptors.csv that the model takes, if it takes any; none: all"
    )
    atom_fea_len: int = Field(64, ge=1, description="length of a CGCNN's atom vector")
    n_conv: int = Field(3, ge=1, description="its convolution layers")
    h_fea_len: int = Field(128, ge=1, description="width of its head")
    n_h: int = Field(1, ge=1, description="hidden layers of its head")
    alignn: ALIGNNSettings = ALIGNNSettings()


class TrainerSettings(Settings):
    """The optimisation; defaults are those of the original CGCNN, which the paper trains for 300 epochs."""

    epochs: int = Field(300, ge=1)
    batch_size: int = Field(256, ge=1)
    loss: Literal["mse", "l1"] = "mse"
    optimiser: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: float = Field(0.01, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1, description="of SGD")
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["steps", "one-cycle"] = "steps"
    milestones: tuple[float, ...] = Field(
        (1 / 3,), description="where in the training the learning rate falls to a tenth: epoch 100 of 300"
    )
    gradient_clip: float | None = Field(None, gt=0, description="largest gradient norm; none: unlimited")


ANNEALED = TrainerSettings(
    batch_size=32, optimiser="adam", learning_rate=0.003, schedule="one-cycle", gradient_clip=5.0
)


ALIGNN_TRAINER = TrainerSettings(
    batch_size=64, optimiser="adamw", learning_rate=0.001, weight_decay=1e-5, schedule="one-cycle"
)


def default_trainer(pooling: str, name: str = "cgcnn") -> TrainerSettings:
    """The paper's trainer of the network, or for an extensive pooling one whose learning rate ends at zero.

    A sum over n atoms multiplies by n what batch normalisation's running statistics lag behind the weights.
    With a constant learning rate the long chains' validation error stays far above the training error; once
    the rate has fallen to zero the two agree.
    """
    extensive = get_pooling(pooling).extensive
    if name in ("alignn", "de-alignn"):
        clipped = {"gradient_clip": ANNEALED.gradient_clip}
        return ALIGNN_TRAINER.model_copy(update=clipped) if extensive else ALIGNN_TRAINER
    return ANNEALED if extensive else TrainerSettings()


Split = tuple[float, float, float]


class RunSettings(Settings):
    """All that decides the result of one training run on given data."""

    graph: GraphSettings = GraphSettings()
    model: ModelSettings = ModelSettings()
    trainer: TrainerSettings = TrainerSettings()
    task: Literal["regression", "classification"] = "regression"
    targets: tuple[str, ...] = Field(
        (), description="columns of descriptors.csv that are learnt together; none: id_prop.csv's target"
    )
    split: Split | str = Field(
        (0.8, 0.1, 0.1), description="training, validation, test; or the name of a file in splits/"
    )
    n_structures: int | None = Field(None, ge=3, description="train on a random subset of this size")
    data_seed: int = Field(0, description="draws the subset and the split")
    model_seed: int = Field(0, description="draws the initial weights and the batches")
