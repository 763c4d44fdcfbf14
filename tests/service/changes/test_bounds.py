"""What one caller's change may take from others, and what is refused of a change before anything of it is kept."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from indexer.kb.jsonl import MOST_KEYS
from service.changes.journal import Journal
from service.errors import Cause, Problem
from service.http.turns import Deadline
from service.routes.changes import SMALL_BYTES, Receiver
from service.routes.jobs import told
from service.routes.records import MOST_LINES, MOST_PICTURES, Draft, lines_put, record_put, removal
from service.settings import Settings
from tests.service.changes.conftest import CALLER, Asking, drawn
from wikiclip.base.locks import locked

LINES = {"content-type": "application/x-ndjson"}


def line(number: int, **more: object) -> bytes:
    return json.dumps({"entity_id": f"z{number}", "title": "a", "text": "", **more}).encode() + b"\n"


def refused(body: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        lines_put(body, "ops")
    return caught.value


def test_a_body_has_so_many_lines_and_values_and_no_more() -> None:
    assert lines_put(b"".join(map(line, range(MOST_LINES))) + b"\n\n", "ops").change.head.puts == MOST_LINES
    problem = refused(b"\n" * MOST_LINES + line(0))
    assert problem.cause is Cause.BODY_TOO_LARGE
    assert "10,000 lines" in problem.detail
    problem = refused(b"".join(line(number, x=[1] * 60_000) for number in range(9)))
    assert problem.cause is Cause.BODY_TOO_LARGE
    assert "500,000 values" in problem.detail


def test_reading_lines_ends_with_the_deadline() -> None:
    with pytest.raises(Problem) as caught:
        lines_put(b"".join(map(line, range(MOST_LINES))), "ops", Deadline(0.001).expect_time)
    assert caught.value.cause is Cause.DEADLINE


def here() -> None:
    """Who asks is still there."""


class Slow:
    """Reads a change for as long as it is held."""

    def __init__(self) -> None:
        self.reads, self.go_on = threading.Event(), threading.Event()

    def __call__(self, _: Deadline) -> Draft:
        self.reads.set()
        assert self.go_on.wait(30)
        return removal("slow", "ops")


def test_a_small_change_waits_for_no_large_one_and_a_large_one_not_for_ever(settings: Settings, tmp_path: Path) -> None:
    async def asked() -> None:
        receiver = Receiver(settings.model_copy(update={"index": tmp_path, "deadline_s": 0.5}))
        slow = Slow()
        first = asyncio.create_task(receiver.accepted(slow, SMALL_BYTES + 1, here))
        await asyncio.to_thread(slow.reads.wait, 30)
        job = await receiver.accepted(lambda _: removal("quick", "ops"), SMALL_BYTES, here)
        assert job.state == "waiting"
        for task in (receiver.accepted(lambda _: removal("late", "ops"), SMALL_BYTES + 1, here), first):
            with pytest.raises(Problem) as caught:
                await task
            assert caught.value.cause is Cause.DEADLINE
            slow.go_on.set()
        assert receiver.journal.waiting() == [job.job_id]

    asyncio.run(asked())


def test_what_nobody_waits_for_is_not_kept(settings: Settings, tmp_path: Path) -> None:
    async def asked(looks: int) -> None:
        """Who is gone after so many looks."""
        left = iter(range(looks))

        def expect_awaited() -> None:
            if next(left, None) is None:
                raise Problem(Cause.CONNECTION_CLOSED, "")

        receiver = Receiver(settings.model_copy(update={"index": tmp_path}))
        draft = Draft(removal("x", "ops").change, [drawn((1, 2, 3))])
        with pytest.raises(Problem) as caught:
            await receiver.accepted(lambda _: draft, 9, expect_awaited)
        assert caught.value.cause is Cause.CONNECTION_CLOSED
        assert receiver.journal.waiting() == []
        assert not receiver.journal.pictures.exists()

    asyncio.run(asked(0))
    asyncio.run(asked(1))


@pytest.mark.parametrize("held", ["LOCK", "RECEIVING"])
def test_who_holds_the_files_for_long_holds_no_caller_beyond_its_deadline(
    settings: Settings, tmp_path: Path, held: str
) -> None:
    receiver = Receiver(settings.model_copy(update={"index": tmp_path, "deadline_s": 0.3}))
    draft = Draft(lines_put(line(0), "ops").change, [drawn((1, 2, 3))])
    receiver.journal.folder.mkdir()
    with locked(receiver.journal.folder / held), pytest.raises(Problem) as caught:
        asyncio.run(receiver.accepted(lambda _: draft, 9, here))
    assert caught.value.cause is Cause.DEADLINE
    assert receiver.journal.waiting() == []
    assert not receiver.journal.pictures.exists()
    asyncio.run(receiver.accepted(lambda _: draft, 9, here))
    assert len(receiver.journal.waiting()) == 1


@pytest.mark.parametrize("held", ["LOCK", "RECEIVING"])
def test_who_goes_while_another_process_holds_the_files_has_nothing_kept(
    settings: Settings, tmp_path: Path, held: str
) -> None:
    gone = threading.Event()

    def expect_awaited() -> None:
        if gone.is_set():
            raise Problem(Cause.CONNECTION_CLOSED, "")

    async def asked() -> None:
        receiver = Receiver(settings.model_copy(update={"index": tmp_path}))
        draft = Draft(lines_put(line(0), "ops").change, [drawn((1, 2, 3))])
        receiver.journal.folder.mkdir()
        with locked(receiver.journal.folder / held):
            waits = asyncio.create_task(receiver.accepted(lambda _: draft, 9, expect_awaited))
            await asyncio.sleep(0.3)  # until it waits for the file
            gone.set()
        with pytest.raises(Problem) as caught:
            await waits
        assert caught.value.cause is Cause.CONNECTION_CLOSED
        assert receiver.journal.waiting() == []
        assert not receiver.journal.pictures.exists()

    asyncio.run(asked())


@pytest.mark.parametrize(
    ("field", "at"),
    [
        (r'"title": "a\ud800"', "title"),
        (r'"text": "\udc00\ud83d"', "text"),
        (r'"aliases": ["b", "\ud800"]', "aliases"),
        (r'"extra": {"a": {"\ud800": 1}}', "extra"),
        (r'"lang": "d\ud800"', "lang"),
        (r'"\ud800": 1', "a key that no record has"),
        (r'"shelf": ["\ud800"]', "a key that no record has"),
    ],
)
def test_half_a_surrogate_pair_is_told_by_its_key_and_no_place_of_our_own(field: str, at: str) -> None:
    others = [other for other in ('"title": "Bücher"', '"text": ""') if other[:6] != field[:6]]
    body = ("{" + ", ".join(['"entity_id": "x"', *others, field]) + "}").encode()
    said = f"{at}: holds half of a surrogate pair, which is no character"
    with pytest.raises(Problem) as caught:
        record_put("x", body, [], "ops")
    assert caught.value.errors == [{"pointer": "#", "detail": f"{said}."}]
    change = lines_put(line(0) + body + b"\n", "ops").change
    assert (change.head.puts, list(change.head.faults)) == (1, [f"line 2: {said}"])


def test_a_whole_surrogate_pair_is_a_character_and_places_are_those_that_were_sent() -> None:
    body = b'{"entity_id": "x", "title": "\\ud83d\\ude00", "text": "\xc3\xbc"}'
    (put,) = record_put("x", body, [], "ops").change.puts
    assert put.record == {"entity_id": "x", "title": "\U0001f600", "text": "ü"}
    with pytest.raises(Problem) as caught:
        record_put("x", b'{"title": "\xc3\xbc", "text": \\}', [], "ops")
    assert caught.value.detail == "The record: Expecting value at character 23."


def test_keys_that_no_record_has_are_told_of_with_the_job(tmp_path: Path) -> None:
    body = line(0, Title="x") + line(1, Title="y", **{"k" * 999: 1}) + line(2, extra={"shelf": 7})
    change = lines_put(body, "ops").change
    journal = Journal(tmp_path)
    told_of = told(journal, journal.accept(change, most=9))
    assert told_of is not None
    assert told_of.kept_as_extra == {"Title": 2, "k" * 100: 1}
    alike = (
        line(0, **{"k" * 999 + "1": 1, "k" * 999 + "2": 1})
        + line(1, long="x" * 70_000)
        + line(2, shelf=1, extra={"shelf": 2})
    )
    head = lines_put(alike, "ops").change.head
    assert head.kept_as_extra == {"k" * 100: 2}, "what was left out is not kept"
    assert len(head.faults) == 2
    many = line(0, **{f"key{number}": 0 for number in range(99)})
    assert len(lines_put(many, "ops").change.head.kept_as_extra) == MOST_KEYS


def test_a_job_that_waits_in_a_damaged_file_has_failed(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    job_id = journal.accept(removal("x", "ops").change, most=9)
    (journal.folder / "waiting" / f"{job_id}.jsonl").write_bytes(b'{"caller": "ops", "acce')
    job = told(journal, job_id)
    assert job is not None
    assert (job.state, job.faults) == ("failed", ["its file was damaged"])


@pytest.mark.slow
def test_a_change_whose_caller_gave_up_is_not_kept(asking: Asking) -> None:
    def put(entity_id: str, timeout: float) -> httpx.Response:
        return asking.http.put(f"/entities/{entity_id}", json={"title": "x", "text": ""}, timeout=timeout)

    (asking.home / "changes").mkdir(exist_ok=True)
    before = len(asking.http.get("/jobs").json()["jobs"])
    with ThreadPoolExecutor() as threads:
        with locked(asking.home / "changes" / "LOCK"):
            first = threads.submit(put, "first", 60)
            time.sleep(0.5)  # until it waits for the file
            with pytest.raises(httpx.ReadTimeout):
                put("given-up", 0.5)
            time.sleep(1.0)  # until it is known that the caller went
        asking.applied(first.result())
    asking.applied(put("last", 60))
    assert asking.http.get("/entities/given-up").status_code == 404
    assert len(asking.http.get("/jobs").json()["jobs"]) == before + 2


@pytest.mark.slow
def test_many_lines_are_refused_over_http(asking: Asking) -> None:
    answer = asking.http.post("/entities", content=b"".join(map(line, range(MOST_LINES + 1))), headers=LINES)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:wikiclip:problem:body-too-large")


@pytest.mark.slow
def test_a_record_whose_id_is_a_word_of_paths_comes_and_goes(asking: Asking) -> None:
    for word in ("image", "neighbours"):
        asking.applied(asking.http.put(f"/entities/{word}", json={"title": word, "text": ""}))
        assert asking.http.get(f"/entities/{word}").json()["title"] == word
        asking.applied(asking.http.delete(f"/entities/{word}"))
        assert asking.http.get(f"/entities/{word}").status_code == 404
        for path in (f"/entities/a/{word}", f"/entities/a/{word[:-1]}%{ord(word[-1]):x}"):
            assert asking.http.put(path, json={"title": word, "text": ""}).status_code == 405


@pytest.mark.slow
@pytest.mark.parametrize("entity_id", ["ol%E9", "%ff%2Fa", "a%0Ab", "a%0A", "%20a", "%2e%2e", "", "a" * 257])
def test_an_id_that_no_record_may_have_is_refused_at_once(asking: Asking, entity_id: str) -> None:
    """As it is sent: httpx would take two dots for the folder above."""
    before = asking.http.get("/jobs").json()["jobs"][:1]
    for method, status, kind in (
        ("PUT", 422, "invalid-request"),
        ("DELETE", 422, "invalid-request"),
        ("GET", 404, "unknown-entity"),
    ):
        target = httpx.URL(asking.service.url).copy_with(raw_path=f"/entities/{entity_id}".encode())
        answer = asking.http.request(method, target, json={"title": "x", "text": ""} if method == "PUT" else None)
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:wikiclip:problem:{kind}"), answer.text
    assert asking.http.get("/jobs").json()["jobs"][:1] == before


@pytest.mark.slow
def test_a_line_break_behind_a_path_gets_nobody_in(asking: Asking) -> None:
    head = {"Authorization": f"Bearer {CALLER}", **LINES}
    for method, path in (("POST", "/entities"), ("GET", "/jobs"), ("GET", "/metrics"), ("GET", "/jobs/000000000001")):
        answer = asking.http.request(method, f"{path}%0A", content=line(0) if method == "POST" else None, headers=head)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:wikiclip:problem:not-found"), path


@pytest.mark.slow
def test_as_many_pictures_as_a_record_has(asking: Asking) -> None:
    record = ("record", (None, json.dumps({"title": "many", "text": ""}), "application/json"))
    pictures = [("image", ("p.png", drawn((number, 9, 9)))) for number in range(MOST_PICTURES + 1)]
    asking.applied(asking.http.put("/entities/many", files=[record, *pictures[:-1]]))
    images = asking.http.get("/entities/many").json()["images"]
    assert len(images) == MOST_PICTURES
    answer = asking.http.put("/entities/many", files=[record, *pictures])
    assert answer.status_code == 422
    assert "64 parts `image`" in answer.json()["detail"]
    named = ("record", (None, json.dumps({"title": "many", "text": "", "images": images}), "application/json"))
    answer = asking.http.put("/entities/many", files=[named, pictures[-1]])
    assert "at most 64 pictures" in answer.json()["errors"][0]["detail"]


@pytest.mark.slow
def test_of_what_is_refused_no_picture_stays(asking: Asking) -> None:
    def stored() -> int:
        return sum(path.is_file() for path in (asking.home / "changes" / "pictures").rglob("*"))

    before = stored()
    record = ("record", (None, json.dumps({"title": "x", "text": ""}), "application/json"))
    parts = [record, ("image", ("a.png", drawn((77, 1, 1)))), ("image", ("b.png", b"<svg/>"))]
    assert asking.http.put("/entities/x", files=parts).status_code == 415
    assert stored() == before


@pytest.mark.slow
def test_a_job_whose_file_is_damaged_has_failed_and_hides_no_other(asking: Asking) -> None:
    asking.applied(asking.http.put("/entities/hurt", json={"title": "x", "text": ""}))
    good = asking.applied(asking.http.put("/entities/well", json={"title": "x", "text": ""}))
    job_id = f"{int(good['job_id']) - 1:012d}"
    file = asking.home / "changes" / "done" / f"{job_id}.json"
    content = file.read_bytes()
    for fault in ("its file was damaged", "its file cannot be read"):
        if fault == "its file was damaged":
            file.write_bytes(content[:40])
        else:
            file.unlink()
            file.mkdir()
        job = asking.http.get(f"/jobs/{job_id}").raise_for_status().json()
        assert (job["state"], job["faults"]) == ("failed", [fault])
        listed = asking.http.get("/jobs", params={"limit": 2}).raise_for_status().json()["jobs"]
        assert [each["job_id"] for each in listed] == [good["job_id"], job_id]
    file.rmdir()
