"""Training over two machines: two launchers that share no folder, as the file for Slurm starts them."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from training.data.features.sharing import Seen, expect_locks_to_reach, judge, look
from wikiclip.base.errors import WikiClipError
from wikiclip.base.locks import locked
from wikiclip.model import WikiClip

ROOT = Path(__file__).parents[2]
STEPS = 40
# Slurm's two commands, where all nodes are this machine and each has a home of its own.
SCONTROL = "#!/usr/bin/env bash\nprintf '%s\\n' 127.0.0.1 127.0.0.2\n"
SRUN = """#!/usr/bin/env bash
shift # --kill-on-bad-exit=1
for node in 0 1; do
    SLURM_NODEID=$node WIKICLIP_HOME=$HOMES/$node "$@" >"$HOMES/said-$node" 2>&1 &
done
wait -n && wait -n
"""


def options(release: Path) -> list[str]:
    files = ("--annotations", release, "--records", release / "Wiki6M_ver_1_0.jsonl", "--images", release)
    batch = ("--annotated", "4", "--own", "2", "--text-negatives", "2", "--no-report", "--save-every", "1")
    return ["--data", "oven", *map(str, files), *batch, "--steps", str(STEPS)]


def environment(**further: object) -> dict[str, str]:
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    return {**os.environ, **own, **{name: str(value) for name, value in further.items()}}


def logged(home: Path) -> list[dict[str, Any]]:
    """What each step measured, but for the time that it took."""
    path = home / "runs/tiny-oven/metrics.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [{name: value for name, value in json.loads(line).items() if name != "seconds"} for line in lines]


def job_number() -> int:
    """One whose port, by the rule of the file, is free."""
    while True:
        number = random.randrange(20_000)
        with socket.socket() as port, suppress(OSError):
            port.bind(("127.0.0.1", 20_000 + number))
            return number


def descendants(pid: int) -> list[int]:
    """All processes that a process started, and that these did."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
        except OSError:  # it ended meanwhile
            continue
    found = parents.get(pid, [])
    return [*found, *(below for one in found for below in descendants(one))]


class Slurm:
    """Runs `deploy/training/slurm.sbatch` as a job of two nodes."""

    def __init__(self, folder: Path, release: Path) -> None:
        self.homes, self._tools, self._release = folder / "homes", folder / "slurm", release
        for name, body in (("scontrol", SCONTROL), ("srun", SRUN)):
            self._tools.mkdir(exist_ok=True)
            (self._tools / name).write_text(body)
            (self._tools / name).chmod(0o755)
        self.homes.mkdir()
        self._job: subprocess.Popen[bytes] | None = None

    def start(self) -> "subprocess.Popen[bytes]":
        job = {"SLURM_JOB_NODELIST": "two", "SLURM_NNODES": 2, "SLURM_GPUS_ON_NODE": 1, "SLURM_JOB_ID": job_number()}
        path = f"{self._tools}:{os.environ['PATH']}"
        self._job = subprocess.Popen(
            ["bash", str(ROOT / "deploy/training/slurm.sbatch"), *options(self._release)],
            env=environment(PATH=path, HOMES=self.homes, WIKICLIP_PYTHON=sys.executable, **job),
        )
        return self._job

    def kill(self) -> None:
        """`kill -9` of all that runs on all nodes."""
        if self._job is not None and self._job.poll() is None:
            for one in [self._job.pid, *descendants(self._job.pid)]:
                os.kill(one, signal.SIGKILL)
            self._job.wait()

    def said(self, node: int) -> str:
        return (self.homes / f"said-{node}").read_text()


@pytest.fixture
def slurm(release: Path, tmp_path: Path) -> Iterator[Slurm]:
    slurm = Slurm(tmp_path, release)
    yield slurm
    slurm.kill()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_nodes_that_share_nothing_train_as_one_does_and_go_on_after_a_kill(
    slurm: Slurm, release: Path, tmp_path: Path
):
    job = slurm.start()
    first, second = (slurm.homes / str(node) for node in (0, 1))
    while len(logged(first)) < 3:
        assert job.poll() is None, (slurm.said(0), slurm.said(1))
        time.sleep(0.02)
    slurm.kill()
    assert len(logged(first)) < STEPS, "it was killed half-way"
    assert slurm.start().wait(timeout=500) == 0, (slurm.said(0), slurm.said(1))

    one = tmp_path / "one"
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "training.train"]
    subprocess.run(
        [sys.executable, *command, *options(release)],
        env=environment(WIKICLIP_HOME=one),
        check=True,
        capture_output=True,
        timeout=500,
    )
    assert len(logged(one)) == STEPS
    assert logged(first) == logged(one)
    made, alone = (WikiClip.load(home / "runs/tiny-oven/checkpoint") for home in (first, one))
    assert made.fingerprint == alone.fingerprint
    assert "1 of 2 nodes do not share" in slurm.said(0)
    assert not (second / "runs").exists(), "the run's folder is the first node's"
    kept = [
        {path.name for path in (home / "features").iterdir() if not path.name.startswith(".")}
        for home in (first, second, one)
    ]
    assert kept[0] == kept[1] == kept[2] != set()


def test_one_machine_is_not_looked_at(tmp_path: Path):
    expect_locks_to_reach(tmp_path / "features")
    assert not (tmp_path / "features").exists()


def test_a_lock_that_another_machine_does_not_see_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("training.processes.node", lambda: 1)
    probe = tmp_path / ".held"
    assert look(probe) == Seen(1, shared=False, taken=False)
    with locked(probe):
        assert look(probe) == Seen(1, shared=True, taken=False)
    taken = look(probe)  # nobody's lock reaches here
    assert taken == Seen(1, shared=True, taken=True)
    with pytest.raises(WikiClipError, match="but not its locks: mount it with NFS 4"):
        judge([Seen(0, shared=True, taken=False), taken], tmp_path)


def test_nodes_with_folders_of_their_own_are_told_so(capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("training.processes.nodes", lambda: 3)
    judge([Seen(0, True, False), Seen(0, True, False), Seen(1, True, False), Seen(2, False, False)], tmp_path)
    assert "1 of 3 nodes do not share" in capsys.readouterr().err
    judge([Seen(0, True, False), Seen(1, True, False)], tmp_path)
    assert capsys.readouterr().err == ""
