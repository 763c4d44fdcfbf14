"""The command line that looks after versions."""

import shutil
from datetime import datetime
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from typer.testing import CliRunner

from indexer.errors import CorruptIndex, IndexBusy, NoIndex
from indexer.search import EntityIndex
from indexer.version import only_builder, read_version, unpublished_ids, version_ids
from indexer.versions import app
from tests.indexer.conftest import published_as, spoil
from wikiclip.base.errors import WikiClipError

ROWS = np.eye(12, 16, dtype=np.float32)


@pytest.fixture
def home(tmp_path: Path, make_version) -> Path:
    for entities in (12, 9, 4):
        make_version(tmp_path, ROWS[:entities])
    return tmp_path


def command(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--out", str(home)])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_lists_the_newest_first_and_marks_the_current(home: Path):
    ids = version_ids(home)
    assert len(ids) == 3
    lines = [line for line in command(home, "list").splitlines() if any(name in line for name in ids)]
    assert [next(name for name in ids if name in line) for line in lines] == ids
    assert ["*" in line for line in lines] == [True, False, False]
    assert [f" {entities} " in line for line, entities in zip(lines, (4, 9, 12), strict=True)] == [True] * 3


def test_a_version_that_follows_links_is_told_from_others(tmp_path: Path, make_version):
    for follow_links in (False, True):
        make_version(tmp_path, ROWS, follow_links=follow_links)
    newest, oldest = version_ids(tmp_path)
    lines = command(tmp_path, "list").splitlines()
    assert ["follows links" in line for name in (newest, oldest) for line in lines if name in line] == [True, False]


def test_versions_follow_their_publication_and_no_clock(
    tmp_path: Path, make_version, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = []
    for year, entities in ((2030, 12), (2020, 9), (2025, 4)):
        clock = Mock(now=lambda zone, year=year: datetime(year, 1, 1, tzinfo=zone))
        monkeypatch.setattr("indexer.version.datetime", clock)
        published.append(make_version(tmp_path, ROWS[:entities]).id)
    first, second, third = published
    assert sorted(published) != published
    assert version_ids(tmp_path) == [third, second, first]
    command(tmp_path, "rollback")
    assert read_version(tmp_path).id == second
    command(tmp_path, "rollback")
    assert read_version(tmp_path).id == first
    with pytest.raises(NoIndex, match="older"):
        command(tmp_path, "rollback")
    command(tmp_path, "rollback", third)
    command(tmp_path, "prune", "--keep", "1")
    assert version_ids(tmp_path) == [third, second]
    (tmp_path / "PUBLISHED").unlink()  # as before it was kept: the names tell
    assert version_ids(tmp_path) == sorted([third, second], reverse=True)


def test_a_damaged_version_is_listed_and_fails_verification(home: Path):
    newest, middle, oldest = version_ids(home)
    manifest = home / "versions" / middle / "manifest.json"
    spoil(manifest, manifest.read_bytes() + b" ")
    assert "damaged" in command(home, "list")
    assert "is whole" in command(home, "verify")
    assert oldest in command(home, "verify", oldest)
    with pytest.raises(CorruptIndex, match="manifest"):
        command(home, "verify", middle)
    with pytest.raises(CorruptIndex):
        command(home, "rollback")
    assert read_version(home).id == newest, "what is not whole does not become current"


@pytest.mark.parametrize("seed", range(5))
def test_a_flipped_bit_in_a_shard_fails_verification_and_rollback(home: Path, seed: int):
    random = np.random.default_rng(seed)
    middle = version_ids(home)[1]
    files = [path for path in (home / "versions" / middle / "shards").rglob("*") if path.is_file()]
    path = files[random.integers(len(files))]
    content = bytearray(path.read_bytes())
    content[random.integers(len(content))] ^= 1 << int(random.integers(8))
    spoil(path, content)
    for name in ("verify", "rollback"):
        with pytest.raises(CorruptIndex, match=path.name):
            command(home, name, middle)


def test_a_version_of_a_kind_that_is_gone_is_listed_and_says_how_to_make_it_anew(home: Path):
    newest = read_version(home)
    gone = published_as("balanced-pq", newest, home)
    listed = next(line for line in command(home, "list").splitlines() if gone.id in line)
    assert "balanced-pq" in listed
    for arguments in (("verify",), ("rollback", gone.id)):
        with pytest.raises(WikiClipError, match=r"balanced-pq is gone: .* --index balanced`"):
            command(home, *arguments)
    assert newest.id in command(home, "rollback")
    assert read_version(home).id == newest.id


def test_goes_back_a_version_at_a_time_and_to_a_named_one(home: Path):
    newest, middle, oldest = version_ids(home)
    assert middle in command(home, "rollback")
    assert len(EntityIndex.open(home)) == 9
    command(home, "rollback")
    assert read_version(home).id == oldest
    with pytest.raises(NoIndex, match="no version older"):
        command(home, "rollback")
    command(home, "rollback", newest)
    assert len(EntityIndex.open(home)) == 4
    with pytest.raises(NoIndex):
        command(home, "rollback", "20250101t000000000000-0000000000000000")


def test_prunes_the_oldest_and_never_the_current(home: Path):
    newest, middle, oldest = version_ids(home)
    command(home, "rollback", oldest)
    opened = EntityIndex.open(home, version=middle)
    (home / "building" / "left").mkdir(parents=True)
    command(home, "prune", "--keep", "1")
    assert version_ids(home) == [newest, oldest]
    assert (home / "building" / "left").is_dir()
    assert len(opened.search(ROWS[:2], 3)[0]) == 3, "who has it open keeps it"
    shutil.copytree(
        home / "versions" / oldest, home / "versions" / f"20250101t000000000000-{'0' * 16}"
    )  # not published
    command(home, "prune", "--keep", "0")
    assert len(unpublished_ids(home)) == 1
    command(home, "prune", "--keep", "0", "--unfinished")
    assert unpublished_ids(home) == []
    assert version_ids(home) == [oldest]
    assert not (home / "building").exists()
    assert len(EntityIndex.open(home)) == 12


def test_a_prune_that_was_cut_off_is_finished_by_the_next(home: Path):
    oldest = home / "versions" / version_ids(home)[2]
    half = oldest.rename(oldest.with_name(f".{oldest.name}.removed"))
    shutil.rmtree(half / "shards")
    assert len(version_ids(home)) == 2
    command(home, "prune")
    assert not half.exists()
    assert len(version_ids(home)) == 2


def test_nothing_is_changed_while_another_process_builds(home: Path):
    before = read_version(home).id
    with only_builder(home):
        for name in ("rollback", "prune"):
            with pytest.raises(IndexBusy):
                command(home, name)
        assert "*" in command(home, "list")
    assert read_version(home).id == before
    assert len(version_ids(home)) == 3
