"""A build over updates: it says what it would discard, and keeps or discards it as it is told."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from indexer.build import app as build_app
from indexer.search import EntityIndex
from indexer.update import app as update_app
from indexer.updating.notes import UPDATES, read_updates
from indexer.version import make_current, publish, read_version, version_ids
from indexer.versions import app as versions_app
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip


def invoke(app, *arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


class Collection:
    """A knowledge base in a folder, its index, and what is done to both."""

    def __init__(self, folder: Path, birds: Path, checkpoint: Path) -> None:
        self.records, self.home, self.checkpoint = folder / "records.jsonl", folder / "index", checkpoint
        self.pictures = birds.parent
        shutil.copy(birds, self.records)
        self.build()

    def build(self, *options: object) -> str:
        named = ("--kb", "jsonl", "--records", self.records, "--images", self.pictures, "--out", self.home)
        return invoke(build_app, *named, "--model", self.checkpoint, *options)

    def update(self, *lines: dict[str, object], delete: str = "", images: Path | None = None) -> str:
        options: list[object] = ["--out", self.home, "--model", self.checkpoint]
        if lines:
            changes = self.records.with_name("changes.jsonl")
            changes.write_text("".join(json.dumps(line) + "\n" for line in lines))
            options += ["--records", changes, "--images", images or self.pictures]
        if delete:
            gone = self.records.with_name("gone.txt")
            gone.write_text(f"{delete}\n")
            options += ["--delete", gone]
        return invoke(update_app, *options)

    def add(self, entity_id: str, title: str) -> None:
        """Another record of the knowledge base's own."""
        with self.records.open("a") as file:
            file.write(json.dumps({"entity_id": entity_id, "title": title, "text": ""}) + "\n")

    @property
    def index(self) -> EntityIndex:
        return EntityIndex.open(self.home)

    def ids(self) -> set[str]:
        return {entity.entity_id for entity in self.index.entities_titled("", 100)}


@pytest.fixture
def collection(tmp_path: Path, birds: Path, checkpoint: Path) -> Collection:
    return Collection(tmp_path, birds, checkpoint)


EGRET = {"entity_id": "one", "title": "Great egret", "text": "White.", "images": ["blue.png"], "tags": ["heron"]}
BITTERN = {"entity_id": "new", "title": "Bittern", "text": "Booms.", "extra": {"room": 3}}


def test_a_build_over_updates_asks_and_does_what_it_is_told(collection: Collection, monkeypatch: pytest.MonkeyPatch):
    before = collection.ids()
    collection.update(EGRET, BITTERN, delete="three")
    collection.update({"entity_id": "brief", "title": "Brief", "text": ""})
    collection.update(delete="brief")
    current = read_version(collection.home).id
    with pytest.raises(WikiClipError) as refused:
        collection.build()
    assert str(refused.value) == (
        f"{current} has 3 updates that this build would discard: 2 records that are new or replaced (one, new),"
        " 2 removed (three, brief). Say --keep-updates to apply them again, or --discard-updates."
    )
    with pytest.raises(WikiClipError, match="exclude each other"):
        collection.build("--keep-updates", "--discard-updates")
    assert read_version(collection.home).id == current
    collection.build("--keep-updates")
    assert read_version(collection.home).id == current, "nothing changed beneath them"

    collection.add("brief", "Another brief one")
    collection.add("four", "Wren")
    monkeypatch.setattr("indexer.updating.onto.embed", None)  # the vectors of updates are those that were there
    collection.build("--keep-updates")
    index = collection.index
    assert collection.ids() == (before | {"new", "four"}) - {"three"}
    assert index.entity("one").title == "Great egret"
    assert index.entity("one").tags == ("heron",)
    assert json.loads(index.entity("new").extra or "") == {"room": 3}
    assert index.picture_path("one") == (collection.pictures / "blue.png").resolve()
    note = read_updates(read_version(collection.home))
    assert (note.count, set(note.gone)) == (3, {"three", "brief"})
    again = read_version(collection.home).id
    collection.build("--keep-updates")
    assert read_version(collection.home).id == again

    collection.build("--discard-updates")
    assert collection.ids() == before | {"brief", "four"}
    collection.build()


def test_a_build_that_was_killed_on_the_way_keeps_updates_when_it_is_run_again(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
):
    collection.update(BITTERN)
    before = read_version(collection.home)
    collection.add("four", "Wren")
    with monkeypatch.context() as patch:
        patch.setattr(
            "indexer.building.job.make_current", lambda *_, **__: (_ for _ in ()).throw(WikiClipError("killed"))
        )
        with pytest.raises(WikiClipError, match="killed"):
            collection.build("--keep-updates")
    assert read_version(collection.home).id == before.id
    assert collection.ids() >= {"new"}
    collection.build("--keep-updates")
    assert collection.ids() >= {"new", "four"}
    assert len(version_ids(collection.home)) == 3
    assert not any((collection.home / "building").iterdir())


def test_another_checkpoint_embeds_the_updates_again(
    collection: Collection, tmp_path: Path, checkpoint: Path, birds: Path
):
    pictures = tmp_path / "others"
    pictures.mkdir()
    shutil.copy(birds.parent / "blue.png", pictures / "own.png")
    collection.update(BITTERN | {"images": ["own.png"]}, EGRET, delete="three", images=birds.parent)
    collection.update(BITTERN | {"images": ["own.png"]}, images=pictures)
    other = WikiClip.load(str(checkpoint))
    for learned in other.entity.state_dict().values():
        learned.mul_(1.01)
    other.save(tmp_path / "other", made_by={"test": "another"})
    collection.checkpoint = tmp_path / "other"
    collection.build("--keep-updates")
    index = collection.index
    assert index.manifest.model.fingerprint == WikiClip.load(str(tmp_path / "other")).fingerprint
    assert index.picture_path("new") == (pictures / "own.png").resolve()
    assert index.entity("one").title == "Great egret"
    assert "three" not in collection.ids()


def test_updates_of_a_program_that_kept_no_note_can_only_be_discarded(collection: Collection):
    collection.update(BITTERN)
    version = read_version(collection.home)
    files = {name: stamp for name, stamp in version.manifest.files.items() if name != UPDATES}
    copied = collection.home / "building" / "old"
    shutil.copytree(version.folder, copied)
    (copied / UPDATES).unlink()
    publish(copied, version.manifest.model_copy(update={"files": files}), collection.home)
    with pytest.raises(WikiClipError, match=r"which, it does not tell\. Say --keep"):
        collection.build()
    with pytest.raises(WikiClipError, match="kept no note of them"):
        collection.build("--keep-updates")
    collection.build("--discard-updates")
    assert "new" not in collection.ids()
    make_current(version, collection.home)
    assert read_updates(version).count == 1


def test_a_build_without_the_updates_can_be_taken_back(collection: Collection):
    built = read_version(collection.home).id
    collection.update(EGRET)
    collection.update(BITTERN)
    updated = read_version(collection.home).id
    collection.build("--discard-updates")
    assert read_version(collection.home).id == built == version_ids(collection.home)[0]
    invoke(versions_app, "rollback", "--out", collection.home)
    assert read_version(collection.home).id == updated
    assert "new" in collection.ids()
    collection.build("--discard-updates")
    invoke(versions_app, "prune", "--out", collection.home, "--keep", "1")
    assert version_ids(collection.home) == [built, updated]
