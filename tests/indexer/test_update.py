"""Changes to an index, against a dictionary that is changed alike."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import indexer.update
from indexer.assemble import with_rows
from indexer.build import build
from indexer.embedding.plan import Plan, open_workshop
from indexer.errors import NothingToDo, UnknownEntity, WrongModel
from indexer.kb import KnowledgeBaseName
from indexer.kb.record import Entity
from indexer.kinds import KINDS, kind_of
from indexer.search import EntityIndex
from indexer.update import Changes, app, changed
from indexer.updating.notes import read_updates
from indexer.version import Version, make_current, publish, read_version, version_ids
from tests.indexer.conftest import published_as, write_chunks
from wikiclip.base.errors import WikiClipError

WIDTH = 16


def vectors(texts: list[str]) -> np.ndarray:
    """A unit vector for each text, near to no other's."""
    drawn = np.stack([np.random.default_rng(list(text.encode())).normal(size=WIDTH) for text in texts])
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def apply(home: Path, content: dict[str, str], gone: list[str], number: int) -> Version:
    """Publishes changes whose vectors are made from the texts."""
    base = read_version(home)
    plan = Plan(
        knowledge_base="changes",
        records=str(number),
        image_root=None,
        model_name="tiny",
        model_fingerprint="f" * 64,
        dimension=WIDTH,
    )
    workshop = open_workshop(plan, home)
    entities = [Entity(entity_id=name, title=f"T {name}", text=text) for name, text in content.items()]
    chunks = 0
    if entities:
        rows_NM = vectors([entity.text for entity in entities])
        chunks = write_chunks(workshop, rows_NM, np.arange(len(entities)), entities, chunk_rows=3)
    changes = Changes(workshop, plan, with_rows(workshop, chunks), [])
    return publish(*changed(base, changes, gone, kind_of(base.manifest.kind), strict=False), home)


