"""The process that applies changes: beside a service that is killed, one of several processes, and two on one index."""

import sys
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

from benchmarks.changes.killed import kill
from benchmarks.changes.running import HEADERS, running
from benchmarks.changes.sending import wait_until_done
from benchmarks.changes.under_load import load
from indexer.search import EntityIndex
from indexer.updating.notes import read_updates
from indexer.version import read_version
from service.changes.journal import Journal
from service.changes.keeper import ALONE_AFTER, GIVEN_UP_AFTER, MOST, Keeper
from service.changes.work import Work
from service.settings import Settings
from tests.service.changes.conftest import copied
from tests.service.changes.test_journal import change

pytestmark = pytest.mark.slow


@pytest.fixture
def home(index_home: Path, short_path: Path) -> Path:
    return copied(index_home, short_path)


def ids_of(home: Path) -> set[str]:
    return {entity.entity_id for entity in EntityIndex.open(home).entities_titled("", 100)}


def test_what_was_answered_for_outlives_the_service(home: Path, short_path: Path) -> None:
    start = partial(running, home, short_path / "service", model="tiny", nice=0)
    seen = kill(start, home, kills=2, within_s=6.0, seed=1, build=ids_of(home))
    assert seen.faults == []
    assert seen.changes >= 2


@pytest.mark.parametrize("processes", [1, 2])
def test_nobody_who_links_sees_a_change_being_made(home: Path, short_path: Path, processes: int) -> None:
    build = ids_of(home)
    with running(home, short_path / "service", model="tiny", processes=processes, nice=0) as service:
        seen = load(service, home, changes=12, seconds=6, callers=2, build=build)
    assert seen.faults == []
    assert (seen.changes, seen.failed) == (12, 0)
    assert seen.links > 0


def test_who_dies_of_a_change_again_and_again_is_told_to_give_it_up(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    dying = f"import os, sys; open({str(told)!r}, 'a').write(sys.stdin.readline()); os.kill(os.getpid(), 9)"
    monkeypatch.setattr("service.changes.keeper.COMMAND", [sys.executable, "-c", dying])
    monkeypatch.setattr("service.changes.keeper.FIRST_WAIT_S", 0.0)
    keeper = Keeper(Settings(index=home))
    keeper.look()
    assert keeper.pid is None, "nothing waits"
    journal = Journal(home)
    journal.accept(change("x"), most=10)
    for _ in range(GIVEN_UP_AFTER + 1):
        keeper.look()
        while keeper._process is not None and keeper._process.poll() is None:
            time.sleep(0.02)
    works = [Work.model_validate_json(line) for line in told.read_text().splitlines()]
    assert [work.most for work in works] == [MOST] * ALONE_AFTER + [1] * (GIVEN_UP_AFTER + 1 - ALONE_AFTER)
    assert [work.give_up for work in works] == [False] * GIVEN_UP_AFTER + [True]
    keeper.close()


def test_two_services_on_one_index_apply_each_change_once(home: Path, short_path: Path) -> None:
    """One of them applies, and both follow."""
    ids = ids_of(home)
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(running(home, short_path / name, model="tiny", nice=0)) for name in ("one", "other")
        )
        jobs = []
        for number in range(8):
            url = (one, other)[number % 2].url
            record = {"title": f"thing {number}", "text": ""}
            jobs.append(httpx.put(f"{url}/entities/n{number}", json=record, headers=HEADERS).json()["job_id"])
        assert len({*jobs}) == 8
        found = wait_until_done(other.url, jobs, seconds=240)
        assert {job["state"] for job in found} == {"done"}
        wait_until_done(one.url, jobs, seconds=240)
        for url in (one.url, other.url):
            assert httpx.get(f"{url}/entities/n7", headers=HEADERS).json()["title"] == "thing 7"
    assert ids_of(home) == ids | {f"n{number}" for number in range(8)}
    outcomes = [one.change for update in read_updates(read_version(home)).last for one in update.outcomes]
    assert sorted(outcomes) == sorted(jobs)
