"""Who does what next."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine.crew import Crew
from service.engine.stage import Full, Stage
from tests.service.engine.held import WAIT_S, Held


@contextmanager
def crew_of(workers: int) -> Iterator[Crew]:
    crew = Crew(workers)
    try:
        yield crew
    finally:
        crew.close()


def names(batch: Sequence[int]) -> list[str]:
    """Work that tells which thread does it."""
    return [threading.current_thread().name for _ in batch]


def until(crew: Crew, idle: int) -> None:
    """Waits for workers, who hand a result over before they wait again."""
    while len(crew._idle) < idle:
        time.sleep(0.001)


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="the kernel tells no computing thread from another")
def test_workers_compute_in_peace_and_who_submits_does_not() -> None:
    with crew_of(1) as crew:
        stage = crew.stage(lambda batch: [os.sched_getscheduler(0) for _ in batch], capacity=1)
        assert stage.submit(0).result(WAIT_S) == os.SCHED_BATCH
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_kernel_that_forbids_it_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbid, raising=False)
    with crew_of(1) as crew:
        assert crew.stage(list, capacity=1).submit(7).result(WAIT_S) == 7


def test_what_is_nearly_done_comes_first_and_a_batch_that_is_not_full_last() -> None:
    done: list[str] = []

    def noting(name: str) -> Callable[[Sequence[int]], list[int]]:
        def work(batch: Sequence[int]) -> list[int]:
            done.append(f"{name}{len(batch)}")
            return list(batch)

        return work

    held = Held()
    with crew_of(1) as crew:
        gate = crew.stage(held, capacity=1)
        first = crew.stage(noting("decode"), capacity=9)
        patient = crew.stage(noting("encode"), capacity=9, max_weight=4, patient=True)
        last = crew.stage(noting("search"), capacity=9, max_weight=9)
        gate.submit(0)
        assert held.entered.acquire(timeout=WAIT_S)
        for stage, jobs in ((first, 2), (patient, 5), (last, 2)):
            for job in range(jobs):
                stage.submit(job)
        held.gate.set()
    assert done == ["search2", "encode4", "decode1", "decode1", "encode1"]


def test_whoever_finds_nothing_else_to_do_takes_a_batch_that_is_not_full() -> None:
    held = Held()
    with crew_of(2) as crew:
        patient = crew.stage(held, capacity=9, max_weight=8, at_once=2, patient=True)
        futures = [patient.submit(0)]
        assert held.entered.acquire(timeout=WAIT_S)
        futures.append(patient.submit(1))
        assert held.entered.acquire(timeout=WAIT_S), "a core was idle"
        held.gate.set()
        assert [future.result(WAIT_S) for future in futures] == [0, 10]


def test_no_more_batches_of_a_stage_are_worked_on_at_once_than_it_allows() -> None:
    held = Held()
    with crew_of(3) as crew:
        stage = crew.stage(held, capacity=9, at_once=2)
        other = crew.stage(names, capacity=9)
        futures = [stage.submit(number) for number in range(4)]
        for _ in range(2):
            assert held.entered.acquire(timeout=WAIT_S)
        assert not held.entered.acquire(timeout=0.2)
        assert other.submit(0).result(WAIT_S).startswith("crew-"), "who is left does other work"
        held.gate.set()
        assert [future.result(WAIT_S) for future in futures] == [0, 10, 20, 30]


def test_a_lone_job_stays_on_the_first_thread() -> None:
    with crew_of(3) as crew:
        stages = [crew.stage(names, capacity=1) for _ in range(3)]
        seen: list[str] = []
        end: Future[None] = Future()

        def go_on(done: "Future[str]") -> None:
            seen.append(done.result())
            if len(seen) == len(stages):
                end.set_result(None)
            else:
                stages[len(seen)].submit(0).add_done_callback(go_on)

        for _ in range(20):
            until(crew, idle=3)
            seen.clear()
            end = Future()
            stages[0].submit(0).add_done_callback(go_on)
            end.result(WAIT_S)
            assert seen == ["crew-0"] * 3


def test_the_first_of_the_idle_starts() -> None:
    barrier = threading.Barrier(3)

    def together(batch: Sequence[int]) -> list[str]:
        barrier.wait(WAIT_S)  # so that each worker has one
        return names(batch)

    with crew_of(3) as crew:
        all_at_once, one = crew.stage(together, capacity=3, at_once=3), crew.stage(names, capacity=1)
        for _ in range(20):
            futures = [all_at_once.submit(0) for _ in range(3)]
            assert {future.result(WAIT_S) for future in futures} == {"crew-0", "crew-1", "crew-2"}
            until(crew, idle=3)
            assert one.submit(0).result(WAIT_S) == "crew-0"


def test_what_a_later_worker_hands_on_goes_to_the_first_if_that_one_is_idle() -> None:
    hold_first, hold_later = Held(), Held()
    with crew_of(2) as crew:
        first = crew.stage(hold_first, capacity=1)
        later = crew.stage(hold_later, capacity=1)
        last = crew.stage(names, capacity=1)
        before = first.submit(0)  # keeps crew-0
        assert hold_first.entered.acquire(timeout=WAIT_S)
        handed: Future[Future[str]] = Future()
        later.submit(0).add_done_callback(lambda _: handed.set_result(last.submit(0)))
        assert hold_later.entered.acquire(timeout=WAIT_S)
        hold_first.gate.set()
        before.result(WAIT_S)
        until(crew, idle=1)
        hold_later.gate.set()
        assert handed.result(WAIT_S).result(WAIT_S) == "crew-0"


def test_busy_counts_who_is_at_work() -> None:
    held = Held()
    with crew_of(3) as crew:
        stage = crew.stage(held, capacity=9, at_once=3)
        futures = [stage.submit(0) for _ in range(2)]
        for _ in futures:
            assert held.entered.acquire(timeout=WAIT_S)
        assert crew.busy == 2
        held.gate.set()
        wait(futures, WAIT_S)
        until(crew, idle=3)
        assert crew.busy == 0


def test_closing_finishes_what_was_accepted_through_all_stages() -> None:
    held = Held()
    crew = Crew(2)
    first = crew.stage(held, capacity=10, max_weight=2, at_once=2)
    second = crew.stage(lambda batch: [item + 1 for item in batch], capacity=10, max_weight=9, patient=True)
    ends: list[Future[int]] = []
    for number in range(5):
        first.submit(number).add_done_callback(lambda done: ends.append(second.submit(done.result())))
    closing = threading.Thread(target=crew.close)
    closing.start()
    while not crew._closed:
        time.sleep(0.001)
    for stage in (first, second):
        with pytest.raises(Full):
            stage.submit(5)
    held.gate.set()
    closing.join(WAIT_S)
    assert sorted(end.result(0) for end in ends) == [1, 11, 21, 31, 41]


@dataclass(frozen=True)
class State:
    """A stage as it may be found, and what waits there."""

    weights: list[int]
    max_weight: int
    at_once: int
    at_work: int
    patient: bool


STATES = st.builds(
    State,
    weights=st.lists(st.integers(1, 4), max_size=4),
    max_weight=st.integers(1, 8),
    at_once=st.integers(1, 2),
    at_work=st.integers(0, 2),
    patient=st.booleans(),
)


@given(st.lists(STATES, max_size=5))
def test_the_most_urgent_is_the_last_that_may_start_unless_it_is_patient(
    states: list[State],
) -> None:
    crew = Crew(0)
    for state in states:
        stage: Stage[int, int] = crew.stage(
            list, capacity=9, **{name: getattr(state, name) for name in ("max_weight", "at_once", "patient")}
        )
        for weight in state.weights:
            stage.submit(0, weight=weight)
        stage._at_work = state.at_work
    may = [number for number, state in enumerate(states) if state.weights and state.at_work < state.at_once]
    soon = [n for n in may if not states[n].patient or sum(states[n].weights) >= states[n].max_weight]
    found = crew._most_urgent()
    assert (None if found is None else len(states) - 1 - crew._stages.index(found)) == max(soon or may, default=None)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=40),
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 3), st.booleans()), min_size=1, max_size=4),
    st.sets(st.integers(0, 39)),
)
def test_every_job_goes_through_all_stages_once(
    weights: list[int], workers: int, shapes: list[tuple[int, int, bool]], gone: set[int]
) -> None:
    """Whatever the stages are like, however many workers there are, and whoever gives up."""
    lock, at_work, most, passed = threading.Lock(), 0, 0, list[tuple[int, int]]()

    def working(number: int) -> Callable[[Sequence[int]], list[int]]:
        def work(batch: Sequence[int]) -> list[int]:
            nonlocal at_work, most
            with lock:
                at_work += 1
                most = max(most, at_work)
                passed.extend((number, item) for item in batch)
            with lock:
                at_work -= 1
            return list(batch)

        return work

    with crew_of(workers) as crew:
        stages = [
            crew.stage(working(number), capacity=40, max_weight=heaviest, at_once=at_once, patient=patient)
            for number, (heaviest, at_once, patient) in enumerate(shapes)
        ]
        ends: list[Future[int]] = [Future() for _ in weights]

        def enter(number: int, item: int) -> None:
            under_way = stages[number].submit(item, weight=weights[item])
            under_way.add_done_callback(lambda done: go_on(number, item, done))
            if number == 0 and item in gone:
                under_way.cancel()

        def go_on(number: int, item: int, done: "Future[int]") -> None:
            if done.cancelled():
                ends[item].set_exception(CancelledError())
            elif number + 1 < len(stages):
                enter(number + 1, item)
            else:
                ends[item].set_result(done.result())

        for item in range(len(weights)):
            enter(0, item)
        wait(ends, WAIT_S)
    stayed = []
    for item, end in enumerate(ends):
        if end.exception(0) is None:
            assert end.result() == item
            stayed.append(item)
    assert set(range(len(weights))) - gone <= set(stayed)
    assert sorted(passed) == sorted((number, item) for number in range(len(stages)) for item in stayed)
    assert most <= workers


def test_who_is_at_one_batch_for_long_is_told() -> None:
    held = Held()
    with crew_of(2) as crew:
        assert crew.busy_s == 0
        began = time.monotonic()
        slow = crew.stage(held, capacity=1).submit(0)
        assert held.entered.acquire(timeout=WAIT_S)
        entered = time.monotonic()
        crew.stage(names, capacity=1).submit(0).result(WAIT_S)
        time.sleep(0.05)
        assert time.monotonic() - entered <= crew.busy_s <= time.monotonic() - began
        held.gate.set()
        slow.result(WAIT_S)
    assert crew.busy_s == 0
