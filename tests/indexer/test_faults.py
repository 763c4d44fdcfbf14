"""A whole build, in a real process, with what can happen to it."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.kills.processes import Task, open_starter
from indexer.search import EntityIndex
from indexer.version import Version, read_version
from tests.indexer.conftest import assert_same_files

pytestmark = pytest.mark.slow

RECORDS = 2600  # a chunk and a part of one
KILLS = 6
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def write_records(path: Path, count: int) -> Path:
    lines = (
        json.dumps({"entity_id": f"e{n}", "title": f"Thing {n}", "text": f"It is {n % 97}."}) for n in range(count)
    )
    path.write_text("\n".join(lines) + "\n")
    return path


def command(records: Path, home: Path) -> list[str]:
    options = ("--kb", "jsonl", "--records", records, "--out", home, "--index", "balanced")
    return [sys.executable, "-m", "indexer.build", *map(str, options)]


def content(version: Version) -> dict[str, bytes]:
    """The ids and vectors, by file."""
    names = [name for name in version.manifest.files if name.endswith((".npy", ".arrow"))]
    assert len(names) > 5
    return {name: (version.folder / name).read_bytes() for name in names}


@pytest.mark.timeout(900)
def test_killed_at_six_moments_a_build_ends_as_an_unbroken_one(tmp_path: Path):
    records = write_records(tmp_path / "records.jsonl", RECORDS)
    home, moments = tmp_path / "index", random.Random(0)
    with open_starter() as starter:
        unbroken = starter.run(build(records, tmp_path / "unbroken"))
        assert unbroken.code == 0, unbroken.said
        whole = read_version(tmp_path / "unbroken")

        for _ in range(KILLS):
            ended = starter.run(build(records, home, seconds=moments.uniform(0, unbroken.seconds)))
            assert ended.killed or ended.code == 0, ended.said
            if (home / "CURRENT").exists():  # a build that ended before it was to be killed
                assert_same_files(content(read_version(home)), content(whole))
                shutil.rmtree(home / "versions")
                (home / "CURRENT").unlink()
        last = starter.run(build(records, home))
    assert last.code == 0, last.said
    assert_same_files(content(read_version(home)), content(whole))
    EntityIndex.open(home)
    assert not any((home / "building").iterdir())


def build(records: Path, home: Path, *, seconds: float | None = None) -> Task:
    """A build in a process of its own, killed after so many seconds."""
    module, *arguments = command(records, home)[2:]
    return Task(module=module, arguments=arguments, home=home, log=home.with_name(f"{home.name}.log"), seconds=seconds)


FULL_DISK = """
set -eu
mount -t tmpfs -o size=16m none "$HOME_OF_INDEX"
$SMALL
cp "$HOME_OF_INDEX/CURRENT" "$RESULT/before"
if $LARGE 2> "$RESULT/said"; then exit 9; fi
df --output=avail "$HOME_OF_INDEX" | tail -1 > "$RESULT/left"
$VERIFY
cp "$HOME_OF_INDEX/CURRENT" "$RESULT/after"
"""


@pytest.mark.timeout(600)
def test_a_full_disk_is_one_line_and_the_old_version_stays(tmp_path: Path):
    """On a small file system of its own, which only a mount namespace of its own sees."""
    spaces = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*spaces, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount in a namespace of their own")
    home = tmp_path / "index"
    home.mkdir()
    small = command(write_records(tmp_path / "small.jsonl", 30), home)
    large = command(write_records(tmp_path / "large.jsonl", RECORDS), home)
    fill = f"head -c 14500000 /dev/zero > {home}/ballast"
    done = subprocess.run(
        [*spaces, "bash", "-c", FULL_DISK.replace("$LARGE", "{ " + fill + "; $LARGE; }")],
        env={
            **ENVIRONMENT,
            "HOME_OF_INDEX": str(home),
            "RESULT": str(tmp_path),
            "SMALL": " ".join(small),
            "LARGE": " ".join(large),
            "VERIFY": f"{sys.executable} -m indexer.versions verify --out {home}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    said = (tmp_path / "said").read_text() if (tmp_path / "said").exists() else ""
    assert done.returncode == 0, done.stderr + said
    assert "is whole" in done.stdout
    assert (tmp_path / "after").read_text() == (tmp_path / "before").read_text()
    last = said.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    assert "space" in last or "disk" in last or "written" in last
    assert "Traceback" not in said
