"""A picture that is being received is not removed, however often those are that nothing names."""

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from errno import ENOSPC
from itertools import count
from pathlib import Path

import pytest

from indexer.updating.unnamed import remove_unnamed
from indexer.version import only_builder, read_version
from service.changes.change import Change, Head, Put
from service.changes.journal import Done, Journal
from service.changes.pictures import store
from service.errors import Cause, Problem
from service.http.turns import Deadline
from service.routes.changes import Receiver
from service.routes.records import Draft
from service.settings import Settings
from tests.service.changes.conftest import copied, drawn

CALLERS, COLOURS, ENOUGH = 3, 12, 40
DEADLINE_S = 100.0
HEAD = Head(caller="ops", accepted="now", puts=1, removes=0)
CONTENTS = [drawn((20 * colour, 0, 0)) for colour in range(COLOURS)]


def change_of(name: str) -> Change:
    return Change(head=HEAD, puts=(Put(entity_id="a", record={"entity_id": "a"}, pictures=(name,)),))


def draft_of(content: bytes) -> Draft:
    return Draft(Change(head=HEAD, puts=(Put(entity_id="a", record={"entity_id": "a"}),)), [content])


@pytest.fixture
def home(index_home: Path, tmp_path: Path) -> Path:
    return copied(index_home, tmp_path)


def test_pictures_that_are_sent_again_and_again_are_there_for_as_long_as_a_change_waits(home: Path) -> None:
    """Callers send the same few pictures, in turn with one who removes what nothing names and one who is done with
    changes, whose pictures nothing names then."""
    receiver = Receiver(Settings(index=home))
    journal, stop, removed = receiver.journal, threading.Event(), [0]
    deadline = time.monotonic() + DEADLINE_S

    def call(caller: int) -> None:
        mine = Receiver(Settings(index=home)) if caller else receiver  # as another process has it
        for number in count():
            if removed[0] >= ENOUGH or time.monotonic() > deadline:
                return
            if len(journal.waiting()) > CALLERS:  # else all pictures would be named at every moment
                time.sleep(0.002)
                continue
            content = CONTENTS[(caller + number) % COLOURS]
            mine._accept(draft_of(content), Deadline(60), lambda: None)

    def missing() -> list[str]:
        names = [str(name) for each in journal.waiting() for name in journal.read(each)[0].puts[0].pictures or ()]
        return [name for name in names if not (journal.pictures / name).is_file()]

    def remove() -> list[str]:
        lost: list[str] = []
        while not stop.is_set():
            with only_builder(home):
                for each in journal.waiting()[:-1]:
                    done = Done(head=HEAD, state="failed", index_version=None, finished="now", put=0, removed=0)
                    journal.finish(each, done)
                removed[0] += remove_unnamed(home).pictures
                lost += missing()
        return lost

    with ThreadPoolExecutor(CALLERS + 1) as pool:
        removing = pool.submit(remove)
        calls = [pool.submit(call, caller) for caller in range(CALLERS)]
        try:
            for one in calls:
                one.result()
        finally:
            stop.set()
        assert removing.result() == []
    assert removed[0] >= ENOUGH, "some were removed, and sent once more"
    with only_builder(home):
        remove_unnamed(home)
    assert missing() == []


def test_of_a_change_that_is_refused_no_picture_is_kept_and_what_is_there_stays(home: Path) -> None:
    receiver = Receiver(Settings(index=home).model_copy(update={"changes_waiting": 0}))
    there = store(CONTENTS[1], receiver.journal.pictures)
    for content in CONTENTS[:2]:
        with pytest.raises(Problem) as refused:
            receiver._accept(draft_of(content), Deadline(60), lambda: None)
        assert refused.value.cause is Cause.BUSY
        assert [path.name for path in receiver.journal.pictures.rglob("*.*")] == [Path(there).name]


def test_what_was_kept_for_a_change_that_did_not_come_to_wait_goes(home: Path) -> None:
    receiver = Receiver(Settings(index=home))
    store(CONTENTS[0], receiver.journal.pictures)  # as of a process that was killed before the change was on the disk
    with only_builder(home):
        assert remove_unnamed(home).pictures == 1
    shutil.rmtree(receiver.journal.pictures)
    with only_builder(home):
        assert remove_unnamed(home).pictures == 0
    assert read_version(home).manifest.counts.entities == 11


def test_it_waits_for_a_picture_that_is_being_received(home: Path) -> None:
    journal = Journal(home)
    with ThreadPoolExecutor(1) as pool:

        def remove() -> int:
            with only_builder(home):
                return remove_unnamed(home).pictures

        with journal.receiving():
            name = store(CONTENTS[0], journal.pictures)
            removing = pool.submit(remove)
            with pytest.raises(TimeoutError):
                removing.result(timeout=1.0)
            journal.accept(change_of(name), most=10)
        assert removing.result() == 0
    assert (journal.pictures / name).is_file()


def test_of_a_change_that_cannot_be_written_no_picture_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever write it is that the disk has no room for; a picture that was there before stays."""
    receiver = Receiver(Settings(index=home))
    journal = receiver.journal
    there = journal.pictures / store(CONTENTS[1], journal.pictures)
    draft = Draft(draft_of(b"").change, [*CONTENTS[:4], CONTENTS[0]])
    left = 0

    def synced(path: Path) -> None:
        nonlocal left
        if path.suffix == ".partial":
            if left == 0:
                raise OSError(ENOSPC, "No space left on device", str(path))
            left -= 1

    monkeypatch.setattr("service.changes.pictures.sync", synced)
    monkeypatch.setattr("service.changes.journal.sync", synced)
    for rooms in range(4):  # for three pictures, and the change itself
        left = rooms
        with pytest.raises(Problem) as caught:
            receiver._accept(draft, Deadline(60), lambda: None)
        assert (caught.value.cause, left) == (Cause.NO_ROOM, 0)
        assert [path for path in journal.pictures.rglob("*") if path.is_file()] == [there]
        assert not any((journal.folder / "waiting").iterdir())
    left = 4
    job = receiver._accept(draft, Deadline(60), lambda: None)
    names = journal.read(job.job_id)[0].puts[0].pictures
    assert names is not None
    assert [(journal.pictures / str(name)).read_bytes() for name in names] == draft.pictures


def test_where_numbers_end_a_change_is_refused_and_the_log_says_why(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(Settings(index=home))
    waiting = receiver.journal.folder / "waiting"
    waiting.mkdir(parents=True)
    (waiting / "999999999999.jsonl").touch()
    with pytest.raises(Problem) as caught:
        receiver._accept(draft_of(CONTENTS[0]), Deadline(60), lambda: None)
    assert caught.value.cause is Cause.NO_ROOM
    assert "move it away" in caplog.text
    assert not any(path.is_file() for path in receiver.journal.pictures.rglob("*"))
