"""A pull that is killed at any moment goes on, and ends as one that was not."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.version import Version, read_version
from tests.indexer.bundles import pulling
from tests.indexer.bundles.conftest import TINY, held, made, push
from wikiclip.checkpoint import checkpoint_folder, fingerprint_of

MB = 1_000_000


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return made(tmp_path / "here", {f"shards/00000/{n}.bin": random.Random(n).randbytes(MB * n) for n in range(1, 6)})


def run(remote: Path, moments: list[tuple[Path, str]]) -> list[str]:
    """What the processes said."""
    command = [sys.executable, pulling.__file__, str(remote), *(str(each) for moment in moments for each in moment)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    assert len(said) == len(moments)
    return said


def expect_whole(home: Path, version: Version) -> None:
    pulled = read_version(home)
    assert held(pulled) == held(version)
    assert sorted(path.name for path in (home / "pulling").iterdir()) == ["LOCK"]
    assert fingerprint_of(home.parent / "var" / "checkpoints" / TINY) == TINY


@pytest.mark.slow
def test_a_transfer_that_is_killed_ten_times_goes_on(tmp_path: Path, version: Version) -> None:
    push(tmp_path / "remote", version)
    whole = sum(stamp.size for stamp in version.manifest.files.values())
    whole += sum(path.stat().st_size for path in checkpoint_folder("tiny").glob("[cm]*"))
    moments = [int(whole * (n + 0.5) / 11) for n in range(10)]
    home = tmp_path / "home"
    said = run(tmp_path / "remote", [*((home, f"bytes {moment}") for moment in moments), (home, "none")])
    assert said[:-1] == ["killed"] * 10
    assert int(said[-1].split()[0]) <= whole - moments[-1], "what lay there was not fetched again"
    expect_whole(tmp_path / "home", version)


@pytest.mark.slow
def test_a_pull_that_is_killed_at_any_of_its_steps_goes_on(tmp_path: Path, version: Version) -> None:
    """Between any two changes to the disk, those of the publication among them."""
    push(tmp_path / "remote", version)
    (said,) = run(tmp_path / "remote", [(tmp_path / "counted" / "home", "none")])
    steps = int(said.split()[1])
    assert steps > 40
    chosen = [*sorted(random.Random(0).sample(range(1, steps - 15), 8)), *range(steps - 15, steps)]
    homes = [tmp_path / str(step) / "home" for step in chosen]
    moments = [(home, f"step {step}") for home, step in zip(homes, chosen, strict=True)]
    said_each = run(tmp_path / "remote", [(home, each) for home, step in moments for each in (step, "none")])
    for home, first, last in zip(homes, said_each[::2], said_each[1::2], strict=True):
        assert first == "killed", home
        assert int(last.split()[0]) >= 0
        expect_whole(home, version)
