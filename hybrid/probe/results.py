"""Results of fits, kept in a folder so that a stopped call goes on and nothing is fitted twice."""

import contextlib
import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hybrid.data.folder import CrystalFolder
from hybrid.errors import DivergedError
from hybrid.line_cache import LineCache
from hybrid.probe.candidates import Candidate
from hybrid.settings import RunSettings
from hybrid.training.results import Job, fold_metrics
from hybrid.training.run_folder import fingerprint
from hybrid.training.samples import Samples


@dataclass(frozen=True)
class Results:
    """Fits candidates, or knows how that came out.

    Attributes:
        done: what is known.
        scratch: where unfinished training stands.
        content: changes with the structure files.
        device: where networks are trained.
        progress: show progress bars of trainings.
    """

    done: LineCache
    scratch: Path
    content: str
    device: torch.device
    progress: bool

    def of(self, model: Candidate, samples: Samples, run: RunSettings) -> dict[str, Any]:
        """`status`, with metrics by fold and target (`metrics`), seconds and what else there is to say."""
        what = [model.label, model.digest, model.epochs, run.model_dump_json()]
        data = [self.content, fingerprint(samples)]
        key = hashlib.sha256(json.dumps(what + data).encode()).hexdigest()[:32]
        if not (model.digest and key in self.done):
            learnt = samples.names[0] if len(samples.names) == 1 else f"{len(samples.names)} descriptors"
            scratch = self.scratch / f"{learnt}, seed {run.model_seed}, {key[:8]}"
            result = self._fit(model, samples, run, scratch)
            if not model.digest:
                return result
            self.done.add(key, result)
        return self.done[key]

    def _fit(self, model: Candidate, samples: Samples, run: RunSettings, scratch: Path) -> dict[str, Any]:
        started = time.perf_counter()
        try:
            fitted = model.fit(samples, run, Job(scratch, self.device, self.progress))
        except DivergedError as error:
            return {"status": "diverged", "note": str(error)}
        seconds = round(time.perf_counter() - started, 1)
        metrics = fold_metrics(samples, fitted.predictions, run.task)
        return {"status": "done", "train_seconds": seconds, **fitted.notes, "metrics": metrics}


@contextlib.contextmanager
def results(
    keep: Path | None, crystals: CrystalFolder, device: torch.device, progress: bool
) -> Iterator[Results]:
    """Results kept in a folder, or in none, in which case nothing is left behind.

    Raises:
        InputError: the folder cannot be written to.
    """
    content = hashlib.sha256()
    for path in crystals.files:
        content.update(hashlib.sha256(path.read_bytes()).digest())
    with tempfile.TemporaryDirectory() as temporary:
        done = LineCache(keep / "results.jsonl" if keep else None)
        with contextlib.closing(done):
            yield Results(done, keep or Path(temporary), content.hexdigest(), device, progress)
