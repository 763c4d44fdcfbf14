"""Builds into Milvus by the command that users run, killed at every step, and what becomes of the collections."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from indexer.build import app as build_app
from indexer.building import make as making
from indexer.building.choice import Backend, Choice
from indexer.building.make import made_before, make
from indexer.embedding.executors import local
from indexer.embedding.plan import Plan, open_workshop
from indexer.errors import CorruptIndex, IndexUnreachable
from indexer.kb.record import Entity
from indexer.kinds.milvus.connection import Connection, connected
from indexer.kinds.milvus.server import MilvusServer
from indexer.kinds.milvus.stamp import read_collection
from indexer.kinds.milvus.upkeep import follow_with_alias
from indexer.search import EntityIndex
from indexer.update import app as update_app
from indexer.version import make_current, read_version, version_ids
from indexer.versions import app as versions_app
from tests.indexer.conftest import write_chunks
from tests.milvus import OwnServer
from wikiclip.base.errors import WikiClipError

ALIAS = "wikiclip_current"
ROOT = Path(__file__).parents[4]
KILLED = """
import os, signal, sys
from importlib import import_module
from pathlib import Path
module, name, when, uri, home, workshop, chunks = sys.argv[1:]
module = import_module(module)
real = getattr(module, name)
def last(*arguments, **options):
    if when == "after":
        real(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(module, name, last)
from tests.indexer.kinds.milvus.test_building import publish_there
publish_there(Path(home), Path(workshop), int(chunks), uri)
"""
COLLECTION = "indexer.kinds.milvus.collection"
# In the order in which a build comes by.
STEPS = [
    (COLLECTION, "create_collection", "after"),
    (COLLECTION, "_insert", "after"),
    (COLLECTION, "fill_partition", "after"),
    ("indexer.version", "publish_folder", "before"),
    ("indexer.version", "make_current", "before"),
    (COLLECTION, "point_alias", "before"),
]


class Killed(BaseException):
    """What a test stops a build with."""


@pytest.fixture
def server(milvus: str) -> Connection:
    """The embedded server, without an alias."""
    found = connected(MilvusServer(milvus))
    if ALIAS in found.client.list_aliases()["aliases"]:
        found.client.drop_alias(ALIAS)
    return found


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., str]:
    def run(app: object, *arguments: object) -> str:
        done = CliRunner().invoke(app, [*map(str, arguments), "--out", str(tmp_path / "index")])
        if done.exception is not None:
            raise done.exception
        return done.output

    return run


@pytest.fixture
def arguments(birds: Path, checkpoint: Path) -> list[object]:
    return ["--kb", "jsonl", "--records", birds, "--images", birds.parent, "--model", checkpoint, "--device", "cpu"]


def aliased(server: Connection) -> str:
    return str(server.client.describe_alias(ALIAS)["collection_name"])


def collection_of(home: Path) -> str:
    return read_collection(read_version(home).shared).collection


def test_a_build_embeds_inserts_publishes_and_points_the_alias(
    tmp_path: Path, run: Callable[..., str], arguments: list[object], server: Connection, milvus: str
) -> None:
    home = tmp_path / "index"
    said = run(build_app, *arguments, "--backend", "milvus", "--uri", milvus)
    assert "milvus-flat" in said
    assert read_version(home).manifest.kind == "milvus-flat"
    assert aliased(server) == collection_of(home)
    rows = server.client.query(ALIAS, filter='entity_id == "three"', output_fields=["title"])
    assert [row["title"] for row in rows] == ["Ibis", "Ibis"], "its two pictures that can be read"
    again = run(build_app, *arguments, "--backend", "milvus", "--uri", milvus)
    assert read_version(home).id in again
    assert len(version_ids(home)) == 1, "nothing changed"


def test_no_vector_is_embedded_twice_on_the_way_to_milvus_and_back(
    tmp_path: Path,
    run: Callable[..., str],
    arguments: list[object],
    server: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = tmp_path / "index"
    run(build_app, *arguments)
    first = EntityIndex.open(home)
    monkeypatch.setattr(local, "embed", None)
    assert "nothing is embedded again" in run(build_app, *arguments, "--backend", "milvus", "--index", "hnsw")
    second = EntityIndex.open(home)
    assert second.manifest.kind == "milvus-hnsw"
    run(versions_app, "prune", "--keep", "0")  # the files that had them, too
    assert "nothing is embedded again" in run(build_app, *arguments, "--index", "balanced")
    third = EntityIndex.open(home)
    for name in ("plain", "three", "title"):
        assert first.vector(name).tolist() == second.vector(name).tolist()
        assert third.vector(name) == pytest.approx(first.vector(name), abs=0.02)


def test_what_cannot_be_built_is_said_before_anything_is_embedded(
    run: Callable[..., str], arguments: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "embed", None)
    with pytest.raises(
        WikiClipError, match=r"--index is one of auto, flat, hnsw, ivf-sq8; balanced is a kind of FAISS"
    ):
        run(build_app, *arguments, "--backend", "milvus", "--index", "balanced")
    with pytest.raises(IndexUnreachable, match=r"^Milvus at http://127\.0\.0\.1:9 could not connect"):
        run(build_app, *arguments, "--backend", "milvus", "--uri", "http://127.0.0.1:9")
    monkeypatch.delenv("WIKICLIP_MILVUS_URI", raising=False)
    with pytest.raises(WikiClipError, match="say where, with --uri"):
        run(build_app, *arguments, "--backend", "milvus")


PLAN = Plan(
    knowledge_base="test",
    records="r",
    image_root=None,
    model_name="tiny",
    model_fingerprint="f" * 64,
    dimension=8,
)


def publish_there(home: Path, workshop: Path, chunks: int, uri: str) -> None:
    """What the command does once all is embedded."""
    milvus = MilvusServer(uri)
    choice = Choice("flat", 0, backend=Backend.MILVUS, milvus=milvus)
    version = made_before(PLAN, home, choice)
    if version is None:
        version = make(workshop, chunks, PLAN, choice, home)
    else:
        make_current(version, home)
    follow_with_alias(version, milvus)


@pytest.mark.slow
@pytest.mark.parametrize(("module", "name", "when"), STEPS)
def test_a_build_that_is_killed_at_any_step_publishes_nothing_half_and_goes_on(
    tmp_path: Path, killable: OwnServer, module: str, name: str, when: str
) -> None:
    home, milvus = tmp_path / "index", MilvusServer(killable.uri)
    client = connected(milvus).client
    before = {*client.list_collections()}
    rows_NM = np.random.default_rng(0).normal(size=(40, 8))
    entities = [Entity(entity_id=f"Q{n}", title=f"T{n}", text="") for n in range(20)]
    workshop = open_workshop(PLAN, home)
    chunks = write_chunks(workshop, rows_NM / np.linalg.norm(rows_NM, axis=1)[:, None], np.arange(40) // 2, entities)
    asked = [module, name, when, killable.uri, str(home), str(workshop), str(chunks)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *asked], capture_output=True, cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    if (home / "CURRENT").exists():
        assert len(EntityIndex.open(home, milvus=milvus)) == 20, "whatever is published is whole"
    publish_there(home, workshop, chunks, killable.uri)
    index = EntityIndex.open(home, milvus=milvus)
    assert len(index) == 20
    index.rows.examine()
    assert aliased(connected(milvus)) == collection_of(home)
    assert {*client.list_collections()} - before == {collection_of(home)}, "none is left over"


def test_shards_that_the_server_lost_are_inserted_again(
    tmp_path: Path,
    run: Callable[..., str],
    arguments: list[object],
    server: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server was set up anew while a build was stopped: nothing is embedded again either."""

    def stop(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as stopped:
        stopped.setattr(making, "place", stop)
        with pytest.raises(Killed):
            run(build_app, *arguments, "--backend", "milvus")
    (stamp,) = (tmp_path / "index" / "building").glob("*/version-milvus-flat-*/shared")
    server.client.drop_collection(read_collection(stamp).collection)
    run(build_app, *arguments, "--backend", "milvus")
    assert len(EntityIndex.open(tmp_path / "index")) == 5


def test_an_update_adds_a_partition_and_versions_are_verified_rolled_back_and_pruned(
    tmp_path: Path, run: Callable[..., str], arguments: list[object], server: Connection
) -> None:
    home = tmp_path / "index"
    run(build_app, *arguments, "--backend", "milvus")
    first, name = read_version(home).id, collection_of(home)
    (tmp_path / "more.jsonl").write_text('{"entity_id": "new", "title": "Coot", "text": "A water bird."}\n')
    (tmp_path / "gone").write_text("one\n")
    model = arguments[arguments.index("--model") + 1]
    changes = ["--records", tmp_path / "more.jsonl", "--delete", tmp_path / "gone", "--model", model]
    run(update_app, *changes)
    updated = read_version(home).id
    assert collection_of(home) == name
    index = EntityIndex.open(home)
    assert len(index) == 5
    assert index.neighbours("new", 10)[0].entity.entity_id != "one"
    assert {one.entity.entity_id for one in index.neighbours("new", 10)} == {"plain", "three", "none", "title"}
    assert "is whole" in run(versions_app, "verify")

    run(versions_app, "rollback")
    assert read_version(home).id == first
    assert "new" not in {one.entity.entity_id for one in EntityIndex.open(home).neighbours("one", 10)}
    run(build_app, *arguments, "--backend", "milvus", "--index", "ivf-sq8")
    other = collection_of(home)
    assert aliased(server) == other != name
    run(versions_app, "rollback", first)
    assert aliased(server) == name, "the alias goes back too"

    partitions = len(server.client.list_partitions(name))
    said = run(versions_app, "prune", "--keep", "0")
    assert f"Removed the collection {other} from Milvus." in said
    assert version_ids(home) == [first]
    assert not server.client.has_collection(other)
    assert len(server.client.list_partitions(name)) == partitions - 1, "that of the update, which no version names"
    assert len(EntityIndex.open(home)) == 5
    assert updated not in version_ids(home)


def test_an_update_of_what_the_server_lost_is_refused_before_anything_is_embedded(
    tmp_path: Path, run: Callable[..., str], arguments: list[object], server: Connection
) -> None:
    run(build_app, *arguments, "--backend", "milvus")
    server.client.drop_collection(collection_of(tmp_path / "index"))
    (tmp_path / "gone").write_text("one\n")
    with pytest.raises(CorruptIndex, match="does not hold the vectors of this index"):
        run(update_app, "--delete", tmp_path / "gone")
    with pytest.raises(CorruptIndex, match="does not hold the vectors of this index"):
        run(versions_app, "verify")
    with pytest.raises(CorruptIndex, match="does not hold the vectors of this index"):
        run(build_app, *arguments, "--backend", "milvus")
    run(build_app, *arguments, "--backend", "milvus", "--force")
    assert "is whole" in run(versions_app, "verify")


@pytest.mark.parametrize("then", ["force", "another kind", "aliased"])
def test_what_a_stopped_build_left_in_the_server_goes_with_its_workshop(
    tmp_path: Path,
    run: Callable[..., str],
    arguments: list[object],
    server: Connection,
    monkeypatch: pytest.MonkeyPatch,
    then: str,
) -> None:
    def stop(*_: object) -> None:
        raise Killed

    run(build_app, *arguments, "--backend", "milvus")
    published = collection_of(tmp_path / "index")
    before = {*server.client.list_collections()}
    with monkeypatch.context() as stopped:
        stopped.setattr(making, "place", stop)
        with pytest.raises(Killed):
            run(build_app, *arguments, "--backend", "milvus", "--force")
    (left,) = {*server.client.list_collections()} - before
    if then == "aliased":
        server.client.create_alias(left, "somebody_elses")
    asked = ["--index", "hnsw"] if then == "another kind" else ["--force"]
    said = run(build_app, *arguments, "--backend", "milvus", *asked)
    own = collection_of(tmp_path / "index")
    after = {*server.client.list_collections()}
    assert {published, own} <= after
    assert own != left
    assert (left in after) == (then == "aliased")
    assert (f"Removed the collection {left}" in said) == (then != "aliased")
    assert aliased(server) == own
    if then == "aliased":
        server.client.drop_alias("somebody_elses")


def test_what_a_stopped_build_left_stays_named_while_its_server_is_away(
    tmp_path: Path,
    run: Callable[..., str],
    arguments: list[object],
    server: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as stopped:
        stopped.setattr(making, "place", stop)
        with pytest.raises(Killed):
            run(build_app, *arguments, "--backend", "milvus")
    (stamp,) = (tmp_path / "index" / "building").glob("*/version-milvus-flat-*/shared")
    left = read_collection(stamp).collection
    with monkeypatch.context() as away:
        away.delenv("WIKICLIP_MILVUS_URI")
        with pytest.raises(WikiClipError, match="say where, with --uri"):
            run(build_app, *arguments, "--force")
        assert "stays until `versions prune --unfinished`" in run(build_app, *arguments)
    assert read_collection(stamp).collection == left
    assert f"Removed the collection {left}" in run(versions_app, "prune", "--unfinished")
    assert left not in server.client.list_collections()


def test_what_a_stopped_build_left_in_the_server_is_pruned(
    tmp_path: Path,
    run: Callable[..., str],
    arguments: list[object],
    server: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run(build_app, *arguments)

    def stop(*_: object) -> None:
        raise Killed

    before = {*server.client.list_collections()}
    with monkeypatch.context() as stopped:
        stopped.setattr(making, "place", stop)
        with pytest.raises(Killed):
            run(build_app, *arguments, "--backend", "milvus")
    assert len({*server.client.list_collections()} - before) == 1
    said = run(versions_app, "prune", "--unfinished")
    assert re.search(r"Removed the collection wikiclip_\w+ from Milvus", said)
    assert {*server.client.list_collections()} == before
