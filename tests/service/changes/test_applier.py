"""What waits is applied once, wherever the process that applies it was killed."""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

import service.changes.applier
from indexer.linker import Linker
from indexer.search import EntityIndex
from indexer.updating.notes import read_updates
from indexer.version import only_builder, read_version, version_ids
from service.changes.applier import KEPT, Applier
from service.changes.change import Change, Head, Put, Remove
from service.changes.journal import Done, Journal
from service.changes.pictures import store
from service.changes.work import Work
from service.settings import Settings
from tests.service.changes.conftest import copied, drawn
from wikiclip.model import WikiClip

pytestmark = pytest.mark.slow


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def home(index_home: Path, tmp_path: Path) -> Path:
    return copied(index_home, tmp_path)


def applier_of(home: Path, *, most: int = 100, give_up: bool = False) -> Applier:
    return Applier(Work.of(Settings(index=home, device="cpu"), most=most, give_up=give_up))


def put(entity_id: str, title: str) -> Change:
    record = {"entity_id": entity_id, "title": title, "text": ""}
    return Change(head=head(1, 0), puts=(Put(entity_id=entity_id, record=record, pictures=()),))


def remove(entity_id: str) -> Change:
    return Change(head=head(0, 1), removes=(Remove(entity_id=entity_id),))


def head(puts: int, removes: int) -> Head:
    return Head(caller="ops", accepted="now", puts=puts, removes=removes)


def accept(journal: Journal, *changes: Change) -> list[str]:
    return [journal.accept(change, most=100) for change in changes]


def apply(home: Path, **options: bool) -> None:
    with only_builder(home):
        applier_of(home, **options).apply()


