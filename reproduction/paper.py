"""The paper's two large tables of numbers, and the format of its statements in specs."""

from collections.abc import Iterator
from typing import Any

from hybrid.settings import Settings

TABLE_2 = """
                       cgcnn       de-cgcnn    cgcnn-sum  de-cgcnn-sum alignn     de-alignn   alignn-sum de-alignn-sum
phonon-u               17.2/0.67   1.54/0.06   6.53/0.254 1.53/0.06    13.7/0.534 2.62/0.101  6.88/0.268 1.87/0.073
phonon-cv              42.2/0.759  3.25/0.058  15.1/0.272 2.86/0.051   35.2/0.632 4.95/0.089  18.9/0.339 3.75/0.067
phonon-u-per-atom      3.05/0.602  0.301/0.059 -          -            3.0/0.587  0.613/0.12  -          -
phonon-cv-per-atom     8.3/0.601   0.792/0.057 -          -            8.37/0.606 1.52/0.11   -          -
magnetization          1.29/0.412  1.07/0.34   -          -            1.06/0.34  0.964/0.308 -          -
magnetization-per-atom 0.088/0.339 0.069/0.266 -          -            0.078/0.3  0.077/0.296 -          -
magnetization-per-cell -           -           1.94/0.299 1.73/0.267   -          -           1.63/0.251 1.98/0.304
"""
"""MAE, in the unit of the property, and MAE/MAD by data set and network."""

TABLE_S1 = """
                      forest       cgcnn+descriptors cgcnn       de-cgcnn    alignn      de-alignn
log-kappa             0.156/0.365  0.137/0.32        0.148/0.347 0.111/0.26  0.117/0.276 0.106/0.248
final-energy          0.513/0.398  0.071/0.055       0.073/0.057 0.054/0.042 0.058/0.045 0.068/0.052
phonon-u              3.6/0.14     4.81/0.187        17.2/0.67   1.54/0.06   13.7/0.534  2.62/0.101
phonon-cv             6.16/0.111   8.29/0.149        42.2/0.759  3.25/0.058  35.2/0.632  4.95/0.089
elastic-k             19.6/0.348   12.2/0.215        12.3/0.217  12.2/0.215  11.5/0.204  11.6/0.206
elastic-g             15.0/0.489   12.0/0.392        12.2/0.397  11.1/0.362  10.3/0.337  9.99/0.326
elastic-poisson       0.051/0.8    0.05/0.788        0.051/0.801 0.05/0.788  0.046/0.716 0.045/0.702
band-gap              0.643/0.511  0.282/0.224       0.29/0.231  0.274/0.218 0.247/0.196 0.249/0.198
piezo-modulus         0.44/0.793   0.452/0.815       0.451/0.813 0.423/0.762 0.442/0.796 0.411/0.742
dielectric-electronic 1.4/0.496    0.736/0.261       0.744/0.264 0.683/0.242 0.602/0.213 0.604/0.214
dielectric-total      6.06/0.67    5.13/0.566        5.1/0.563   4.97/0.549  4.51/0.498  4.43/0.489
refractive-index      0.266/0.45   0.138/0.234       0.142/0.24  0.121/0.205 0.116/0.197 0.114/0.194
magnetization         1.95/0.622   1.19/0.379        1.29/0.412  1.07/0.34   1.06/0.34   0.964/0.308
"""
"""The same; Table 1 has the MAE/MAD of it."""


class PaperStatement(Settings):
    """What the paper says about one network on one data set, in numbers or words."""

    dataset: str
    network: str
    target: str = ""  # a descriptor; if empty, the target in id_prop.csv
    mae: float | None = None
    mae_over_mad: float | None = None
    says: str = ""
    source: str

    def numbers(self) -> dict[str, Any]:
        """The statement without network, data set and target."""
        return self.model_dump(exclude={"dataset", "network", "target"}, exclude_none=True)


def statements(text: str) -> tuple[PaperStatement, ...]:
    """The paper's words, a statement a line: `source | data set | network | words`.

    A statement on descriptors names them in one more column, before the words.
    """
    said = []
    for line in text.strip().splitlines():
        source, dataset, network, *targets, says = (cell.strip() for cell in line.split("|"))
        for target in targets[0].split() if targets else ("",):
            about = {"dataset": dataset, "network": network, "target": target}
            said.append(PaperStatement(**about, says=says, source=source))
    return tuple(said)


def errors(
    source: str,
    table: str,
    networks: tuple[str, ...] = (),
    datasets: tuple[str, ...] = (),
    with_mae: bool = True,
) -> tuple[PaperStatement, ...]:
    """The errors in a table of the paper.

    Args:
        source: where the paper has them.
        table: TABLE_2 or TABLE_S1.
        networks: the columns to take; none: all.
        datasets: the rows to take; none: all.
        with_mae: take the MAE as well as MAE/MAD.
    """
    return tuple(
        PaperStatement(
            dataset=dataset,
            network=network,
            mae=mae if with_mae else None,
            mae_over_mad=relative,
            source=source,
        )
        for dataset, network, mae, relative in _cells(table)
        if network in (networks or (network,)) and dataset in (datasets or (dataset,))
    )


def _cells(table: str) -> Iterator[tuple[str, str, float, float]]:
    """Data set, network, MAE and MAE/MAD of each number in a table."""
    (networks, *rows) = (line.split() for line in table.strip().splitlines())
    for dataset, *cells in rows:
        for network, cell in zip(networks, cells, strict=True):
            if cell != "-":
                mae, relative = map(float, cell.split("/"))
                yield dataset, network, mae, relative
