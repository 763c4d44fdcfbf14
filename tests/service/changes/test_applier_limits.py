"""Changes over an index that came from elsewhere, records that cannot be put, and work that outlasts a process."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.linker import Linker
from indexer.search import EntityIndex
from indexer.update import Source, planned
from indexer.version import read_version
from service.changes import applier as applying
from service.changes.__main__ import NICE
from service.changes.change import Change, Put
from service.changes.journal import NAME, WORK, Done, Journal
from service.changes.keeper import Keeper
from service.changes.pictures import store
from service.changes.work import Work
from service.settings import Settings
from tests.service.changes.conftest import copied, drawn
from tests.service.changes.test_applier import Killed, accept, apply, head, put, remove
from tests.service.engine.test_puller import wait_for
from wikiclip.model import WikiClip

pytestmark = pytest.mark.slow


@pytest.fixture
def home(index_home: Path, tmp_path: Path) -> Path:
    return copied(index_home, tmp_path)


@pytest.fixture(autouse=True)
def _one_model(linker: Linker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaded once for all."""
    monkeypatch.setattr(WikiClip, "load", lambda _: linker.model)


def done(journal: Journal, change_id: str) -> Done:
    found = journal.look_up(change_id)
    assert isinstance(found, Done)
    return found


def test_changes_of_another_journal_are_none_of_this_one(home: Path, tmp_path: Path) -> None:
    accept(Journal(home), put("a", "first"), put("b", "second"))
    apply(home)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(home, elsewhere, ignore=lambda *_: ["changes"])  # as a pull or a backup has it
    journal = Journal(elsewhere)
    ids = accept(journal, put("c", "third"), remove("b"), put("d", "fourth"))
    apply(elsewhere)
    assert [done(journal, each).state for each in ids] == ["done"] * 3
    index = EntityIndex.open(elsewhere)
    assert [index.entity(each).title for each in "acd"] == ["first", "third", "fourth"]
    assert "b" not in [entity.entity_id for entity in index.entities_titled("", 100)]


def test_changes_of_an_older_copy_of_the_journal_are_none_of_what_it_was_since(home: Path, tmp_path: Path) -> None:
    """Its numbers come a second time: what has them was told as done, and never applied."""
    journal = Journal(home)
    accept(journal, put("a", "first"))
    apply(home)
    shutil.copytree(journal.folder, tmp_path / "copy")
    accept(journal, put("b", "second"), put("c", "third"))
    apply(home)
    shutil.rmtree(journal.folder)
    (tmp_path / "copy").rename(journal.folder)  # as from a backup, which took it before the versions
    ids = accept(journal, put("d", "fourth"), put("e", "fifth"))
    apply(home)
    assert [done(journal, each).state for each in ids] == ["done"] * 2
    index = EntityIndex.open(home)
    assert [index.entity(each).title for each in "abcde"] == ["first", "second", "third", "fourth", "fifth"]


def test_a_journal_without_a_name_goes_on(home: Path) -> None:
    journal = Journal(home)
    ids = accept(journal, put("a", "first"))
    (journal.folder / NAME).unlink()  # as of a program that gave none
    apply(home)
    assert done(journal, ids[0]).state == "done"


def test_a_lone_record_that_cannot_be_put_fails_and_holds_nobody_up(home: Path) -> None:
    journal = Journal(home)
    (bad,) = accept(journal, put("a", "two\nlines"))
    version = read_version(home).id
    apply(home)
    assert done(journal, bad).state == "failed"
    assert "title" in done(journal, bad).faults[0]
    assert read_version(home).id == version
    (good,) = accept(journal, put("b", "second"))
    apply(home)
    assert done(journal, good).state == "done"
    assert not (journal.folder / WORK).exists()


def test_a_record_is_written_as_long_as_it_came(home: Path) -> None:
    journal = Journal(home)
    record = {"entity_id": "long", "title": "é", "text": "é" * 6_000_000, "extra": {"half": "\ud800"}}
    ids = accept(journal, Change(head=head(1, 0), puts=(Put(entity_id="long", record=record | {"extra": {}}),)))
    apply(home)
    assert done(journal, ids[0]).state == "done"
    assert json.loads(applying._line(record)) == record


