"""Training in bfloat16: close to fp32, on parameters that stay fp32, and refused where it has no use."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from conftest import needs_compiler, random_crystal
from pymatgen.core import Structure
from torch import Tensor

from hybrid.cli import main
from hybrid.data.folder import CrystalFolder, read_folder
from hybrid.errors import InputError, note
from hybrid.graphs.line_graph import LineBatch, LineGraphs
from hybrid.kernels.edge_gated import EdgeGated
from hybrid.models.alignn import ALIGNN
from hybrid.settings import ALIGNNSettings, GraphSettings, ModelSettings, RunSettings, TrainerSettings
from hybrid.trained.checkpoint import load
from hybrid.training.run import train

SMALL = ALIGNNSettings(
    alignn_layers=2, gcn_layers=2, hidden=40, embedding=9, bond_features=10, angle_features=9
)
ROUNDING = 2**-8  # a number in bfloat16 is off by half of this at most, relative to itself
WITHOUT_KERNEL = patch.object(EdgeGated, "get", return_value=None)
both_ways = pytest.mark.parametrize("kernel", [pytest.param(True, marks=needs_compiler), False])


@pytest.fixture
def batch(Cu: Structure, NaCl: Structure) -> LineBatch:
    """Self images (Cu), merged atoms (NaCl), and crystals in which nothing is merged."""
    crystals = [Cu, NaCl, *map(random_crystal, range(6))]
    return LineGraphs.from_structures(crystals, GraphSettings()).batch(torch.arange(len(crystals)))


def network(pooling: str = "mean", n_descriptors: int = 0) -> ALIGNN:
    torch.manual_seed(1)
    model = ModelSettings(name="alignn", pooling=pooling, alignn=SMALL)
    return ALIGNN(torch.rand(101, 6), GraphSettings(), model, n_descriptors)


def step(made: ALIGNN, batch: LineBatch, bf16: bool, kernel: bool = True) -> dict[str, Tensor]:
    """Outputs, gradients and running statistics after one step's forward and backward pass."""
    made.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        if kernel:
            output = made(batch)
        else:
            with WITHOUT_KERNEL:
                output = made(batch)
        (output * torch.linspace(-1, 2, len(output))[:, None]).sum().backward()
    gradients = torch.cat([p.grad.flatten() for p in made.parameters() if p.grad is not None])
    statistics = {n: b.clone() for n, b in made.named_buffers() if "running" in n}
    return {"output": output.detach(), "gradients": gradients, **statistics}


