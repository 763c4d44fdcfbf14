"""Two processes of `torchrun` fill one folder of features: each computes some, and nothing shows which."""

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from wikiclip.model import WikiClip

# The command itself, with stretches so small that a small release has several, and slow enough that both get some.
CHILD = """
import os, sys, time
from pathlib import Path
from training import processes
from training.data.features import cache
from training.train import app
cache.STRETCH = 2
compute = cache.Features._compute
def noted(features, number, bar):
    time.sleep(0.3)
    compute(features, number, bar)
    with (Path(os.environ["WIKICLIP_HOME"]) / f"computed-{processes.number()}").open("a") as file:
        file.write(f"{features.name} {number}\\n")
cache.Features._compute = noted
app(sys.argv[1:])
"""


def train(home: Path, release: Path, *launcher: str) -> dict[str, bytes]:
    """Trains in a home of its own; returns the kept features."""
    files = ("--annotations", str(release), "--records", str(release / "Wiki6M_ver_1_0.jsonl"), "--images")
    batch = ("--steps", "2", "--annotated", "4", "--own", "2", "--text-negatives", "2", "--no-report")
    command = [*launcher, sys.executable, "-c", CHILD, "--data", "oven", *files, str(release), *batch]
    environment = {"OMP_NUM_THREADS": "1", "WIKICLIP_HOME": str(home), "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    home.mkdir()
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=240)
    assert ended.returncode == 0, ended.stderr
    WikiClip.load(home / "runs/tiny-oven/checkpoint")
    kept = home / "features"
    return {str(path.relative_to(kept)): path.read_bytes() for path in kept.rglob("*") if path.suffix in VALUES}


VALUES = {".values", ".ends", ".json"}


def computed(home: Path) -> dict[str, list[tuple[int, int]]]:
    """Which process computed which stretch of which features."""
    found = defaultdict(list)
    for path in sorted(home.glob("computed-*")):
        for line in path.read_text().splitlines():
            name, number = line.split()
            found[name].append((int(number), int(path.name.removeprefix("computed-"))))
    return found


@pytest.mark.slow
def test_two_processes_share_the_work_and_leave_the_bytes_of_one(release: Path, tmp_path: Path) -> None:
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python")
    one = train(tmp_path / "one", release)
    two = train(tmp_path / "two", release, *torchrun)
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []
    shared = computed(tmp_path / "two")
    assert {name: len(numbers) for name, numbers in shared.items()} == {
        "texts-oven": 3, "pictures-oven": 2, "mentions-oven-train": 6,
    }  # fmt: skip
    for numbers in shared.values():
        assert sorted(number for number, _ in numbers) == list(range(len(numbers))), "each is computed once"
        assert {process for _, process in numbers} == {0, 1}
