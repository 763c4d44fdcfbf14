"""What becomes of what was asked of an engine that dies: engines are sockets here, which answer as they are told."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import zmq

from indexer.errors import UnknownEntity
from service.errors import Cause, Problem
from service.processes import messages
from service.processes.asking import EngineFailed, Engines
from service.processes.messages import Refusal, encode, read_asked
from service.processes.wire import Wire


class Socket:
    """Where an engine would be."""

    def __init__(self, address: Path) -> None:
        self.address = str(address)
        self.heard: asyncio.Queue[tuple[bytes, messages.ToEngine]] = asyncio.Queue()
        self._wire = Wire(zmq.ROUTER, lambda frames: self.heard.put_nowait((frames[0], read_asked(frames[1]))))
        self._wire.bind(address)

    async def hears(self) -> messages.ToEngine:
        async with asyncio.timeout(20):
            self._front, asked = await self.heard.get()
        return asked

    def says(self, answer: messages.Answer) -> None:
        self._wire.send([self._front, encode(answer), b"held"])

    def close(self) -> None:
        self._wire.close()


def _found(number: int) -> messages.Found:
    return messages.Found(number, "1", [messages.Ranking([4], [0.5], None)], False, {})


def _ask(engines: Engines) -> "asyncio.Task[tuple[messages.Answer, bytes]]":
    return asyncio.create_task(engines.ask(lambda number: messages.Neighbours(number, "a", 3)))


def _run(test: Callable[[Engines, Socket, Socket], Awaitable[None]], folder: Path) -> None:
    async def run() -> None:
        engines, first, second = Engines("front-0.1"), Socket(folder / "1"), Socket(folder / "2")
        try:
            await test(engines, first, second)
        finally:
            for each in (engines, first, second):
                each.close()

    asyncio.run(run())


def test_who_has_least_to_do_is_asked(tmp_path: Path) -> None:
    async def test(engines: Engines, first: Socket, second: Socket) -> None:
        engines.use([first.address, second.address])
        asked = [_ask(engines) for _ in range(2)]
        for socket in (first, second):
            socket.says(_found((await socket.hears()).number))
        assert [held for _, held in await asyncio.gather(*asked)] == [b"held"] * 2

    _run(test, tmp_path)


def test_what_an_engine_died_of_is_asked_once_more_and_then_refused(tmp_path: Path) -> None:
    async def test(engines: Engines, first: Socket, second: Socket) -> None:
        engines.use([first.address])
        asked = _ask(engines)
        number = (await first.hears()).number
        engines.use([second.address])
        assert (await second.hears()).number == number
        engines.use([])
        with pytest.raises(Problem) as refused:
            await asked
        assert refused.value.cause is Cause.BUSY
        assert refused.value.headers == {"Retry-After": "1"}

    _run(test, tmp_path)


def test_what_is_asked_while_there_is_no_engine_waits_for_one(tmp_path: Path) -> None:
    async def test(engines: Engines, first: Socket, _: Socket) -> None:
        asked, given_up = _ask(engines), _ask(engines)
        await asyncio.sleep(0.05)
        assert not asked.done()
        given_up.cancel()
        await asyncio.wait([given_up])
        engines.use([first.address])
        first.says(_found((await first.hears()).number))
        await asked
        assert first.heard.empty()

    _run(test, tmp_path)


def test_what_nobody_waits_for_is_taken_back(tmp_path: Path) -> None:
    async def test(engines: Engines, first: Socket, _: Socket) -> None:
        engines.use([first.address])
        asked = _ask(engines)
        number = (await first.hears()).number
        asked.cancel()
        assert await first.hears() == messages.Cancel(number)
        first.says(_found(number))  # too late, and of no harm
        again = _ask(engines)
        first.says(_found((await first.hears()).number))
        await again

    _run(test, tmp_path)


def test_refusals_are_raised_as_they_were(tmp_path: Path) -> None:
    async def test(engines: Engines, first: Socket, _: Socket) -> None:
        engines.use([first.address])
        problem = Problem(Cause.RATE_LIMITED, "Too often.", headers={"Retry-After": "3"}, errors=[{"pointer": "#"}])
        for says, raised in (
            (lambda number: messages.Refused(number, Refusal.of(problem)), Problem),
            (lambda number: messages.UnknownEntity(number, "nobody"), UnknownEntity),
            (lambda number: messages.Failed(number, "KeyError"), EngineFailed),
        ):
            asked = _ask(engines)
            first.says(says((await first.hears()).number))
            with pytest.raises(raised) as error:
                await asked
            if isinstance(error.value, Problem):
                told = error.value
                assert (told.cause, told.detail, told.headers, told.errors) == (
                    problem.cause,
                    problem.detail,
                    problem.headers,
                    problem.errors,
                )

    _run(test, tmp_path)
