"""The files of a published version are read-only, and nothing that works with versions needs to write to them."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexer.search import EntityIndex
from indexer.version import Version, read_version, version_ids
from tests.conftest import WITHOUT_PRIVILEGES

ROWS = np.eye(6, 16, dtype=np.float32)


def may_write(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def files(version: Version) -> list[Path]:
    return [path for path in version.folder.rglob("*") if path.is_file()]


def test_files_of_a_version_are_read_only_and_folders_are_not(tmp_path: Path, make_version):
    version = make_version(tmp_path, ROWS)
    assert len(files(version)) > len(version.manifest.files)
    assert not any(may_write(path) for path in files(version))
    assert all(may_write(path) for path in [version.folder, *version.folder.rglob("*/")])
    assert may_write(tmp_path / "CURRENT")


def test_who_could_not_read_a_file_still_cannot(tmp_path: Path, make_version):
    before = os.umask(0o077)
    try:
        version = make_version(tmp_path, ROWS)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(version)} == {0o400}


# Every command there is, in one process, and a version of a program that left files writable.
LIFE = """
import sys
from pathlib import Path
from typer.testing import CliRunner
from indexer import build, update, versions
from indexer.version import read_version

home, birds, checkpoint, changes = sys.argv[1:]

def run(app, *arguments):
    done = CliRunner().invoke(app, [*arguments, "--out", home])
    if done.exception is not None:
        raise done.exception
    return read_version(Path(home))

built = ("--kb", "jsonl", "--records", birds, "--model", checkpoint)
older = run(build.app, *built)
try:
    (older.folder / "manifest.json").open("r+b")
except PermissionError:
    pass
else:
    sys.exit("this process may write whatever it likes")
for path in older.folder.rglob("*"):
    path.chmod(path.stat().st_mode | 0o200)
run(build.app, *built, "--index", "compact-pq")  # links the older version's files
run(update.app, "--records", changes, "--images", str(Path(birds).parent), "--model", checkpoint)
run(update.app, "--records", changes, "--images", str(Path(birds).parent), "--model", checkpoint)
run(versions.app, "verify")
run(versions.app, "rollback")
run(build.app, *built, "--force", "--index", "balanced")
run(versions.app, "prune", "--keep", "1", "--unfinished")
"""


def unprivileged(script: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [*WITHOUT_PRIVILEGES, sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_whoever_may_not_write_to_them_builds_updates_rolls_back_and_prunes(
    birds: Path, checkpoint: Path, tmp_path: Path
):
    home, changes = tmp_path / "index", tmp_path / "changes.jsonl"
    changes.write_text('{"entity_id": "new", "title": "Bittern", "text": "Booms in the reeds."}\n')
    done = unprivileged(LIFE, home, birds, checkpoint, changes)
    assert done.returncode == 0, done.stderr
    assert len(version_ids(home)) == 2
    assert len(list((home / "versions").iterdir())) == 2
    for name in version_ids(home):
        version = read_version(home, name)
        version.verify()
        assert not any(may_write(path) for path in files(version))
    assert EntityIndex.open(home).manifest.kind == "balanced-sq8"


BUILD = """
import os, signal, sys
from indexer import build, version

home, birds, checkpoint, ends = sys.argv[1:]
if ends == "killed":
    version.publish_folder = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
sys.argv[1:] = ["--kb", "jsonl", "--records", birds, "--model", checkpoint, "--out", home]
build.app()
"""


@pytest.mark.slow
def test_a_build_that_was_killed_once_its_files_were_read_only_goes_on(birds: Path, checkpoint: Path, tmp_path: Path):
    home = tmp_path / "index"
    assert unprivileged(BUILD, home, birds, checkpoint, "killed").returncode == -signal.SIGKILL
    left = [path for path in (home / "building").rglob("problems.jsonl") if not may_write(path)]
    assert len(left) == 1
    done = unprivileged(BUILD, home, birds, checkpoint, "whole")
    assert done.returncode == 0, done.stderr
    assert len(EntityIndex.open(home)) == 5
    assert list((home / "building").iterdir()) == []
