"""The rows of results/benchmarks.json: what is measured, on which crystals, compared with what."""

from dataclasses import dataclass

from reproduction.benchmarks.inputs import N_SAMPLE, SIZES


@dataclass(frozen=True)
class Run:
    """A task on some crystals.

    Attributes:
        task: module, function and arguments, as `measure` takes them.
        data: a name from `inputs`.
        kept_buffers: the allocator keeps what is freed. By default glibc hands buffers over 32 MB back to the
            system and faults them in again.
    """

    task: str
    data: str
    kept_buffers: bool = False


@dataclass(frozen=True)
class Row:
    """A measurement of ours and, if there is one, of another code."""

    name: str
    note: str
    ours: Run
    theirs: Run | None = None


UNMERGED = "limit: matrix products of the graphs with equivalent atoms apart"
UPSTREAM, KEPT = "cgcnn.upstream_epoch 256", "the allocator keeps freed buffers"


def _epoch(name: str, data: str, batch: int = 256, theirs: str = "upstream", kept: bool = False) -> Row:
    note = f"one training epoch, batch {batch}, SGD, graphs in memory, validation left out; theirs: {theirs}"
    runs = (Run(f"cgcnn.{code}_epoch {batch}", data, kept) for code in ("ours", theirs))
    return Row(f"cgcnn_train_epoch_{name}", f"{note}{f'; {KEPT}' * kept}; {UNMERGED}", *runs)


def _graphs(name: str, data: str, load: str = "_load_item_fast") -> Row:
    note = f"12 neighbours within 8 Å from structures in memory; theirs: {load}"
    runs = Run("cgcnn.ours_graphs", data), Run(f"cgcnn.upstream_graphs {load}", data)
    return Row(f"cgcnn_graphs_{name}", note, *runs)


def _step(name: str, data: str, dtype: str = "float32", hidden: int = 256) -> Row:
    note = f"three training steps of 16 crystals, AdamW, hidden {hidden}, graphs in memory; ours in {dtype}"
    runs = Run(f"alignn.ours_step {hidden} {dtype}", data), Run(f"alignn.upstream_step {hidden}", data)
    return Row(f"alignn_train_step_{name}", f"{note}; theirs: DGL, float32; {UNMERGED}", *runs)


def _table(name: str, data: str, n_crystals: str) -> Row:
    note = f"descriptors.csv from CIF files, nothing kept from before, {n_crystals} crystals"
    return Row(f"descriptors_{name}_set", note, Run("files.table", data))


def _scaling(count: int) -> list[Row]:
    data = f"{count:,} crystals of at most 20 atoms"
    notes = {
        "building": f"the folder of {data} from structures in memory: reduced cells, CIF files, their table",
        "graphs": f"CGCNN's graphs of {data} from the table of structures",
        "descriptors": f"descriptors.csv of {data} from CIF files, nothing kept from before",
        "epoch": f"`train` for one epoch of {data} from kept graphs, with the prediction of all of them",
    }
    return [
        Row(f"scaling_{count}_{task}", note, Run(f"scaling.{task} {count}", f"strained-{count}"))
        for task, note in notes.items()
    ]


ROWS = (
    _epoch("long", "long"),
    _epoch("long_kept_buffers", "long", kept=True),
    Row(
        "cgcnn_train_epoch_long_allocator_alone",
        f"upstream on both sides, beside `theirs` `ours` with this alone: {KEPT}",
        Run(UPSTREAM, "long", kept_buffers=True),
        Run(UPSTREAM, "long"),
    ),
    _epoch("crystals", "crystals"),
    _epoch("phonon_b256", "phonon-cv"),
    _epoch("phonon_b32", "phonon-cv", batch=32),
    _epoch("phonon_aviary", "phonon-cv", theirs="aviary"),
    _graphs("long", "long"),
    _graphs("crystals", "crystals"),
    _graphs("crystals_original", "crystals", "_load_item"),
    Row(
        "alignn_graphs",
        "graphs and line graphs of 300 crystals; theirs: DGL",
        Run("alignn.ours_graphs", "crystals"),
        Run("alignn.upstream_graphs", "crystals"),
    ),
    _step("fp32", "crystals"),
    _step("fp32_hidden_128", "crystals", hidden=128),
    _step("bf16", "crystals", "bfloat16"),
    _step("bf16_hidden_128", "crystals", "bfloat16", hidden=128),
    _step("phonon_fp32", "phonon-cv"),
    _step("phonon_bf16", "phonon-cv", "bfloat16"),
    Row(
        "descriptors",
        f"the 29 descriptors of {N_SAMPLE} binaries, evenly from the smallest to the largest cell; "
        "theirs: plain matminer on the same cells",
        Run("files.described", "sample"),
        Run("files.described_by_matminer", "sample"),
    ),
    _table("phonon", "phonon-cv", "1,512"),
    _table("mp", "mp-descriptors", "3,000"),
    Row(
        "read_folder",
        "the 1,512 CIF files of the phonon set, not read before; theirs: pymatgen",
        Run("files.ours_read", "phonon-cv"),
        Run("files.pymatgen_read", "phonon-cv"),
    ),
    Row(
        "predict_ten_crystals",
        "the whole command, from upstream's checkpoint; theirs: cgcnn-pr, which draws a figure too",
        Run("files.ours_predict", "ten"),
        Run("files.upstream_predict", "ten"),
    ),
    *(row for count in SIZES for row in _scaling(count)),
)
