import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from indexer.embedding.chunks import Chunk, stored_chunk
from indexer.embedding.plan import Plan, open_workshop
from indexer.errors import CorruptIndex, NoIndex, WrongModel
from indexer.kb.record import Entity
from indexer.manifest import MANIFEST
from indexer.search import EntityIndex
from indexer.version import Version, make_current, newest, publish, read_version, unpublished_ids, version_ids
from tests.indexer.conftest import spoil

ROWS = np.eye(12, 16, dtype=np.float32)


@pytest.fixture(scope="module")
def home(tmp_path_factory, make_version) -> Path:
    home = tmp_path_factory.mktemp("home")
    make_version(home, ROWS, chunk_rows=5)
    return home


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    return shutil.copytree(home, tmp_path / "copy")


def files(home: Path) -> list[Path]:
    return [path for path in (home / "versions").rglob("*") if path.is_file()]


def test_the_manifest_says_what_the_version_is(home: Path):
    version = read_version(home)
    manifest = version.manifest
    assert (home / "CURRENT").read_text().strip() == version.id
    assert manifest.knowledge_base == "test"
    assert (manifest.model.name, manifest.model.fingerprint) == ("tiny", "f" * 64)
    assert (manifest.dimension, manifest.metric, manifest.kind) == (16, "inner_product", "exact-fp16")
    assert manifest.counts.model_dump() == {"entities": 12, "deleted": 0, "rows": 12, "problems": 0}
    assert [shard.folder for shard in manifest.shards] == ["shards/00000", "shards/00001", "shards/00002"]
    assert [(shard.entities, shard.rows) for shard in manifest.shards] == [(5, 5), (5, 5), (2, 2)]
    assert manifest.parent is None
    held = {path.relative_to(version.folder).as_posix() for path in files(home)}
    assert held == {*manifest.files, MANIFEST}


def test_another_checkpoint_is_refused_and_both_are_named(home: Path):
    EntityIndex.open(home, fingerprint="f" * 64)
    with pytest.raises(WrongModel) as error:
        EntityIndex.open(home, fingerprint="0" * 64)
    assert "f" * 64 in str(error.value)
    assert "0" * 64 in str(error.value)


def test_an_older_version_stays_and_can_be_opened_by_name(copy: Path, make_version):
    old = read_version(copy)
    new = make_version(copy, ROWS[:5], fingerprint="0" * 64)
    assert EntityIndex.open(copy).version == new.id != old.id
    assert EntityIndex.open(copy, version=old.id, fingerprint="f" * 64).version == old.id


@pytest.mark.parametrize("name", ["", "..", "../versions", "20250101t000000000000-0000000000000000", "a\0b"])
def test_a_version_that_is_not_there_is_no_index(copy: Path, name: str):
    with pytest.raises(NoIndex, match=r"indexer\.build"):
        EntityIndex.open(copy, version=name)
    (copy / "CURRENT").write_text(name)
    with pytest.raises(NoIndex, match=r"indexer\.build"):
        EntityIndex.open(copy)


def test_an_empty_folder_is_no_index(tmp_path: Path):
    with pytest.raises(NoIndex, match=r"indexer\.build"):
        EntityIndex.open(tmp_path)


def test_a_pointer_of_bytes_that_are_no_text_is_corrupt(copy: Path):
    (copy / "CURRENT").write_bytes(b"\xff\xfe")
    with pytest.raises(CorruptIndex, match="CURRENT"):
        EntityIndex.open(copy)


@pytest.mark.parametrize("name", ["CURRENT", "manifest.json"])
@pytest.mark.parametrize("harm", ["a pipe", "a device", "a folder"])
def test_what_is_no_file_is_corrupt_and_keeps_nobody_waiting(copy: Path, name: str, harm: str):
    path = copy / name if name == "CURRENT" else read_version(copy).folder / name
    path.unlink()
    if harm == "a pipe":
        os.mkfifo(path)
    elif harm == "a device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(CorruptIndex, match=name):
        read_version(copy)


def test_a_flipped_bit_in_any_file_is_refused(home: Path, tmp_path: Path):
    random = np.random.default_rng(0)
    for number, original in enumerate(files(home)):
        copy = shutil.copytree(home, tmp_path / str(number))
        path = copy / original.relative_to(home)
        content = bytearray(path.read_bytes() or b"\0")
        content[random.integers(len(content))] ^= 1 << int(random.integers(8))
        spoil(path, content)
        with pytest.raises(CorruptIndex, match=re.escape(path.name)):
            EntityIndex.open(copy)


def test_a_file_that_is_cut_off_or_gone_is_refused(home: Path, tmp_path: Path):
    for number, original in enumerate(files(home)):
        for change in ("cut", "gone"):
            copy = shutil.copytree(home, tmp_path / f"{number}-{change}")
            path = copy / original.relative_to(home)
            if change == "gone":
                path.unlink()
            elif path.stat().st_size:
                spoil(path, path.read_bytes()[:-1])
            else:
                continue
            with pytest.raises(CorruptIndex, match=re.escape(path.name)):
                EntityIndex.open(copy)


