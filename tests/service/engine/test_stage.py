import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine.crew import Crew
from service.engine.stage import Full, Stage
from service.telemetry.metrics import StageWatch
from tests.service.engine.held import WAIT_S, Held


@contextmanager
def stage_of(
    work: Callable[[Sequence[int]], Sequence[int]],
    *,
    workers: int = 1,
    capacity: int = 100,
    max_weight: int = 1,
    watch: StageWatch | None = None,
) -> Iterator[Stage[int, int]]:
    crew = Crew(workers)
    try:
        yield crew.stage(work, capacity=capacity, max_weight=max_weight, at_once=workers, watch=watch)
    finally:
        crew.close()


def test_a_lone_item_starts_at_once_and_the_waiting_share_a_batch() -> None:
    held = Held()
    with stage_of(held, max_weight=8) as stage:
        first = stage.submit(0)
        assert held.entered.acquire(timeout=WAIT_S)
        others = [stage.submit(item) for item in range(1, 11)]
        held.gate.set()
        assert [future.result(WAIT_S) for future in [first, *others]] == [item * 10 for item in range(11)]
    assert held.batches == [[0], [1, 2, 3, 4, 5, 6, 7, 8], [9, 10]]


def test_weights_bound_a_batch_and_a_heavy_item_goes_alone() -> None:
    held = Held()
    with stage_of(held, max_weight=8) as stage:
        stage.submit(0)
        assert held.entered.acquire(timeout=WAIT_S)
        for item, weight in enumerate([5, 3, 1, 20, 4, 4], start=1):
            stage.submit(item, weight=weight)
        held.gate.set()
    assert held.batches == [[0], [1, 2], [3], [4], [5, 6]]


def test_the_cancelled_are_skipped_and_give_their_place_up() -> None:
    held = Held()
    with stage_of(held, max_weight=8, capacity=2) as stage:
        stage.submit(0)
        assert held.entered.acquire(timeout=WAIT_S)
        one, two = stage.submit(1), stage.submit(2)
        with pytest.raises(Full):
            stage.submit(3)
        assert one.cancel()
        three = stage.submit(3)
        held.gate.set()
        assert (two.result(WAIT_S), three.result(WAIT_S)) == (20, 30)
        with pytest.raises(CancelledError):
            one.result(WAIT_S)
    assert held.batches == [[0], [2, 3]]


def test_a_job_that_fails_spoils_no_other_of_its_batch() -> None:
    held = Held()

    def work(batch: Sequence[int]) -> list[int]:
        done = held(batch)
        if 3 in batch:
            raise ZeroDivisionError
        return done

    with stage_of(work, max_weight=8) as stage:
        first = stage.submit(0)
        assert held.entered.acquire(timeout=WAIT_S)
        others = {item: stage.submit(item) for item in (1, 2, 3, 4)}
        held.gate.set()
        with pytest.raises(ZeroDivisionError):
            others.pop(3).result(WAIT_S)
        assert [future.result(WAIT_S) for future in (first, *others.values())] == [0, 10, 20, 40]
    assert held.batches == [[0], [1, 2, 3, 4], [1], [2], [3], [4]]


def test_a_stage_tells_how_many_wait_and_what_its_batches_weighed() -> None:
    held, told = Held(), []
    with stage_of(held, capacity=2, max_weight=8, watch=lambda **batch: told.append(batch)) as stage:
        stage.submit(0, weight=3)
        assert held.entered.acquire(timeout=WAIT_S)
        waiting = [stage.submit(1, weight=2), stage.submit(2, weight=4)]
        assert stage.waiting == 2
        waiting[0].cancel()
        held.gate.set()
    assert [batch["weight"] for batch in told] == [3, 4]
    assert all(batch["seconds"] > 0 for batch in told)


def test_an_error_is_the_caller_s_and_the_worker_lives_on() -> None:
    def work(batch: Sequence[int]) -> list[int]:
        if 13 in batch:
            raise ZeroDivisionError
        return list(batch) if 14 not in batch else []

    with stage_of(work) as stage:
        for item, error in ((13, ZeroDivisionError), (14, ValueError)):  # 14: fewer results than items
            with pytest.raises(error):
                stage.submit(item).result(WAIT_S)
        assert stage.submit(1).result(WAIT_S) == 1


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 12), max_size=60), st.integers(1, 3), st.integers(1, 10), st.integers(1, 4))
def test_every_item_gets_its_own_result(weights: list[int], workers: int, max_weight: int, callers: int) -> None:
    """Callers on several threads at once; nothing is lost, mixed up or done twice."""
    seen: list[int] = []

    def work(batch: Sequence[int]) -> list[int]:
        seen.extend(batch)
        assert len(batch) == 1 or sum(weights[item] for item in batch) <= max_weight
        return [item * 10 for item in batch]

    futures: dict[int, Future[int]] = {}
    with stage_of(work, workers=workers, max_weight=max_weight) as stage:

        def call(caller: int) -> None:
            for item in range(caller, len(weights), callers):
                futures[item] = stage.submit(item, weight=weights[item])

        threads = [threading.Thread(target=call, args=[caller]) for caller in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait(futures.values(), WAIT_S)
    assert {item: future.result(0) for item, future in futures.items()} == {i: i * 10 for i in range(len(weights))}
    assert sorted(seen) == list(range(len(weights)))


def test_what_was_cancelled_while_it_waited_is_let_go_at_once() -> None:
    class Body:
        """As large as a caller likes."""

    held = Held()
    with stage_of(held) as stage:
        stage.submit(0)
        assert held.entered.acquire(timeout=WAIT_S)
        body = Body()
        kept = weakref.ref(body)
        future = stage.submit(body)
        del body
        assert kept() is not None
        future.cancel()
        assert kept() is None
        assert stage.waiting == 0
        held.gate.set()
    assert held.batches == [[0]]
