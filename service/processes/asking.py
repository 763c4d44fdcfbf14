"""What fronts ask engines, and what becomes of it where an engine dies."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from indexer.errors import UnknownEntity
from service.errors import busy
from service.processes import messages
from service.processes.messages import Answer, Asked, encode, read_answer
from service.processes.wire import DEALER, Wire


class EngineFailed(RuntimeError):
    """An engine failed in a way that nobody foresaw; its log has the details."""


@dataclass(eq=False)
class Question:
    """Something that was asked and is not answered.

    Attributes:
        frames: what is sent.
        engine: who has it; None where there is nobody.
        lost: whether an engine that had it has died.
    """

    number: int
    frames: list[Any]
    future: "asyncio.Future[tuple[Answer, bytes]]"
    engine: "Engine | None" = None
    lost: bool = False


@dataclass(eq=False)
class Engine:
    """An engine that answers, and what it was asked."""

    wire: Wire
    questions: dict[int, Question] = field(default_factory=dict)


class Engines:
    """Asks whichever engine has least to do. For one event loop.

    What an engine had that dies is asked once more, of another one or of its successor: the answer comes later, within
    the request's deadline. What two have died of is asked of nobody any more.

    Args:
        name: of the front.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._engines: dict[str, Engine] = {}
        self._waiting: deque[Question] = deque()  # while there is no engine
        self._numbers = count()

    def use(self, addresses: list[str]) -> None:
        """These are the engines that answer; any other is gone."""
        gone = [self._engines.pop(address) for address in [*self._engines] if address not in addresses]
        for address in addresses:
            if address not in self._engines:
                wire = Wire(DEALER, self._received, name=self._name)
                wire.connect(address)
                self._engines[address] = Engine(wire)
        for engine in gone:
            engine.wire.close()
            for question in engine.questions.values():
                if question.lost:
                    question.future.set_exception(busy())
                else:
                    question.lost = True
                    self._send(question)
        waiting, self._waiting = self._waiting, deque()
        for question in waiting:
            self._send(question)

    async def ask(self, asked: Callable[[int], Asked], held: Any = None) -> tuple[Answer, bytes]:
        """Asks and waits for the answer. Cancelling it lets the engine know that nobody does.

        Args:
            asked: makes the message of its number.
            held: the second frame.

        Raises:
            Problem: the engine refused, or two have died of it.
            UnknownEntity, EngineFailed: as they say.
        """
        number = next(self._numbers)
        frames = [encode(asked(number))] if held is None else [encode(asked(number)), held]
        question = Question(number, frames, asyncio.get_running_loop().create_future())
        self._send(question)
        try:
            answer, rest = await question.future
        except asyncio.CancelledError:
            self._forget(question)
            raise
        if isinstance(answer, messages.Refused):
            raise answer.refusal.problem()
        if isinstance(answer, messages.UnknownEntity):
            raise UnknownEntity(answer.why)
        if isinstance(answer, messages.Failed):
            raise EngineFailed(answer.why)
        return answer, rest

    def close(self) -> None:
        """Asks nobody any more."""
        self.use([])

    def _send(self, question: Question) -> None:
        if not self._engines:
            self._waiting.append(question)
            return
        question.engine = min(self._engines.values(), key=lambda engine: len(engine.questions))
        question.engine.questions[question.number] = question
        question.engine.wire.send(question.frames)

    def _forget(self, question: Question) -> None:
        if question.engine is not None and question.engine.questions.pop(question.number, None) is not None:
            question.engine.wire.send([encode(messages.Cancel(question.number))])
        elif question in self._waiting:
            self._waiting.remove(question)

    def _received(self, frames: list[bytes]) -> None:
        answer: Answer = read_answer(frames[0])
        for engine in self._engines.values():
            question = engine.questions.pop(answer.number, None)
            if question is not None:
                if not question.future.done():
                    question.future.set_result((answer, frames[1] if len(frames) > 1 else b""))
                return
