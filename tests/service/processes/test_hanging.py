"""Processes that hang: they are ended and replaced, and their own requests alone are lost."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.service.processes.family import Family, counted, family, is_alive, is_ready, wait_until
from tests.service.processes.load import IMAGE, Load

pytestmark = pytest.mark.slow
SILENCE_S = 5


@pytest.fixture(scope="module")
def running(index_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    with family(index_home, tmp_path_factory.mktemp("family"), silence_s=SILENCE_S, probe_s=0.5) as running:
        yield running


def test_a_stopped_engine_is_replaced_and_what_it_had_is_answered(running: Family) -> None:
    with Load(running.url) as load:
        load.wait_for(10)
        (stopped,) = running.engines
        os.kill(stopped, signal.SIGSTOP)
        wait_until(lambda: not is_alive(stopped), 60)
        wait_until(lambda: running.engines != [] and is_ready(running.url))
        load.wait_for(10)
    assert set(load.seen) == {"200"}, load.seen
    assert counted(running.url, 'wikiclip_process_restarts_total{kind="engine"}') == 1
    assert "hangs and is ended" in running.log.read_text()


def test_a_stopped_front_is_replaced_and_the_other_goes_on(running: Family) -> None:
    stopped, other = running.fronts
    engines = running.engines
    os.kill(stopped, signal.SIGSTOP)
    wait_until(lambda: not is_alive(stopped), 60)
    wait_until(lambda: len(running.fronts) == 2)
    with Load(running.url) as load:
        load.wait_for(20)
    assert set(load.seen) == {"200"}, load.seen
    assert other in running.fronts
    assert running.engines == engines
    assert counted(running.url, 'wikiclip_process_restarts_total{kind="front"}') == 1


def test_whoever_works_is_left_alone(running: Family) -> None:
    """Also where the supervisor itself did not run for a while, and heard nobody."""
    before = running.pids("wikiclip-")
    os.kill(running.process.pid, signal.SIGSTOP)
    try:
        for _ in range(40):
            answer = httpx.post(f"{running.url}/link", json={"image": IMAGE, "regions": [None] * 16}, timeout=60)
            assert answer.status_code == 200
    finally:
        os.kill(running.process.pid, signal.SIGCONT)
    restarts = counted(running.url, "wikiclip_process_restarts_total")
    with Load(running.url) as load:
        load.wait_for(20)
    assert set(load.seen) == {"200"}
    assert counted(running.url, "wikiclip_process_restarts_total") == restarts
    assert running.pids("wikiclip-") == before