def deviation(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


# --- the network ---


@both_ways
@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_outputs_and_gradients_are_those_of_fp32_within_rounding(
    pooling: str, kernel: bool, batch: LineBatch
) -> None:
    """The roundings of six convolutions add up to a few; a wrong term would be far larger.

    In a sum atoms of opposite signs cancel, and their roundings do not: twice as many.
    """
    exact, rounded = (step(network(pooling), batch, bf16, kernel) for bf16 in (False, True))
    assert exact.keys() == rounded.keys()
    for name, expected in exact.items():
        several = name == "gradients" or (name, pooling) == ("output", "sum")
        assert deviation(rounded[name], expected) < (8 if several else 4) * ROUNDING, name
    assert deviation(rounded["output"], exact["output"]) > 1e-7, "nothing was rounded"


@needs_compiler
def test_the_kernel_rounds_no_worse_than_pytorch(batch: LineBatch) -> None:
    exact = step(network(), batch, False)
    kernel, pytorch = (step(network(), batch, True, kernel) for kernel in (True, False))
    assert EdgeGated.get(torch.zeros(1, dtype=torch.bfloat16)) is not None
    for name in ("output", "gradients"):
        of_kernel, of_pytorch = (deviation(found[name], exact[name]) for found in (kernel, pytorch))
        assert of_kernel < 4 * of_pytorch, name


@both_ways
def test_what_must_be_exact_is_fp32(kernel: bool, batch: LineBatch) -> None:
    """Parameters, gradients, running statistics, atom vectors and outputs."""
    made = network("sum")
    found = step(made, batch, True, kernel)
    tensors = [*found.values(), *made.parameters(), *(p.grad for p in made.parameters())]
    assert {tensor.dtype for tensor in tensors if tensor is not None} == {torch.float32}
    with torch.autocast("cpu", torch.bfloat16):
        assert made.atom_vectors(batch).dtype == torch.float32


def test_the_readout_rounds_nothing(batch: LineBatch) -> None:
    """A sum over many atoms in bfloat16 would lose the small contributions."""
    made = network("sum", n_descriptors=2).eval()
    descriptors = torch.randn(len(batch.crystals.n_atoms), 2)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        output, atoms = made(batch, descriptors), made.atom_vectors(batch)
    with torch.no_grad():
        expected = made.read_out(atoms, batch.crystals, descriptors)
    torch.testing.assert_close(output, expected)


@needs_compiler
def test_repeated_steps_have_the_same_bits(batch: LineBatch) -> None:
    for threads in (1, 2):
        torch.set_num_threads(threads)
        one, two = (step(network(), batch, True) for _ in range(2))
        assert all(torch.equal(one[name], two[name]) for name in one)


# --- training ---


def run_settings(precision: str, name: str = "alignn", pooling: str = "mean", epochs: int = 3) -> RunSettings:
    trainer = TrainerSettings(
        epochs=epochs,
        batch_size=4,
        optimiser="adamw",
        learning_rate=0.003,
        schedule="one-cycle",
        precision=precision,
    )
    model = ModelSettings(name=name, pooling=pooling, alignn=SMALL)
    return RunSettings(model=model, trainer=trainer, split=(0.6, 0.2, 0.2))


@pytest.fixture
def folder(crystal_folder: Callable[..., Path]) -> CrystalFolder:
    return read_folder(crystal_folder(14))


def test_the_default_is_fp32_and_changes_no_runs_name() -> None:
    """A run's name hashes the settings that are not the defaults."""
    assert TrainerSettings().precision == "fp32"
    assert "precision" not in run_settings("fp32").model_dump_json(exclude_defaults=True)
    assert "bf16" in run_settings("bf16").model_dump_json(exclude_defaults=True)


@pytest.mark.parametrize(("name", "pooling"), [("alignn", "mean"), ("de-alignn", "sum")])
def test_a_model_trained_in_bf16_predicts_in_fp32(
    name: str, pooling: str, folder: CrystalFolder, tmp_path: Path
) -> None:
    """The run's predictions are those that its checkpoint gives in fp32."""
    found = {}
    for precision in ("fp32", "bf16"):
        out = tmp_path / precision
        train(folder, run_settings(precision, name, pooling), out, device="cpu", progress=False)
        rows = (out / "predictions.csv").read_text().splitlines()[1:]
        found[precision] = np.array([float(row.split(",")[3]) for row in rows])
    model = load(tmp_path / "bf16")
    assert {tensor.dtype for tensor in model.network.parameters()} == {torch.float32}
    told = model.predict_folder(folder, torch.device("cpu"))[:, 0]
    assert told == pytest.approx(found["bf16"], rel=1e-5)
    assert (found["bf16"] != found["fp32"]).any()
    assert np.ptp(told) > 0


@pytest.mark.slow
def test_training_ends_where_fp32_does(folder: CrystalFolder, tmp_path: Path) -> None:
    errors = {}
    for precision in ("fp32", "bf16"):
        metrics = train(
            folder, run_settings(precision, epochs=40), tmp_path / precision, device="cpu", progress=False
        )
        errors[precision] = metrics["training"]["mae_over_mad"]
    assert max(errors.values()) < 0.5
    assert errors["bf16"] < errors["fp32"] + 0.15


def test_the_command_takes_it(folder: CrystalFolder, tmp_path: Path) -> None:
    sizes = ["--alignn-layers", "1", "--gcn-layers", "1", "--hidden", "8", "--epochs", "1"]
    out = tmp_path / "run"
    command = ["train", str(folder.path), "--model", "alignn", "--out", str(out), "--device", "cpu", *sizes]
    assert main([*command, "--precision", "bf16"]) == 0
    assert RunSettings.model_validate_json((out / "settings.json").read_text()).trainer.precision == "bf16"


@pytest.mark.parametrize("name", ["cgcnn", "forest", "mean-baseline"])
def test_a_model_that_has_no_use_for_it_is_refused(name: str, folder: CrystalFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"^--precision bf16: {name} cannot be trained in it$"):
        train(folder, run_settings("bf16", name), tmp_path / "run", device="cpu", progress=False)
    assert not list(tmp_path.glob("run*"))


def test_a_gpu_without_it_is_refused(folder: CrystalFolder, tmp_path: Path) -> None:
    with (
        patch("torch.cuda.is_available", return_value=True),
        patch("torch.cuda.is_bf16_supported", return_value=False),
        pytest.raises(InputError, match="GPU does not compute in bfloat16"),
    ):
        train(folder, run_settings("bf16"), tmp_path / "run", device="cuda", progress=False)


@pytest.mark.parametrize("flags", ["avx2 avx512_bf16", "avx2"])
def test_a_processor_without_it_is_said_to_be_slower(
    flags: str, folder: CrystalFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text(f"flags : fpu {flags}\n")
    note.cache_clear()  # it is said once in a process
    with patch("hybrid.processor.SAID", told):
        train(folder, run_settings("bf16"), tmp_path / "run", device="cpu", progress=False)
    assert ("fp32 is faster" in capsys.readouterr().err) == ("bf16" not in flags)
