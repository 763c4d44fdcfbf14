import os
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.batching import Stage
from service.scheduling import SLICE_NS, compute_in_peace
from tests.service.test_batching import WAIT_S

SCHEDULE = Path("/proc/thread-self/sched")

tells = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="the kernel tells no computing thread from another")


def slice_ns() -> int | None:
    """How long the calling thread may keep its core; None where the kernel does not say."""
    lines = SCHEDULE.read_text().splitlines() if SCHEDULE.exists() else []
    return next((int(line.split(":")[1]) for line in lines if line.startswith("se.slice")), None)


def grants_slices() -> bool:
    """Linux 6.12 and later."""
    release = platform.release().split("-")[0].split(".")
    return platform.system() == "Linux" and tuple(map(int, release[:2])) >= (6, 12)


@tells
def test_workers_of_a_stage_compute_in_peace_and_who_submits_does_not() -> None:
    stage = Stage[int, int](lambda batch: [os.sched_getscheduler(0) for _ in batch], name="quiet", capacity=1)
    assert stage.submit(0).result(WAIT_S) == os.SCHED_BATCH
    stage.close()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.mark.skipif(not grants_slices() or slice_ns() is None, reason="the kernel grants no slices, or says nothing")
def test_a_thread_that_computes_keeps_its_core_longer_and_no_other_does() -> None:
    before = slice_ns()
    with ThreadPoolExecutor(1, initializer=compute_in_peace) as thread:
        assert thread.submit(slice_ns).result(WAIT_S) == SLICE_NS
    assert slice_ns() == before != SLICE_NS


@tells
def test_a_thread_that_is_nice_stays_so() -> None:
    def niced() -> tuple[int, int]:
        os.setpriority(os.PRIO_PROCESS, 0, 7)
        compute_in_peace()
        return os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(niced).result(WAIT_S) == (7, os.SCHED_BATCH)


@tells
def test_a_machine_whose_calls_have_unknown_numbers_goes_without_longer_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    before = slice_ns()
    monkeypatch.setattr(platform, "machine", lambda: "pdp11")
    with ThreadPoolExecutor(1, initializer=compute_in_peace) as thread:
        assert thread.submit(os.sched_getscheduler, 0).result(WAIT_S) == os.SCHED_BATCH
        assert thread.submit(slice_ns).result(WAIT_S) == before


def test_a_kernel_that_forbids_it_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbid, raising=False)
    with ThreadPoolExecutor(1, initializer=compute_in_peace) as thread:
        assert thread.submit(os.sched_getscheduler, 0).result(WAIT_S) == os.SCHED_OTHER
