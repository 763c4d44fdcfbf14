"""The processes of the family: each is started, started again when it dies, and ended when it hangs."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from service.processes import messages
from service.processes.gathering import Family
from service.settings import Settings

KINDS = ("front", "engine")
FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 10.0  # before a process is started again: twice as long each time
WELL_S = 30.0  # after which a process is one that does not die at once
MOST_AT_START = 5  # times that a process may die before anything was ready
LISTEN_S = 0.5  # between looks at who has given no sign of life

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Child:
    """A process of the family.

    Attributes:
        name: as it calls itself to the supervisor.
        facts: what an engine answers by; None before it has loaded.
        version: what a front can show.
        how: how it says that it is.
        silent_s: for how long it has given no sign of life.
        families: what it has counted, when it last said so.
    """

    kind: str
    number: int
    name: str
    process: Any
    descriptor: int
    started: float
    facts: messages.Facts | None = None
    version: str | None = None
    how: messages.How = field(default_factory=messages.How)
    silent_s: float = 0.0
    families: list[Family] = field(default_factory=list)
    beaten: asyncio.Event = field(default_factory=asyncio.Event)

    def __str__(self) -> str:
        return f"{self.name}, {self.process.pid}"

    def kill(self) -> None:
        """Ends it at once."""
        signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)


class Children:
    """All of them, for the event loop of the supervisor.

    Args:
        fork: makes the process of a kind and a number, by the name that it gets.
        died: is told of each that is no more, before another is started in its place.
        restarted: is told the kind of each that is started again.
        hopeless: is called where one dies again and again before anything was ready.

    Attributes:
        are_well: whether they were ready once, so that whoever dies is started again however often that happens.
        are_leaving: whether who leaves now shall be gone.
    """

    def __init__(
        self,
        fork: Callable[[str, int, str], Any],
        died: Callable[[Child], None],
        restarted: Callable[[str], None],
        hopeless: Callable[[], None],
    ) -> None:
        self._fork, self._told_of_death, self._told_of_restart, self._hopeless = fork, died, restarted, hopeless
        self._children: dict[str, Child] = {}
        self._deaths: dict[tuple[str, int], int] = {}
        self._births = 0
        self.are_well = self.are_leaving = False

    def __iter__(self) -> Iterator[Child]:
        return iter(list(self._children.values()))

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    def get(self, name: str) -> Child | None:
        """The one of that name; None where it is no more."""
        return self._children.get(name)

    def of(self, kind: str) -> list[Child]:
        """All of a kind."""
        return [child for child in self if child.kind == kind]

    def start(self, kind: str, number: int) -> None:
        """Starts one."""
        self._births += 1
        name = f"{kind}-{number}.{self._births}"
        process = self._fork(kind, number, name)
        process.start()
        child = Child(kind, number, name, process, os.pidfd_open(process.pid), time.monotonic())
        self._children[name] = child
        asyncio.get_running_loop().add_reader(child.descriptor, self._died, child)

    def end_who_hangs(self, settings: Settings) -> None:
        """Ends whoever gave no sign of life, or has been at one thing for longer than anybody waits for it.

        To be called every `LISTEN_S` seconds, which are counted: while the supervisor did not run, it heard nobody.
        """
        for child in self:
            child.silent_s += LISTEN_S
            if max(child.silent_s, child.how.busy_s - settings.deadline_s) >= settings.silence_s:
                logger.error("A process (%s) hangs and is ended.", child)
                child.kill()

    def _died(self, child: Child) -> None:
        asyncio.get_running_loop().remove_reader(child.descriptor)
        os.close(child.descriptor)
        child.process.join(0)
        del self._children[child.name]
        child.beaten.set()
        self._told_of_death(child)
        if self.are_leaving:
            return
        key = child.kind, child.number
        well = time.monotonic() - child.started > WELL_S
        self._deaths[key] = deaths = 1 if well else self._deaths.get(key, 0) + 1
        if not self.are_well and deaths >= MOST_AT_START:
            logger.error("A process (%s) dies again and again before anything is ready.", child.kind)
            self._hopeless()
            return
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (deaths - 1))
        logger.error("A process (%s) died%s and is started again.", child, _how(child.process.exitcode))
        self._told_of_restart(child.kind)
        asyncio.get_running_loop().call_later(wait_s, self._start_again, child)

    def _start_again(self, child: Child) -> None:
        if not self.are_leaving:
            self.start(child.kind, child.number)


def _how(exitcode: int | None) -> str:
    """Of what a process died, where that is known: the kernel kills where memory runs out."""
    if exitcode is None or exitcode >= 0:
        return "" if not exitcode else f" with exit code {exitcode}"
    try:
        return f" of {signal.Signals(-exitcode).name}"
    except ValueError:
        return f" of signal {-exitcode}"
