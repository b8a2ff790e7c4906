"""Slurm, as far as Snakemake leaves it to us: the jobs of a call that was stopped or killed are cancelled."""

import getpass
import hashlib
import subprocess
import time
from pathlib import Path

import yaml

from hybrid.errors import InputError
from reproduction.paths import ROOT

PATIENCE = 120  # s for cancelled jobs to end


def is_used_by(profile: Path) -> bool:
    """Whether a profile of Snakemake sends jobs to Slurm."""
    file = profile / "config.yaml"
    try:
        return bool(yaml.safe_load(file.read_text()).get("executor") == "slurm")
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise InputError(f"{file}: is no profile of Snakemake: {error}") from None


def prefix() -> str:
    """How the names of this checkout's jobs begin."""
    return f"hybrid-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]}"


def cancel_jobs() -> None:
    """Cancels this checkout's jobs and waits until they have ended, so that none writes any more.

    Raises:
        InputError: Slurm's commands are not at hand or fail, or the jobs do not end.
    """
    end = time.monotonic() + PATIENCE
    while found := _jobs():
        if time.monotonic() > end:
            raise InputError(
                f"Slurm has not ended its jobs {' '.join(found)} within {PATIENCE} s; see squeue"
            )
        _slurm("scancel", *found)
        time.sleep(1)


def _jobs() -> list[str]:
    """The ids of this checkout's jobs that wait, run or are about to end."""
    lines = _slurm("squeue", "--noheader", f"--user={getpass.getuser()}", "--format=%i %j").splitlines()
    return [line.split()[0] for line in lines if prefix() in line]


def _slurm(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise InputError(
            f"{command[0]}: is not found; a profile of Slurm needs a machine that can submit"
        ) from None
    except subprocess.CalledProcessError as error:
        raise InputError(f"{command[0]}: {error.stderr.strip() or error}") from None
    return done.stdout
