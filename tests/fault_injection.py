"""Runs a command again and again, each time with another call to the file system failing; see test_faults.py.

It is a program of its own, since the failing file system has to be preloaded: FAULTS is its library. Each
command runs in a fork of this process, which has imported everything already.
"""

import argparse
import contextlib
import ctypes
import importlib
import io
import json
import os
import shutil
import sys
import traceback
from pathlib import Path

Told = tuple[int, str]
"""Exit code, and what was written to stderr."""


def commands(work: Path) -> dict[str, list[list[str]]]:
    """What is run in a folder `work` that holds `data`, a `model` and a table `vectors.csv`."""
    data, small = str(work / "data"), ["--epochs", "2", "--device", "cpu", "--atom-fea-len", "8"]
    small += ["--n-conv", "1", "--h-fea-len", "8"]
    split = ["--random-split", "0.6", "0.2", "0.2"]
    probed = ["--embeddings", str(work / "vectors.csv"), "--descriptors", "vpa", "density"]
    probed += ["--split", "0.6", "0.2", "0.2"]
    return {
        "train": [["hybrid", "train", data, "--out", str(work / "run"), *small]],
        "train with descriptors": [
            [
                "hybrid",
                "train",
                data,
                "--model",
                "de-cgcnn",
                "--out",
                str(work / "run"),
                *small,
                "--no-report",
            ]
        ],
        "predict": [["hybrid", "predict", str(work / "model"), data, "--out", str(work / "p.csv")]],
        "descriptors": [["hybrid", "descriptors", data]],
        "dataset": [["hybrid", "dataset", "--from", data, "--out", str(work / "new"), *split]],
        "probe": [["hybrid", "probe", data, *probed, "--out", str(work / "probe")]],
        "reproduce": [["paper", step] for step in ("run", "record", "draw")],
    }


def paper(step: str, work: Path) -> int:
    """A step of the workflow of figure 3h at the smallest scale, with one run, on the crystals of `data`."""
    from hybrid.data.folder import read_folder
    from reproduction import figures
    from reproduction.workflow import availability, plan, record, reproduce, runs

    for module in (availability, record, reproduce, runs):
        for name in {"RESULTS", "DATASETS"} & set(vars(module)):
            setattr(module, name, work / name.lower())
    plan.dataset_folder, plan.subset = (
        lambda name: read_folder(work / "data"),
        lambda folder, settings: folder,
    )
    (first, *_) = [run for run in runs.planned(figures.spec("figure3h"), "smoke") if run.network == "cgcnn"]
    match step:
        case "run":
            plan.execute(first.name, "smoke", "cpu")
        case "record":
            record.write_record("figure3h", "smoke")
        case "draw":
            reproduce.draw("figure3h", "smoke")
    return 0


def run(steps: list[list[str]], work: Path) -> int:
    """Runs commands one after the other until one fails."""
    from hybrid.cli import main, run_command

    for program, *told in steps:
        code = (
            main(told)
            if program == "hybrid"
            else run_command(lambda options: paper(*options.step), argparse.Namespace(step=(told[0], work)))
        )
        if code:
            return code
    return 0


def forked(steps: list[list[str]], work: Path, fail: int, stays: bool) -> tuple[int, str, int]:
    """Exit code, stderr and number of calls of commands in a fork, whose call `fail` fails; 0: none.

    What the fork imports is imported here too, for the next one.
    """
    library = ctypes.CDLL(os.environ["FAULTS"])
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = io.StringIO()
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
            library.arm(str(work).encode(), ctypes.c_long(fail), int(stays))
            try:
                code = run(steps, work)
            except BaseException:
                traceback.print_exc(file=told)
                code = 1
            calls = library.counted()
            library.arm(b"", ctypes.c_long(0), 0)
        os.write(
            writing,
            json.dumps([code, told.getvalue()[-3000:], calls, *(sys.modules if fail == 0 else ())]).encode(),
        )
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        found = json.loads(pipe.read() or '[1, "the process died", 0]')
    os.waitpid(child, 0)
    code, said, calls, *modules = found
    for module in modules if fail == 0 else ():
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    return code, said, calls


def contents(folder: Path) -> dict[str, bytes]:
    """All files but caches, times, what depends on them, and the report, which a run is whole without."""
    found = {}
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        if file.is_file() and ".hybrid" not in file.parts and file.suffix not in (".png", ".pdf", ".lock"):
            if name in ("run/report.html", "run/data.json"):
                continue
            found[name] = b"" if file.name in ("log.csv", "lock") else timeless(file)
    return found


def timeless(file: Path) -> bytes:
    """A file without the times in it."""
    content = file.read_bytes()
    if file.suffix != ".json":
        return content if file.suffix not in (".ckpt", ".parquet") else b""

    def cleaned(value: object) -> object:
        if isinstance(value, dict):
            return {
                k: cleaned(v)
                for k, v in value.items()
                if k not in ("created", "code", "train_seconds", "seconds")
            }
        return [cleaned(v) for v in value] if isinstance(value, list) else value

    return json.dumps(cleaned(json.loads(content))).encode()


def main() -> None:
    """Prints, as JSON, for each command how many faults were injected and what went wrong."""
    _, source, work, names, most = sys.argv
    from hybrid.training import loop

    loop.RESUME_EVERY = 1
    base, place, counts = Path(source), Path(work), {}
    for name in names.split(","):
        steps = commands(place)[name]

        def fresh() -> None:
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(base, place, symlinks=True)

        fresh()
        code, told, calls = forked(steps, place, 0, False)
        assert code == 0, told
        wanted, before = contents(place), contents(base)
        step = max(1, calls // int(most)) if int(most) else 1
        wrong = []
        faults = [(n, stays) for n in range(1, calls + 1, step) for stays in (False, True)]
        for n, stays in faults:
            fresh()
            code, told, _ = forked(steps, place, n, stays)
            left = contents(place)
            where = f"{name}: call {n} of {calls}{' and all after it' if stays else ''}"
            if code not in (0, 2) or "Traceback" in told:
                wrong.append(f"{where}: exit {code}\n{told}")
            if any(left.get(file) != content for file, content in before.items()):
                wrong.append(f"{where}: what was there is changed")
            hidden = [file for file in left if ".tmp" in Path(file).name]
            if hidden:
                wrong.append(f"{where}: leaves {hidden}")
            aside = {"data/descriptors.csv"} - left.keys()  # which is kept for the next time only
            if code == 0 and left != {file: wanted[file] for file in wanted.keys() - aside}:
                wrong.append(f"{where}: exit 0, and another result: {differ(left, wanted)}")
            if code == 0:
                continue  # what failed was not needed
            code, told, _ = forked(steps, place, 0, False)
            if code or contents(place) != wanted:
                wrong.append(f"{where}: then exit {code}: {differ(contents(place), wanted)}\n{told}")
        counts[name] = {"calls": calls, "faults": len(faults), "wrong": wrong}
    print(json.dumps(counts))


def differ(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """The files that are not the same."""
    return [file for file in {**one, **other} if one.get(file) != other.get(file)]


if __name__ == "__main__":
    main()