KNOWN = [*(f"Q{n}" for n in range(12)), "new1", "new2", "né3"]
NAMES = st.sampled_from(KNOWN)


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from([*KINDS, "milvus-flat"]),
    fold=st.integers(1, 4),
    steps=st.lists(
        st.tuples(
            st.dictionaries(NAMES, st.text("abcdef", min_size=1, max_size=6), max_size=5), st.sets(NAMES, max_size=3)
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_an_index_after_changes_holds_what_a_dictionary_holds(
    tmp_path_factory, make_version, milvus, kind, fold, steps
):
    """Whether or not the shards of earlier changes became one of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexer.update, "FOLD", fold)
        hold_against_a_dictionary(tmp_path_factory.mktemp("index"), make_version, kind, fold, steps)


def hold_against_a_dictionary(home, make_version, kind, fold, steps):
    expected = {f"Q{n}": f"text {n}" for n in range(12)}
    make_version(home, vectors(list(expected.values())), kind=kind)
    removed = set()
    for number, (content, gone) in enumerate(steps):
        if not content and not gone & expected.keys():
            before = read_version(home).id
            with pytest.raises(NothingToDo, match="no version was published"):
                apply(home, content, sorted(gone), number)
            assert read_version(home).id == before
            continue
        removed = (removed | gone & expected.keys()) - content.keys()
        after = {name: text for name, text in expected.items() if name not in gone} | content
        if not after:
            with pytest.raises(WikiClipError, match="No entity would be left"):
                apply(home, content, sorted(gone), number)
            return
        expected = after
        apply(home, content, sorted(gone), number)

    shards = len(read_version(home).manifest.shards)
    updates = read_updates(read_version(home))
    assert kind.startswith("milvus") or shards - updates.built_shards <= fold
    assert set(updates.gone) == removed
    index = EntityIndex.open(home)
    assert len(index) == len(expected) == index.manifest.counts.entities
    assert {name: index.entity(name).text for name in expected} == expected
    for name in set(KNOWN) - expected.keys():
        with pytest.raises(UnknownEntity):
            index.entity(name)
    found = index.search(vectors(list(expected.values())), len(expected) + 3)
    for text, candidates in zip(expected.values(), found, strict=True):
        ids = [candidate.entity.entity_id for candidate in candidates]
        assert sorted(ids) == sorted(expected), "each living entity once, and no other"
        assert candidates[0].entity.text == text
    titled = {entity.entity_id for entity in index.entities_titled("t", 100)}
    assert titled == expected.keys()


def test_what_did_not_change_is_linked_and_not_read(tmp_path: Path, make_version):
    old = make_version(tmp_path, np.eye(20, WIDTH, dtype=np.float32))
    before = {path.relative_to(old.folder): path.stat().st_ino for path in old.folder.rglob("*") if path.is_file()}
    new = apply(tmp_path, {"Q3": "abc", "x": "def"}, ["Q5"], 0)
    after = {path.relative_to(new.folder): path.stat().st_ino for path in new.folder.rglob("*") if path.is_file()}
    shards = {name for name in before if name.parts[0] == "shards"}
    assert all(after[name] == before[name] for name in shards)
    assert {name.parts[1] for name in after if name.parts[0] == "shards"} - {name.parts[1] for name in shards}
    assert new.manifest.parent == old.id
    assert new.manifest.counts.deleted == 2
    new.verify()
    old.verify()
    assert EntityIndex.open(tmp_path, version=old.id).entity("Q5").title == "T5"


@pytest.fixture
def built(birds: Path, checkpoint: Path, tmp_path: Path) -> Path:
    home = tmp_path / "index"
    build(KnowledgeBaseName.JSONL, records=birds, model=str(checkpoint), out=home)
    return home


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_the_command_adds_replaces_and_removes(built: Path, birds: Path, checkpoint: Path, model, tmp_path: Path):
    changes, gone = tmp_path / "changes.jsonl", tmp_path / "gone.txt"
    lines = [
        {"entity_id": "one", "title": "Great egret", "text": "White and large.", "images": ["blue.png"]},
        {"entity_id": "new", "title": "Bittern", "text": "Booms in the reeds."},
        {"entity_id": "bad"},
    ]
    changes.write_text("".join(json.dumps(line) + "\n" for line in lines))
    gone.write_text("title\nnever\n")
    options = ("--out", built, "--model", checkpoint)
    said = run("--records", changes, "--images", birds.parent, "--delete", gone, *options)
    assert "2 replaced or removed" in said
    index = EntityIndex.open(built)
    assert index.entity("one").title == "Great egret"
    assert index.picture_path("one") == (birds.parent / "blue.png").resolve()
    assert index.picture_path("three") == (birds.parent / "green.png").resolve()
    with pytest.raises(UnknownEntity):
        index.entity("title")
    queries_BM = model.encode_entities([model.prepare_entity("Bittern: Booms in the reeds.", None)])
    assert index.search(queries_BM, 1)[0][0].entity.entity_id == "new"
    problems = (read_version(built).folder / "problems.jsonl").read_text()
    assert "never" in problems
    assert "changes.jsonl:3" in problems
    assert not any((built / "building").iterdir())

    gone.write_text("one\n")
    assert "1 replaced or removed" in run("--delete", gone, *options)
    with pytest.raises(UnknownEntity):
        EntityIndex.open(built).entity("one")
    gone.write_text("of two words\r\n\n")
    with pytest.raises(UnknownEntity, match="'of two words'"):
        run("--delete", gone, "--strict", *options)
    gone.write_text("one\n")
    with pytest.raises(UnknownEntity, match="'one'"):
        run("--delete", gone, "--strict", *options)


@pytest.mark.parametrize("died", ["before the pointer", "after the pointer"])
def test_an_update_that_was_killed_as_it_published_is_finished_and_not_made_twice(
    built: Path, checkpoint: Path, tmp_path: Path, died: str
):
    base = read_version(built)
    changes, gone = tmp_path / "changes.jsonl", tmp_path / "gone.txt"
    changes.write_text('{"entity_id": "one", "title": "Great egret", "text": "White and large."}\n')
    gone.write_text("title\n")
    arguments = ("--records", changes, "--delete", gone, "--strict", "--out", built, "--model", checkpoint)
    run(*arguments)
    made = read_version(built)
    left = built / "building" / "deletions"
    if died == "before the pointer":
        make_current(base, built)
        (built / "PUBLISHED").write_text(f"{base.id}\n")
        assert version_ids(built) == [base.id]
    assert "already" in run(*arguments)
    assert version_ids(built) == [made.id, base.id]
    assert read_version(built).id == made.id

    gone.write_text("three\n")
    assert "1 replaced or removed" in run("--delete", gone, "--out", built), "other changes are made"
    left.mkdir()
    assert "already" in run("--delete", gone, "--out", built)
    assert not left.exists()
    with pytest.raises(UnknownEntity):  # what was made without it is not what --strict asks for
        run("--delete", gone, "--strict", "--out", built)


def test_a_version_of_a_kind_that_is_gone_is_not_changed(built: Path, tmp_path: Path):
    gone = published_as("balanced-pq", read_version(built), built)
    (tmp_path / "gone.txt").write_text("one\n")
    with pytest.raises(WikiClipError, match=r"balanced-pq is gone: .* --index balanced`"):
        run("--delete", tmp_path / "gone.txt", "--out", built)
    assert read_version(built).id == gone.id


def test_what_cannot_be_done_is_one_line(built: Path, birds: Path, tmp_path: Path):
    with pytest.raises(WikiClipError, match="--records"):
        run("--out", built)
    (tmp_path / "gone").write_bytes(b"one\n\xff\n")
    with pytest.raises(WikiClipError, match="gone is no text in UTF-8: invalid start byte at byte 4"):
        run("--delete", tmp_path / "gone", "--out", built)
    with pytest.raises(WikiClipError, match="never cannot be read: No such file"):
        run("--delete", tmp_path / "never", "--out", built)
    (tmp_path / "gone").write_text("never\n")
    before = read_version(built).id
    with pytest.raises(NothingToDo, match="published; the first: never: no entity to delete"):
        run("--delete", tmp_path / "gone", "--out", built)
    assert read_version(built).id == before
    assert not any((built / "building").iterdir())
    with pytest.raises(WrongModel):
        run("--records", birds, "--out", built)
