"""What was accepted is on the disk, in order, and bounded."""

import os
import threading
from pathlib import Path

import pytest

from service.changes.change import Change, Head, Put
from service.changes.journal import Done, Full, Journal, NoSpace

HEAD = Head(caller="ops", accepted="now", puts=1, removes=0, faults=("line 2: bad",))


def change(title: str) -> Change:
    record = {"entity_id": "a", "title": title, "text": "é\u2028\n"}
    return Change(head=HEAD, puts=(Put(entity_id="a", record=record, pictures=(3, f"ab/{'0' * 64}.png")),))


def test_what_was_accepted_is_read_again_in_its_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.waiting() == []
    ids = [journal.accept(change(f"{number}"), most=20) for number in range(11)]
    assert journal.waiting() == ids == sorted(ids)
    assert [Journal(tmp_path).read(each)[0].puts[0].record["title"] for each in ids] == [f"{n}" for n in range(11)]
    assert journal.read(ids[0])[0] == change("0")
    assert journal.look_up(ids[0]) == HEAD
    assert journal.look_up("000000000099") is None


def test_no_number_comes_twice_whoever_accepts(tmp_path: Path) -> None:
    ids: list[str] = []

    def accept() -> None:
        mine = Journal(tmp_path)
        ids.extend(mine.accept(change("x"), most=100) for _ in range(10))

    threads = [threading.Thread(target=accept) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({*ids}) == 40


def test_what_is_done_waits_no_more_and_is_told_of_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.changes.journal.DONE_KEPT", 3)
    monkeypatch.setattr("service.changes.journal.SPARE", 2)
    journal = Journal(tmp_path)
    ids = [journal.accept(change("x"), most=20) for _ in range(6)]
    done = Done(head=HEAD, state="done", index_version="v", finished="now", put=1, removed=0)
    for each in ids:
        journal.finish(each, done)
    journal.tidy()
    assert journal.waiting() == []
    assert list(journal.ids()) == ids[:2:-1]
    assert journal.look_up(ids[-1]) == done
    assert journal.accept(change("x"), most=20) > ids[-1]
    (tmp_path / "changes" / "waiting" / f"{ids[-1]}.jsonl").write_text("")  # killed before it was removed
    journal.tidy()
    assert ids[-1] not in journal.waiting()


def test_it_is_bounded(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.accept(change("x"), most=1)
    with pytest.raises(Full):
        journal.accept(change("y"), most=1)
    assert len(journal.waiting()) == 1
    with pytest.raises(NoSpace):
        journal.expect_space(1, free=2**60)


def test_what_another_version_of_the_service_tells_with_a_change_is_passed_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    change_id = journal.accept(change("x"), most=1)
    path = tmp_path / "changes" / "waiting" / f"{change_id}.jsonl"
    head, put = path.read_text().rstrip("\n").split("\n")
    assert "kept_as_extra" not in head, "a version from before there was such a key reads it, too"
    path.write_text(f'{{"later": 1, {head[1:]}\n{put}\n')
    assert journal.read(change_id)[0] == change("x")
    assert journal.look_up(change_id) == HEAD
    done = Done(head=HEAD, state="done", index_version="v", finished="now", put=1, removed=0)
    journal.finish(change_id, done)
    path = tmp_path / "changes" / "done" / f"{change_id}.json"
    path.write_text(f'{{"later": 1, {path.read_text()[1:]}')
    assert journal.look_up(change_id) == done
    with pytest.raises(ValueError, match="Extra inputs"):  # what it would do is not known
        Change.of_lines([head.encode(), f'{{"later": 1, {put[1:]}'.encode()])


def test_what_is_torn_is_no_change() -> None:
    lines = [line.encode() for line in change("x").lines()]
    with pytest.raises(ValueError, match="not whole"):
        Change.of_lines(lines[:1])
    with pytest.raises(ValueError, match="JSON"):
        Change.of_lines([b"{"])
    with pytest.raises(ValueError, match="Invalid JSON"):
        Change.of_lines([])


@pytest.mark.parametrize("place", ["waiting", "done"])
def test_what_is_only_named_like_a_change_is_none(tmp_path: Path, place: str) -> None:
    journal = Journal(tmp_path)
    first = journal.accept(change("x"), most=2)
    folder, suffix = tmp_path / "changes" / place, ".jsonl" if place == "waiting" else ".json"
    other = ".json" if place == "waiting" else ".jsonl"
    for name in (f"{911:012d}{other}", f"{912:012d}.bak{suffix}", f"{913:012d}{suffix}.partial", f"{914}{suffix}"):
        (folder / name).touch()
    (folder / f"{915:012d}{suffix}").mkdir()
    os.mkfifo(folder / f"{916:012d}{suffix}")
    (folder / f"{917:012d}{suffix}").symlink_to("nothing")
    (folder / f"{918:012d}{suffix}").symlink_to(f"{918:012d}{suffix}")
    assert journal.waiting() == [first]
    assert list(journal.ids()) == [*(f"{number:012d}" for number in (918, 917, 916, 915)), first]
    second = journal.accept(change("y"), most=2)
    assert second == f"{919:012d}", "it takes no other's place"
    assert journal.waiting() == [first, second]
    done = Done(head=HEAD, state="done", index_version="v", finished="now", put=1, removed=0)
    for each in (first, second):
        journal.finish(each, done)
    journal.tidy()
    assert journal.waiting() == []
    assert [journal.look_up(each) for each in (second, first)] == [done, done]


def test_after_the_last_number_nothing_is_accepted_and_nothing_lost(tmp_path: Path) -> None:
    journal, last = Journal(tmp_path), "999999999999"
    first = journal.accept(change("x"), most=9)
    (tmp_path / "changes" / "waiting" / f"{int(last) - 1}.jsonl").touch()
    assert journal.accept(change("y"), most=9) == last

    def complete(_: Change) -> Change:
        raise AssertionError("its pictures would stay")

    for _ in range(2):
        with pytest.raises(OSError, match=f"move it away: .*{last}"):
            journal.accept(change("z"), most=9, complete=complete)
    assert journal.waiting() == [first, str(int(last) - 1), last]
    assert journal.read(last)[0] == change("y")


def test_a_file_larger_than_any_change_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    change_id = journal.accept(change("x"), most=1)
    monkeypatch.setattr("service.changes.journal.MOST_BYTES", 9)
    with pytest.raises(ValueError, match="more than 9 bytes"):
        journal.read(change_id)
