"""The workflow on a cluster: a Slurm of one node, started on this machine, and what happens to jobs there."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reproduction.paths import ROOT

pytestmark = pytest.mark.slow
CONFIGURATION = Path("/etc/slurm/slurm.conf")  # Snakemake's jobs see no other
NOT_COMPARED = {"train_seconds", "device"}
SLURM = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthInfo=socket={state}/munge.socket
StateSaveLocation={state}/controller
SlurmdSpoolDir={state}/node
SlurmctldPidFile={state}/controller.pid
SlurmdPidFile={state}/node.pid
SlurmctldPort=26817
SlurmdPort=26818
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={state}/finished.txt
SchedulerParameters=sched_interval=1,bf_interval=1
ReturnToService=2
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=12000 State=UNKNOWN
PartitionName=batch Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def queue() -> dict[str, str]:
    """The states of all jobs by number."""
    return dict(line.split() for line in output("squeue", "--noheader", "--format=%i %T").splitlines())


def wait_for(what: Callable[[], Any], seconds: float = 300) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"after {seconds} s: {queue()}"
        time.sleep(0.3)
    return found


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a Slurm that is up, with the list of finished jobs."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    if missing := [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if not shutil.which(name)]:
        pytest.skip(f"{', '.join(missing)} not installed: apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("Slurm's daemons are started as root")
    if CONFIGURATION.exists():
        pytest.skip(f"{CONFIGURATION} exists: this machine has a Slurm of its own")
    state = tmp_path_factory.mktemp("slurm")
    (state / "munge.key").write_bytes(os.urandom(128))
    (state / "munge.key").chmod(0o600)
    munge = [f"--{what}={state}/munge.{what.split('-')[0]}" for what in ("key-file", "socket", "pid-file")]
    munge += [f"--{what}-file={state}/munge.{what}" for what in ("log", "seed")]
    for folder in (state, state.parent, state.parent.parent):
        folder.chmod(0o755)
    CONFIGURATION.write_text(SLURM.format(host=socket.gethostname().split(".")[0], state=state))
    for folder in ("controller", "node"):
        (state / folder).mkdir()
    daemons = []
    try:
        for daemon in (["munged", "--foreground", "--force", *munge], ["slurmctld", "-D"], ["slurmd", "-D"]):
            log = (state / f"{daemon[0]}.log").open("w")
            daemons.append(subprocess.Popen(daemon, stdout=log, stderr=log))
            time.sleep(1)
        wait_for(lambda: "idle" in output("sinfo", "--noheader", "--format=%T"), 60)
        yield state
    finally:
        output("scancel", f"--user={os.getuid()}")
        for process in reversed(daemons):
            process.terminate()
            process.wait(60)
        CONFIGURATION.unlink()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "reproduction", folder / "reproduction")
    (folder / "vendor").symlink_to(ROOT / "vendor")
    (folder / "datasets").mkdir()
    shutil.copy(ROOT / "datasets" / "files.toml", folder / "datasets")
    return folder


def profile(folder: Path, **training: Any) -> str:
    """The profile of Slurm, which looks at its jobs more often, with other resources of training."""
    written = yaml.safe_load((ROOT / "reproduction/workflow/profiles/slurm/config.yaml").read_text())
    written |= {"slurm-init-seconds-before-status-checks": 3, "slurm-status-command": "squeue"}
    written["set-resources"]["train"] |= training
    written["set-threads"] |= {"dataset": 2, "descriptors": 2}
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(written))
    return str(folder)


def reproduce(checkout: Path, target: str, *how: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "reproduction", "reproduce", target, "--scale", "smoke", *how]
    environment = {**os.environ, "PYTHONPATH": f"{checkout}{os.pathsep}{ROOT}"}
    with (checkout / "log").open("a") as log:
        return subprocess.Popen(command, cwd=checkout, env=environment, stdout=log, stderr=log)


def rows(checkout: Path, target: str) -> list[dict]:
    """A record's rows without machine and time; the results are removed."""
    results = checkout / "results"
    found = json.loads((results / "smoke" / f"{target}.json").read_text())["rows"]
    shutil.rmtree(results)
    return [{key: value for key, value in row.items() if key not in NOT_COMPARED} for row in found]


def finished(slurm: Path, state: str) -> int:
    file = slurm / "finished.txt"
    return file.read_text().count(f"JobState={state}") if file.exists() else 0


def test_a_killed_stopped_and_starved_workflow_ends_as_one_machine_does(
    slurm: Path, checkout: Path, tmp_path: Path
) -> None:
    """The client is killed; it is stopped; a job is cancelled; jobs want more memory than they have."""
    assert reproduce(checkout, "figureS3", "--cores", "1").wait() == 0
    local = rows(checkout, "figureS3")
    assert [row["status"] for row in local] == ["done"] * 8
    on_slurm = ["--job-minutes", "2", "--profile", profile(tmp_path / "profile", mem_mb=3000)]

    client = reproduce(checkout, "figureS3", *on_slurm)
    first = wait_for(lambda: "RUNNING" in queue().values() and queue())
    (workflow,) = output("pgrep", "--parent", str(client.pid)).split()
    os.kill(client.pid, signal.SIGKILL)
    os.killpg(int(workflow), signal.SIGKILL)
    client.wait()
    assert queue()  # they go on without it

    client = reproduce(checkout, "figureS3", *on_slurm)
    second = wait_for(lambda: "RUNNING" in queue().values() and not queue().keys() & first.keys() and queue())
    running = next(number for number, state in second.items() if state == "RUNNING")
    output("scancel", running)
    wait_for(lambda: max(map(int, queue()), default=0) > max(map(int, second)))  # it is submitted again
    client.terminate()
    assert client.wait(120) != 0
    assert queue() == {}

    starved = profile(tmp_path / "starved", mem_mb="150 if attempt == 1 else 3000")
    client = reproduce(checkout, "figureS3", "--job-minutes", "2", "--profile", starved)
    assert client.wait(900) == 0, (checkout / "log").read_text()[-3000:]
    logs = (checkout / "build" / "slurm").rglob("*.log")
    assert any("Exceeded job memory limit" in log.read_text() for log in logs)
    assert finished(slurm, "CANCELLED") > 0
    assert rows(checkout, "figureS3") == local
    assert queue() == {}


@pytest.mark.skipif("HYBRID_DATA" not in os.environ, reason="needs real crystals")
def test_a_table_with_measurements_is_the_same(slurm: Path, checkout: Path, tmp_path: Path) -> None:
    """A job for the data set, one for its descriptors, one for all runs and measurements of their models."""
    assert reproduce(checkout, "supercells", "--cores", "1").wait() == 0
    local = rows(checkout, "supercells")
    assert {row["status"] for row in local} == {"done"}
    shutil.rmtree(checkout / "datasets" / "phonon-cv")
    (checkout / "datasets" / ".hybrid" / "descriptors.jsonl").unlink()
    before = finished(slurm, "COMPLETED")
    assert reproduce(checkout, "supercells", "--profile", profile(tmp_path / "profile")).wait(900) == 0
    assert finished(slurm, "COMPLETED") == before + 3
    assert rows(checkout, "supercells") == local
    assert queue() == {}
