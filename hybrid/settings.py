"""The settings of a training run or a probe.

The defaults are the paper's values. `hybrid train` takes our tuned trainer, unless it is told otherwise.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hybrid.errors import InputError


class Settings(BaseModel):
    """A block of settings: immutable, numbers finite, and unknown keys are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Seed = Annotated[int, Field(ge=0, lt=2**32)]  # as random generators take them


class GraphSettings(Settings):
    """The crystal graph: nearest neighbours and the Gaussians that expand their distances."""

    max_neighbours: int = Field(12, ge=1, description="nearest neighbours kept per atom")
    radius: float = Field(8.0, gt=0, le=1000, description="cut-off in Å")
    step: float = Field(0.2, gt=0, description="distance between Gaussian centres, and their width, in Å")
    ties: Literal["found", "element"] = Field(
        "found",
        description="which of a CGCNN's last neighbours count if more are as far away: those found first, "
        "as in upstream's code, or those of the lightest element",
    )


class ALIGNNSettings(Settings):
    """The sizes of an ALIGNN; upstream's defaults, which the paper uses."""

    alignn_layers: int = Field(4, ge=1, description="layers that update atoms, bonds and angles")
    gcn_layers: int = Field(4, ge=0, description="layers after them that update atoms and bonds")
    hidden: int = Field(256, ge=1, description="length of the vectors of atoms, bonds and angles")
    embedding: int = Field(64, ge=1, description="width of the first layer on bond lengths and angles")
    bond_features: int = Field(80, ge=2, description="Gaussians that expand a bond length")
    angle_features: int = Field(40, ge=2, description="Gaussians that expand a cosine")


class RoostSettings(Settings):
    """The sizes of a Roost; upstream's defaults."""

    element_features: Literal["matscholar200", "cgcnn92", "megnet16", "onehot112"] = Field(
        "matscholar200", description="initial vectors of the elements; training changes them"
    )
    elem_fea_len: int = Field(64, ge=2, description="length of an element's vector in the graph")
    n_graph: int = Field(3, ge=1, description="layers that pass messages among the elements")
    heads: int = Field(3, ge=1, description="number of attention heads in each layer and in the pooling")


class ModelSettings(Settings):
    """The model; a network's sizes are upstream's defaults, which the paper uses."""

    name: str = Field("cgcnn", description="name of the model, or FILE.py:CLASS of your own")
    pooling: str = Field("mean", description="name of the pooling, or FILE.py:NAME of your own")
    descriptors: tuple[str, ...] = Field(
        (), description="descriptors that a hybrid model takes; default: all columns of descriptors.csv"
    )
    vectors: str = Field("", description="the pretrained model whose embeddings are probed")
    descriptor_limit: float | None = Field(
        None, gt=0, description="clips standardised descriptors, in standard deviations; none: no clipping"
    )
    atom_fea_len: int = Field(64, ge=1, description="length of the atom vectors of a CGCNN")
    n_conv: int = Field(3, ge=1, description="number of convolution layers of a CGCNN")
    h_fea_len: int = Field(128, ge=1, description="width of the head of a CGCNN")
    n_h: int = Field(1, ge=1, description="number of hidden layers in the head of a CGCNN; by default 1 to 3")
    alignn: ALIGNNSettings = ALIGNNSettings()
    roost: RoostSettings = RoostSettings()
    own: dict[str, Any] = Field({}, description="settings of the user's network")
    code: dict[str, str] = Field({}, description="sha256 of the user's files by name")


class TrainerSettings(Settings):
    """The optimisation; the defaults are those of the original CGCNN, with the paper's 300 epochs."""

    epochs: int = Field(300, ge=1, description="default: 300; of cgcnn-lattice and a network of your own 100")
    batch_size: int = Field(256, ge=1)
    loss: Literal["mse", "l1"] = "mse"
    optimiser: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: float = Field(0.01, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of SGD")
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["steps", "one-cycle"] = "steps"
    milestones: tuple[float, ...] = Field(
        (1 / 3,),
        description="parts of the training after which the learning rate is divided by ten: epoch 100 of 300",
    )
    gradient_clip: float | None = Field(None, gt=0, description="largest gradient norm; none: unlimited")
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="number format of ALIGNN's matrix products and activations; all else is in fp32"
    )


class Recipe(Settings):
    """How a network is trained, possibly with another size of its head."""

    trainer: TrainerSettings = TrainerSettings()
    n_h: int | None = Field(None, ge=1, description="hidden layers of the head, unless the user gives them")

    def model(self, model: ModelSettings) -> ModelSettings:
        """The model with the number of hidden layers of this recipe."""
        if self.n_h is None or "n_h" in model.model_fields_set:
            return model
        return model.model_copy(update={"n_h": self.n_h})


def annealed(**changes: Any) -> TrainerSettings:
    """Our trainer, with one cycle of the learning rate that ends at zero, and these changes."""
    common = TrainerSettings(
        batch_size=32, loss="l1", optimiser="adamw", schedule="one-cycle", gradient_clip=5.0
    )
    return common.model_copy(update=changes)


class StartSettings(Settings):
    """The trained model that training starts from; by default, random weights."""

    init_from: str = Field(
        "", description="start from a trained model: a run folder, checkpoint or released model"
    )
    init_sha256: str = Field("", description="of its weights")
    head: Literal["auto", "keep", "new"] = Field(
        "auto", description="the trained head, or a new one; auto: kept if the target is the same"
    )
    freeze: bool = Field(False, description="train the head only")


Split = tuple[float, float, float]


class RunSettings(Settings):
    """All settings that determine the result of a training run on given data."""

    graph: GraphSettings = GraphSettings()
    model: ModelSettings = ModelSettings()
    trainer: TrainerSettings = TrainerSettings()
    start: StartSettings = StartSettings()
    task: Literal["regression", "classification"] = "regression"
    targets: tuple[str, ...] = Field(
        (), description="target columns of id_prop.csv or descriptors.csv; default: all of id_prop.csv"
    )
    split: Split | str = Field(
        (0.8, 0.1, 0.1), description="training, validation, test; or the name of a file in splits/"
    )
    grouping: Literal["formula", "prototype"] | None = Field(
        None,
        description="crystals with the same formula or prototype stay in one fold of a split by fractions",
    )
    training_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the training crystals that is used; validation and test sets do not change",
    )
    n_structures: int | None = Field(None, ge=3, description="train on a random subset of this size")
    data_seed: Seed = Field(0, description="random seed of the subset, the split and the share of training")
    model_seed: Seed = Field(0, description="random seed of the initial weights and the batches")


class ProbeSettings(Settings):
    """All settings that determine the result of a probe on given data."""

    descriptors: tuple[str, ...] = Field(
        (), description="computed or from descriptors.csv; default: Figure 2's 27 and the crystal system"
    )
    split: Split | Path = Field(
        (0.8, 0.1, 0.1), description="training, validation, test; or a file with the columns id,fold"
    )
    n_structures: int | None = Field(None, ge=3, description="a random subset of this size")
    seeds: tuple[Seed, ...] = Field(
        (0,),
        min_length=1,
        description="random seeds of the subset, the split and the weights, a run for each",
    )
    one_by_one: bool = Field(False, description="a network for each descriptor, as in the paper")


@contextlib.contextmanager
def checked() -> Iterator[None]:
    """A context in which settings are made.

    Raises:
        InputError: a value is not allowed; the first one is called by its command-line option.
    """
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise InputError(f"--{option} {first['input']}: {first['msg']}") from error