def test_pictures_that_cannot_be_read_just_now_are_not_lost(home: Path) -> None:
    journal, index = Journal(home), EntityIndex.open(home)
    entity = index.entity("red-disc")
    path = index.picture_path(entity.entity_id)
    assert path is not None
    renamed = Put(entity_id=entity.entity_id, record={"entity_id": entity.entity_id, "title": "renamed", "text": ""})
    change = Change(head=head(1, 0), puts=(renamed,))
    away = path.rename(path.with_suffix(".away"))
    try:
        (kept, other) = accept(journal, change, put("b", "second"))
        apply(home)
    finally:
        away.rename(path)
    assert (done(journal, kept).state, done(journal, other).state) == ("failed", "done")
    assert "so the record stays as it was" in done(journal, kept).faults[0]
    assert EntityIndex.open(home).entity(entity.entity_id) == entity
    (again,) = accept(journal, change)
    apply(home)
    assert done(journal, again).state == "done"
    assert done(journal, again).faults == ()
    after = EntityIndex.open(home).entity(entity.entity_id)
    assert (after.title, len(after.images)) == ("renamed", len(entity.images))


def test_who_comes_after_a_killed_process_goes_on_with_what_it_embedded(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def in_small_chunks(*arguments: object) -> Source:
        source = planned(*arguments)  # type: ignore[arg-type]
        return replace(source, plan=replace(source.plan, chunk_records=2))

    def killed(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(applying, "planned", in_small_chunks)
    journal = Journal(home)
    ids = accept(journal, *(put(f"new-{number}", f"number {number}") for number in range(7)))
    with monkeypatch.context() as patch:
        patch.setattr(applying, "changed", killed)
        with pytest.raises(Killed):
            apply(home)
    chunks = sorted((journal.folder / WORK).glob("building/*/chunks/[0-9]*"))
    assert len(chunks) == 4
    written = {chunk: chunk.stat().st_ino for chunk in chunks[:3]}
    chunks[3].rename(journal.folder / "away")  # it was not written yet
    ids += accept(journal, put("later", "later"))  # which is not joined with the others now
    seen = {}
    changed = applying.changed

    def watched(*arguments: object, **named: object) -> object:
        seen.update({chunk: chunk.stat().st_ino for chunk in written})
        return changed(*arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(applying, "changed", watched)
        apply(home)
    assert seen == written
    assert journal.waiting() == [ids[-1]]
    apply(home)
    assert [done(journal, each).state for each in ids] == ["done"] * 8


def test_a_death_after_which_more_is_embedded_is_not_the_changes_fault(home: Path) -> None:
    keeper, journal = Keeper(Settings(index=home)), Journal(home)
    chunks = journal.folder / WORK / "building" / "plan" / "chunks"
    for number in range(4):
        (chunks / f"{number:06d}").mkdir(parents=True)
        keeper._ended(-9)
        assert keeper._deaths == 1
    keeper._ended(-9)
    assert keeper._deaths == 2


def test_the_process_ends_quietly_when_nothing_more_comes(home: Path) -> None:
    code = "import service.changes.applier as a; a.IDLE_S = 0.5; from service.changes.__main__ import main; main()"
    work = Work.of(Settings(index=home, device="cpu"), most=1, give_up=False)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, NICE: "0"}
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(work.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        wait_for(lambda: process.poll() is not None)
        assert (process.returncode, process.stderr.read()) == (0, b"")


def test_files_that_somebody_made_in_the_journal_are_none_of_its_changes(home: Path) -> None:
    journal = Journal(home)
    accept(journal, put("a", "first"))
    apply(home)
    (journal.folder / "done" / "copy of 000000000001.json").write_text("x")
    assert accept(journal, put("b", "second")) == ["000000000002"]
    assert journal.ids() == ["000000000002", "000000000001"]


def test_an_index_that_was_moved_has_its_pictures_with_it(home: Path, tmp_path: Path) -> None:
    journal = Journal(home)
    name = store(drawn((200, 0, 0)), journal.pictures)
    record = {"entity_id": "a", "title": "first", "text": ""}
    accept(journal, Change(head=head(1, 0), puts=(Put(entity_id="a", record=record, pictures=(name,)),)))
    apply(home)
    moved = home.rename(tmp_path / "elsewhere")
    path = EntityIndex.open(moved).picture_path("a")
    assert path is not None
    assert path.is_relative_to(moved)
    (job,) = accept(Journal(moved), Change(head=head(1, 0), puts=(Put(entity_id="a", record=record),)))
    apply(moved)
    assert done(Journal(moved), job).faults == ()
    assert EntityIndex.open(moved).entity("a").images == (name,)
