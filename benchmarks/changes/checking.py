"""What must hold once all changes are done: each record is there once, as the last change of it has it."""

from collections import Counter
from pathlib import Path

import httpx

from benchmarks.changes.sending import PREFIX, Book, Record
from indexer.search import EntityIndex
from indexer.updating.notes import read_updates
from indexer.version import read_version


def faults(book: Book, jobs: list[dict[str, object]], home: Path, http: httpx.Client, *, build: set[str]) -> list[str]:
    """What does not hold; nothing where all does.

    Args:
        jobs: what became of those that were answered for.
        build: the ids that the index held before.
    """
    found = [f"{len(book.refused)} changes were refused: {book.refused[0]}"] if book.refused else []
    if len(jobs) != len(set(book.jobs)):
        found.append("two changes had one job")
    found += [f"the job {job['job_id']} is {job['state']}: {job['faults']}" for job in jobs if job["state"] != "done"]
    version = read_version(home)
    version.verify()
    told = Counter(outcome.change for update in read_updates(version).last for outcome in update.outcomes)
    found += [f"the change {change} was applied {times} times" for change, times in told.items() if times > 1]
    with_id = Counter(entity.entity_id for entity in EntityIndex.open(home).entities_titled("", 10**9))
    found += [f"{entity_id} is there {times} times" for entity_id, times in with_id.items() if times > 1]
    if missing := build - with_id.keys():
        found.append(f"{len(missing)} records of before are gone, as {min(missing)}")
    if more := {each for each in with_id if each.startswith(PREFIX)} - book.may_be.keys():
        found.append(f"{len(more)} records are there that nobody sent, as {min(more)}")
    for entity_id, may_be in book.may_be.items():
        if not any(_is(http, entity_id, record) for record in reversed(may_be)):
            found.append(f"{entity_id} is not as it was sent")
    return found


def _is(http: httpx.Client, entity_id: str, record: Record | None) -> bool:
    answer = http.get(f"/entities/{entity_id}")
    if record is None or answer.status_code == 404:
        return record is None and answer.status_code == 404
    shown = answer.raise_for_status().json()
    if shown["title"] != record.title:
        return False
    pictures = [http.get(image).raise_for_status().content for image in shown["images"]]
    return pictures == ([] if record.picture is None else [record.picture])
