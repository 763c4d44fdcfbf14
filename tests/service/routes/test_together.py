"""What many ask for at once is done once, and never before it was asked for."""

import asyncio
import threading
from itertools import count

import pytest

from service.routes.together import Together


def test_who_asks_while_it_is_done_gets_what_is_done_next() -> None:
    asyncio.run(_ask_while_it_is_done())


async def _ask_while_it_is_done() -> None:
    numbers, may_end = count(), threading.Event()

    def work() -> int:
        number = next(numbers)
        may_end.wait(60)
        return number

    together = Together(work)
    first = [asyncio.create_task(together.done()) for _ in range(40)]
    await asyncio.sleep(0.1)  # it is being done
    later = [asyncio.create_task(together.done()) for _ in range(40)]
    await asyncio.sleep(0.1)
    later[0].cancel()  # which takes it from nobody else
    may_end.set()
    assert set(await asyncio.gather(*first)) == {0}
    assert set(await asyncio.gather(*later[1:])) == {1}
    assert await together.done() == 2


def test_what_fails_fails_for_those_who_asked_and_is_tried_again() -> None:
    outcomes = iter([ValueError("broken"), "mended"])

    def work() -> str:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def ask() -> None:
        together = Together(work)
        with pytest.raises(ValueError, match="broken"):
            await together.done()
        assert await together.done() == "mended"

    asyncio.run(ask())
