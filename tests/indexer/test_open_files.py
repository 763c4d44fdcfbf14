"""Files that change under an index which is open."""

import gc
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import CorruptIndex
from indexer.kinds import KINDS
from indexer.search import EntityIndex
from tests.indexer.conftest import spoil

ROWS = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)


@pytest.fixture(params=["exact-fp16", "compact-pq"])
def home(request: pytest.FixtureRequest, tmp_path: Path, make_version) -> Path:
    make_version(tmp_path, ROWS, kind=request.param, chunk_rows=20, shard_rows=20)
    return tmp_path


def served(home: Path, index: EntityIndex) -> list[Path]:
    """The files that its process has mapped, as the kernel tells."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    mapped = {line.split(maxsplit=5)[5] for line in lines if len(line.split(maxsplit=5)) == 6}
    return sorted(Path(name) for name in mapped if name.startswith(str(home / "versions" / index.version)))


def write(path: Path, content: bytes) -> None:
    """Into the file itself, and not in its place."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()


def every_way(index: EntityIndex) -> list[object]:
    return [
        lambda: index.search(ROWS[:1], 3),
        lambda: index.entity("Q3"),
        lambda: index.neighbours("Q3", 3),
        lambda: index.picture_path("Q3"),
        lambda: index.entities_titled("T"),
        lambda: index.entities_holding("text 3"),
    ]


def test_a_mapped_file_that_is_cut_off_is_refused_before_it_is_read_and_is_read_again_once_it_was_restored(home: Path):
    index = EntityIndex.open(home)
    before = index.search(ROWS[:3], 5)
    mapped = served(home, index)
    assert len(mapped) == 2 * 6, "every file that is mapped has to be looked at"
    for path in (*mapped, *sorted(home.glob("versions/*/shards/*/words.sqlite"))):
        whole = path.read_bytes()
        for content in (whole[:-1], whole[: len(whole) // 2], b"", whole + b"\0"):
            write(path, content)
            for way in every_way(index):
                with pytest.raises(CorruptIndex, match=path.name):
                    way()
            write(path, whole)
            with pytest.raises(CorruptIndex, match="restore it"):  # of the right size, and of what content?
                index.search(ROWS[:1], 3)
            index.files.examine()
            assert index.search(ROWS[:3], 5) == before


def test_other_content_of_the_same_size_is_found_by_its_checksum(home: Path):
    index = EntityIndex.open(home)
    path = served(home, index)[-1]
    whole = path.read_bytes()
    write(path, whole[:-8] + bytes(8))
    index.search(ROWS[:1], 3)
    with pytest.raises(CorruptIndex, match=path.name):
        index.files.examine()
    with pytest.raises(CorruptIndex, match=path.name):
        index.search(ROWS[:1], 3)
    write(path, whole)
    index.files.examine()
    index.search(ROWS[:1], 3)


def test_a_file_that_was_touched_removed_or_replaced_is_no_harm(home: Path):
    index = EntityIndex.open(home)
    before = index.search(ROWS[:3], 5)
    for number, path in enumerate(served(home, index)):
        if number % 3 == 0:
            os.utime(path)
        elif number % 3 == 1:
            path.unlink()
        else:
            spoil(path, b"of another program")
        index.files.examine()
        assert index.search(ROWS[:3], 5) == before


def test_one_that_was_cut_off_stays_refused_when_another_takes_its_name(home: Path):
    """The mapping is of the one that was cut off."""
    index = EntityIndex.open(home)
    path = served(home, index)[0]
    whole = path.read_bytes()
    write(path, whole[:100])
    spoil(path, whole)
    for look in (index.files.examine, *every_way(index)):
        with pytest.raises(CorruptIndex, match=path.name):
            look()
    assert EntityIndex.open(home).search(ROWS[:1], 3)


def test_an_index_that_is_let_go_closes_its_files(home: Path):
    index = EntityIndex.open(home)
    assert _open_below(home)
    del index
    gc.collect()
    assert not _open_below(home)


def _open_below(folder: Path) -> list[Path]:
    """The files below a folder that this process has open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them is closed by now
            found.append(descriptor.readlink())
    return [path for path in found if path.is_relative_to(folder.resolve())]


def test_every_kind_says_what_it_maps():
    assert all(kind.mapped for kind in KINDS.values())