@pytest.fixture(autouse=True)
def _one_model(linker: Linker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaded once for all."""
    monkeypatch.setattr(WikiClip, "load", lambda _: linker.model)


STEPS = (
    "service.changes.applier.join",
    "service.changes.applier.planned",
    "service.changes.applier.embedded",
    "service.changes.applier.changed",
    "indexer.version.publish_folder",
    "indexer.version.make_current",
    "service.changes.applier.follow_with_alias",
    "service.changes.journal.Journal.finish",
)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_is_killed_at_a_step_loses_nothing_and_does_nothing_twice(
    home: Path, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    journal = Journal(home)
    ids = accept(journal, put("a", "first"), remove("red-disc"), put("a", "second"), remove("nobody"))
    with monkeypatch.context() as patch:
        patch.setattr(step, killing(step, after=after))
        with pytest.raises(Killed):
            apply(home)
    ids += accept(journal, put("b", "later"))
    while journal.waiting():
        apply(home)
    found = [journal.look_up(each) for each in ids]
    assert [each.state for each in found if isinstance(each, Done)] == ["done", "done", "done", "failed", "done"]
    index = EntityIndex.open(home)
    assert (index.entity("a").title, index.entity("b").title) == ("second", "later")
    listed = [entity.entity_id for entity in index.entities_titled("", 100)]
    assert len(listed) == len({*listed})
    assert "red-disc" not in listed
    outcomes = [one.change for update in read_updates(read_version(home)).last for one in update.outcomes]
    assert sorted(outcomes) == ids, "each in one version"
    assert not (journal.folder / "work").exists()


def killing(step: str, *, after: bool) -> Callable[..., object]:
    """What does as the step does, and ends the process before or after it."""
    owner, _, name = step.rpartition(".")
    done = getattr(Journal if owner.endswith("Journal") else import_module(owner), name)

    def doomed(*arguments: object, **named: object) -> object:
        if after:
            done(*arguments, **named)
        raise Killed

    return doomed


def test_what_cannot_be_done_together_is_done_apart(home: Path, index_home: Path) -> None:
    journal = Journal(home)
    everything = [entity.entity_id for entity in EntityIndex.open(home).entities_titled("", 100)]
    all_gone = Change(head=head(0, len(everything)), removes=tuple(Remove(entity_id=each) for each in everything))
    ids = accept(journal, put("a", "first"), remove("a"), all_gone, remove("red-disc"))
    applier = applier_of(home)
    while journal.waiting():
        with only_builder(home):
            applier.apply()
    states = [found.state for found in map(journal.look_up, ids) if isinstance(found, Done)]
    assert states == ["done", "done", "failed", "done"]
    refused = journal.look_up(ids[2])
    assert isinstance(refused, Done)
    assert refused.faults == ("No entity would be left in the index.",)
    assert len(EntityIndex.open(home)) == len(everything) - 1


def test_a_change_that_ends_the_process_again_and_again_is_given_up(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(home)
    ids = accept(journal, put("a", "first"), put("b", "second"))
    apply(home, give_up=True)
    apply(home)
    told = [journal.look_up(each) for each in ids]
    assert [each.state for each in told if isinstance(each, Done)] == ["failed", "done"]

    ids = accept(journal, put("c", "third"))
    monkeypatch.setattr("service.changes.applier.join", lambda *_, **__: 1 // 0)
    applier = applier_of(home)
    for _ in range(3):
        with only_builder(home):
            applier.apply()
    found = journal.look_up(ids[0])
    assert isinstance(found, Done)
    assert found.faults == ("ZeroDivisionError: integer division or modulo by zero",)


def test_what_is_in_the_way_of_all_is_told_and_nothing_is_lost(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(home)
    (change_id,) = accept(journal, put("a", "first"))
    applier = applier_of(home)
    with monkeypatch.context() as patch:

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr("service.changes.applier.changed", full)
        assert applier._step(0.5) == 1.0
    assert journal.trouble() == "[Errno 28] No space left on device"
    assert isinstance(journal.look_up(change_id), Head)
    with only_builder(home):
        assert applier._step(0.5) == service.changes.applier.BUSY_S
    applier._step(0.5)
    assert journal.trouble() is None
    assert isinstance(journal.look_up(change_id), Done)


def test_versions_of_changes_do_not_pile_up_and_a_builds_stays(home: Path) -> None:
    built = read_version(home).id
    journal, applier = Journal(home), applier_of(home)
    for number in range(KEPT + 4):
        accept(journal, put("a", f"number {number}"))
        with only_builder(home):
            applier.apply()
    assert len(version_ids(home)) == 1 + KEPT + 1
    assert version_ids(home)[-1] == built
    assert EntityIndex.open(home).entity("a").title == f"number {KEPT + 3}"


def test_pictures_of_records_that_were_replaced_go_with_the_last_version_that_names_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is quiet, by the loop that runs beside the service."""
    monkeypatch.setattr("service.changes.applier.KEPT", 2)
    monkeypatch.setattr("service.changes.applier.QUIET_S", 0.1)
    monkeypatch.setattr("service.changes.applier.IDLE_S", 1.0)
    journal, applier = Journal(home), applier_of(home, most=1)
    colours = [(number, 200, 90) for number in range(0, 250, 50)]
    names = [store(drawn(colour), journal.pictures) for colour in colours]
    orphan = store(drawn((1, 2, 3)), journal.pictures)
    for name in names:
        record = {"entity_id": "a", "title": "a", "text": ""}
        accept(journal, Change(head=head(1, 0), puts=(Put(entity_id="a", record=record, pictures=(name,)),)))
    applier.run()
    assert journal.waiting() == []
    there = {path.relative_to(journal.pictures).as_posix() for path in journal.pictures.rglob("*.png")}
    assert there == {*names[-3:]}, "of the current version, and of two before it"
    assert orphan not in there
    for version in version_ids(home)[:3]:
        picture = EntityIndex.open(home, version=version).picture_path("a")
        assert picture is not None
        assert picture.is_file()


def test_a_damaged_file_of_a_change_stops_no_other(home: Path) -> None:
    journal = Journal(home)
    ids = accept(journal, put("a", "first"), put("b", "second"))
    (journal.folder / "waiting" / f"{ids[0]}.jsonl").write_bytes(b"{")
    apply(home)
    found = [journal.look_up(each) for each in ids]
    assert [each.state for each in found if isinstance(each, Done)] == ["failed", "done"]


def test_a_file_that_is_only_named_like_a_change_stops_none(home: Path) -> None:
    """The loop takes no second look at it, and pictures that nothing names go all the same."""
    journal = Journal(home)
    (first,) = accept(journal, put("a", "first"))
    waiting = journal.folder / "waiting"
    for name in (f"{911:012d}.json", f"{912:012d}.bak.jsonl", f"{913:012d}.jsonl"):
        (waiting / name).touch()
    (waiting / f"{914:012d}.jsonl").mkdir()
    os.mkfifo(waiting / f"{915:012d}.jsonl")
    (waiting / f"{916:012d}.jsonl").symlink_to("nothing")
    (last,) = accept(journal, put("b", "second"))
    orphan = store(drawn((1, 2, 3)), journal.pictures)
    applier = applier_of(home)
    assert applier._step(0.5) == service.changes.applier.LOOK_S
    assert journal.trouble() is None
    assert journal.waiting() == []
    found = {each: journal.look_up(each) for each in (first, f"{913:012d}", last)}
    assert [each.state for each in found.values() if isinstance(each, Done)] == ["done", "failed", "done"]
    applier._sweep()
    assert not (journal.pictures / orphan).exists()