# For each number on its input: a child that publishes, and kills itself before its step of that number on the disk. It
# begins anew; for a number below zero it goes on with what the last one left, and lives.
FAULTY_PUBLISHER = """
import os, shutil, signal, sys
from pathlib import Path

from indexer.assemble import assemble
from indexer.kinds import kind_of
from indexer.embedding.plan import Plan, open_workshop
from indexer.version import publish

home, plan = Path(sys.argv[1]), Plan(**eval(sys.argv[2]))

def dies_before(function):
    def call(*args, **kwargs):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return function(*args, **kwargs)
    return call

os.fsync, Path.rename, Path.replace, Path.mkdir = map(dies_before, (os.fsync, Path.rename, Path.replace, Path.mkdir))
for line in sys.stdin:
    left, step = 1000, int(line)
    workshop = open_workshop(plan, home)
    if step >= 0:
        shutil.rmtree(workshop / "version-exact-fp16-texts", ignore_errors=True)
        left = step
    child = os.fork()
    if child == 0:
        publish(*assemble(workshop, 2, plan, kind_of("exact-fp16")), home)
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def test_a_crash_between_any_two_steps_leaves_a_whole_version_current_and_the_next_attempt_ends(
    tmp_path: Path, make_version
):
    """The process kills itself before its n-th step on the disk, for every n."""
    old = make_version(tmp_path, ROWS)
    plan = Plan(
        knowledge_base="new", records="r", image_root=None, model_name="tiny", model_fingerprint="0" * 64, dimension=16
    )
    workshop = open_workshop(plan, tmp_path)
    for number in range(2):
        entities = [Entity(entity_id=f"N{3 * number + n}", title="T", text="") for n in range(3)]
        rows_NM = np.eye(3, 16, k=3 * number, dtype=np.float16)
        chunk = Chunk(entities=entities, vectors_NM=rows_NM, entity_of_row_N=np.arange(3, dtype=np.uint32), problems=())
        stored_chunk(workshop, number).write(chunk)

    command = [sys.executable, "-c", FAULTY_PUBLISHER, str(tmp_path), repr(asdict(plan))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as publisher:
        assert publisher.stdin is not None
        assert publisher.stdout is not None

        def publish_until(step: int) -> tuple[int, str]:
            """How it ended, and which version is current and finds what it holds."""
            print(step, file=publisher.stdin, flush=True)
            status = int(publisher.stdout.readline())
            index = EntityIndex.open(tmp_path)
            (candidates,) = index.search(np.eye(1, 16, k=4, dtype=np.float32), 1)
            assert candidates[0].entity.entity_id == ("Q4" if index.version == old.id else "N4")
            return status, index.version

        for step in range(100):
            status, current = publish_until(step)
            assert version_ids(tmp_path) == ([old.id] if current == old.id else [current, old.id])
            if status == 0:
                break
            assert status == signal.SIGKILL
            status, current = publish_until(-1)
            assert (status, current != old.id) == (0, True)
            assert version_ids(tmp_path)[0] == current
            make_current(old, tmp_path)
            for name in {*version_ids(tmp_path), *unpublished_ids(tmp_path)} - {old.id}:
                shutil.rmtree(tmp_path / "versions" / name)
    assert status == 0
    assert step > 15
    assert current != old.id


def test_a_version_is_published_by_the_pointer(copy: Path, monkeypatch: pytest.MonkeyPatch):
    """A publication that is cut off before that leaves a whole folder which is listed nowhere, and can be finished."""
    old, filled = read_version(copy), copy / "building" / "filled"

    def cut_off(version: Version, home: Path) -> None:
        raise InterruptedError

    shutil.copytree(old.folder, filled)
    monkeypatch.setattr("indexer.version.make_current", cut_off)
    with pytest.raises(InterruptedError):
        publish(filled, old.manifest.model_copy(update={"plan": "new"}), copy)
    assert version_ids(copy) == [old.id]
    (left,) = unpublished_ids(copy)
    found = newest(copy, lambda version: version.manifest.plan == "new")
    assert found is not None
    assert found.id == left
    make_current(found, copy)
    assert (read_version(copy).id, version_ids(copy), unpublished_ids(copy)) == (left, [left, old.id], [])


def test_a_version_whose_publisher_died_after_the_pointer_stays_listed(copy: Path, make_version):
    old = read_version(copy)
    new = make_version(copy, ROWS[:5])
    (copy / "PUBLISHED").write_text(f"{old.id}\n")
    assert version_ids(copy) == [new.id, old.id]
    make_current(old, copy)
    assert version_ids(copy) == [new.id, old.id]
