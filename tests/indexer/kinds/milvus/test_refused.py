"""What a server has that is not what was inserted, and a server that is not there: one line each."""

import signal
import time
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import CorruptIndex, IndexUnreachable
from indexer.kinds.milvus import connection
from indexer.kinds.milvus.server import MilvusServer, milvus_server
from indexer.kinds.milvus.stamp import read_collection, read_rows
from indexer.search import EntityIndex
from indexer.version import Version, read_version
from tests.milvus import own_server
from wikiclip.base.errors import WikiClipError

ROWS = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float16)


@pytest.fixture
def version(tmp_path: Path, make_version) -> Version:
    return make_version(tmp_path, ROWS, entity_of_row_N=np.arange(30) // 2, shard_rows=20)


def refused(home: Path, kind: type[WikiClipError], says: str) -> None:
    with pytest.raises(kind, match=says) as error:
        EntityIndex.open(home)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("change", ["fewer", "more", "another vector", "no partition", "no collection"])
def test_a_collection_that_was_changed_is_refused(tmp_path: Path, version: Version, server, change: str) -> None:
    EntityIndex.open(tmp_path)
    name, stamp = read_collection(version.shared).collection, read_rows(version.shards[1])
    row = {"entity": 1, "entity_id": "Q", "title": "T", "vector": np.ones(8, dtype=np.float32)}
    match change:
        case "fewer":
            server.client.delete(name, ids=[stamp.first + 3])
        case "more":
            server.client.insert(name, [{"row": stamp.first + stamp.rows, **row}], partition_name=stamp.partition)
        case "another vector":
            server.client.upsert(name, [{"row": stamp.first, **row}], partition_name=stamp.partition)
        case "no partition":
            server.client.drop_partition(name, stamp.partition)
        case _:
            server.client.drop_collection(name)
    refused(tmp_path, CorruptIndex, "(rows that were inserted|does not hold the vectors|has no row)")


def test_a_vector_that_opening_does_not_look_at_is_found_by_examining(tmp_path: Path, version: Version, server) -> None:
    stamp = read_rows(version.shards[0])
    looked_at = {each.row for each in stamp.sample}
    row = next(n for n in range(stamp.rows) if n not in looked_at)
    new = {"row": stamp.first + row, "entity": stamp.first + row // 2, "entity_id": "Q", "title": "T"}
    server.client.upsert(
        stamp.collection, [{**new, "vector": np.ones(8, dtype=np.float32)}], partition_name=stamp.partition
    )
    rows = EntityIndex.open(tmp_path).rows
    with pytest.raises(CorruptIndex, match="other vectors"):
        rows.examine()
    with pytest.raises(CorruptIndex, match="other vectors"):
        rows.kept()


def test_a_collection_that_goes_while_it_is_open_is_said(tmp_path: Path, version: Version, server) -> None:
    index = EntityIndex.open(tmp_path)
    server.client.drop_collection(read_collection(version.shared).collection)
    with pytest.raises(CorruptIndex, match="does not hold the vectors of this index"):
        index.search(ROWS[:1].astype(np.float32), 3)
    with pytest.raises(CorruptIndex, match="does not hold the vectors of this index"):
        index.vector("Q1")


def test_one_that_was_released_is_loaded_again(tmp_path: Path, version: Version, server) -> None:
    index = EntityIndex.open(tmp_path)
    before = index.search(ROWS[:3].astype(np.float32), 4)
    server.client.release_collection(read_collection(version.shared).collection)
    assert index.search(ROWS[:3].astype(np.float32), 4) == before


def test_files_of_two_indexes_do_not_go_together(tmp_path: Path, make_version, milvus: str) -> None:
    from indexer.kinds import kind_of

    one, other = make_version(tmp_path / "1", ROWS), make_version(tmp_path / "2", ROWS[::-1])
    with pytest.raises(CorruptIndex, match="do not belong together"):
        kind_of("milvus-flat").open([one.shards[0], other.shards[0]], one.shared, width=8)


def test_no_server_is_said_in_one_line(tmp_path: Path, version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WIKICLIP_MILVUS_URI")
    refused(tmp_path, WikiClipError, r"say where, with --uri or with WIKICLIP_MILVUS_URI=http://host:19530")
    monkeypatch.setenv("WIKICLIP_MILVUS_URI", "http://root:secret@127.0.0.1:9")
    refused(tmp_path, IndexUnreachable, r"^Milvus at http://127\.0\.0\.1:9 could not connect: ")
    monkeypatch.setenv("WIKICLIP_MILVUS_URI", "nonsense")
    refused(tmp_path, IndexUnreachable, "could not connect")
    monkeypatch.setenv("WIKICLIP_MILVUS_TIMEOUT_S", "soon")
    with pytest.raises(WikiClipError, match="not a number of seconds"):
        milvus_server()


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(MilvusServer("http://host:1", "root:secret"))
    assert MilvusServer("https://root:secret@host:1/db").shown == "https://host:1/db"


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back_is_used_again(tmp_path: Path, make_version, monkeypatch) -> None:
    with own_server(tmp_path / "milvus") as running:
        monkeypatch.setenv("WIKICLIP_MILVUS_URI", running.uri)
        make_version(tmp_path / "index", ROWS)
        index = EntityIndex.open(tmp_path / "index")
        before = index.search(ROWS[:3].astype(np.float32), 4)
        running.kill()
        for _ in range(2):
            with pytest.raises(IndexUnreachable, match="could not search"):
                index.search(ROWS[:3].astype(np.float32), 4)
        running.start()
        deadline = time.monotonic() + 300
        while True:  # the client tries again after a pause of its own
            try:
                assert index.search(ROWS[:3].astype(np.float32), 4) == before
                break
            except IndexUnreachable:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert read_version(tmp_path / "index").id == index.version


@pytest.mark.slow
def test_one_that_hangs_is_waited_for_once_and_then_left_alone_for_a_while(
    tmp_path: Path, make_version, monkeypatch
) -> None:
    monkeypatch.setenv("WIKICLIP_MILVUS_TIMEOUT_S", "3")
    monkeypatch.setattr(connection, "REST_S", 5.0)  # longer than a busy machine takes between two lines
    with own_server(tmp_path / "milvus") as running:
        monkeypatch.setenv("WIKICLIP_MILVUS_URI", running.uri)
        make_version(tmp_path / "index", ROWS)
        index = EntityIndex.open(tmp_path / "index")
        before = index.search(ROWS[:3].astype(np.float32), 4)
        running.process.send_signal(signal.SIGSTOP)
        with pytest.raises(IndexUnreachable, match="DEADLINE_EXCEEDED"):
            index.search(ROWS[:3].astype(np.float32), 4)
        with pytest.raises(IndexUnreachable, match="asked again soon"):  # which is said without asking
            index.search(ROWS[:3].astype(np.float32), 4)
        running.process.send_signal(signal.SIGCONT)
        time.sleep(connection.REST_S)
        assert index.search(ROWS[:3].astype(np.float32), 4) == before
