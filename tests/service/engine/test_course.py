"""A request's way through stages, with real stages and their threads."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from service.engine.course import Course, Step, Timed, Way, timed
from service.engine.crew import Crew
from service.engine.stage import Stage
from service.errors import Problem

WAIT_S = 30


def made_by(crew: Crew, work: Callable[[int], int]) -> Stage[int, Timed[int]]:
    def together(batch: Sequence[int]) -> list[Timed[int]]:
        return [timed(lambda item=item: work(item)) for item in batch]  # type: ignore[misc]

    return crew.stage(together, capacity=10)


@contextmanager
def stage_of(work: Callable[[int], int]) -> Iterator[Stage[int, Timed[int]]]:
    crew = Crew(1)
    try:
        yield made_by(crew, work)
    finally:
        crew.close()


class Gate:
    """Work that stops until it is let through, and notes what came."""

    def __init__(self) -> None:
        self.came: list[int] = []
        self.entered, self.open = threading.Event(), threading.Event()

    def __call__(self, item: int) -> int:
        self.came.append(item)
        self.entered.set()
        assert self.open.wait(WAIT_S)
        return item + 1


def way(
    first: Stage[int, Timed[int]], second: Stage[int, Timed[int]], weigh: Callable[[int], int] = lambda _: 1
) -> Way:
    """Two steps; the weight of the second is asked for between them."""
    return Step(name="first", stage=first), Step(name="second", stage=second, weigh=weigh)


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open.set()


async def entered(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.entered.wait, WAIT_S)


def test_a_stage_hands_over_to_the_next_on_its_own_thread() -> None:
    threads: list[str] = []

    def weigh(_: int) -> int:
        threads.append(threading.current_thread().name)
        return 1

    with stage_of(lambda item: item + 1) as first, stage_of(lambda item: item * 10) as second:

        async def ask() -> tuple[int, dict[str, float]]:
            course = Course(way(first, second, weigh))
            return await course.run(1), course.timings()

        made, timings = asyncio.run(ask())
    assert made == 20
    assert threads == ["crew-0"]
    assert list(timings) == ["first", "second", "wait", "total"]
    assert timings["total"] == pytest.approx(timings["first"] + timings["second"] + timings["wait"], abs=0.03)


@pytest.mark.parametrize("where", ["first", "between", "second"])
def test_what_goes_wrong_anywhere_is_raised_to_who_waits(where: str) -> None:
    def work(name: str) -> Callable[[int], int]:
        def done(item: int) -> int:
            if name == where:
                raise ArithmeticError(name)
            return item

        return done

    with stage_of(work("first")) as first, stage_of(work("second")) as second:

        async def ask() -> None:
            await Course(way(first, second, weigh=work("between"))).run(1)

        with pytest.raises(ArithmeticError, match=where):
            asyncio.run(ask())


@pytest.mark.parametrize("closed", [0, 1])
def test_a_crew_that_leaves_tells_the_caller_to_come_back(closed: int) -> None:
    crews = [Crew(1), Crew(1)]
    first, second = (made_by(crew, lambda item: item) for crew in crews)
    crews[closed].close()
    with pytest.raises(Problem, match="stops"):
        asyncio.run(Course(way(first, second)).run(1))
    crews[1 - closed].close()


def test_who_goes_away_while_the_second_stage_is_taken_never_enters_it(gate: Gate) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(stage_of(lambda item: item))
        second = stack.enter_context(stage_of(gate))
        stack.callback(gate.open.set)

        async def ask() -> None:
            staying = asyncio.create_task(Course(way(first, second)).run(1))
            await entered(gate)
            going = asyncio.create_task(Course(way(first, second)).run(2))
            while not second.waiting:
                await asyncio.sleep(0.001)
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going
            assert second.waiting == 0
            gate.open.set()
            assert await staying == 2

        asyncio.run(ask())
    assert gate.came == [1]


def test_who_goes_away_during_the_first_step_starts_no_second(gate: Gate) -> None:
    came: list[int] = []

    def note(item: int) -> int:
        came.append(item)
        return item

    with ExitStack() as stack:
        second = stack.enter_context(stage_of(note))
        first = stack.enter_context(stage_of(gate))
        stack.callback(gate.open.set)

        async def ask() -> None:
            going = asyncio.create_task(Course(way(first, second)).run(1))
            await entered(gate)
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going
            gate.open.set()

        asyncio.run(ask())
    assert came == []


class Thing:
    """Something that can be looked for once nobody should have it any more."""


def test_nothing_of_a_request_is_kept_once_it_was_answered() -> None:
    seen: list[weakref.ref[Thing]] = []

    def note(_: int) -> Any:
        thing = Thing()
        seen.append(weakref.ref(thing))
        return thing

    with stage_of(note) as first, stage_of(note) as second:

        async def ask() -> None:
            await Course(way(first, second)).run(1)

        gc.collect()
        gc.disable()
        try:
            asyncio.run(ask())
            deadline = time.monotonic() + WAIT_S
            while any(thing() is not None for thing in seen) and time.monotonic() < deadline:
                time.sleep(0.001)  # a worker lets go of its batch a moment after it was done
            assert [thing() for thing in seen] == [None, None]
        finally:
            gc.enable()
