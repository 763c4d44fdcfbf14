"""The supervisor: starts fronts and engines, starts again what dies, and is what they have in common.

It computes nothing. What callers may take is counted here, metrics are added up, and one index version is taken over by
all or by none.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from service.changes.keeper import Keeper, takes_changes
from service.engine.regularly import every
from service.errors import Cause, Problem
from service.http.key_ring import KeyRing
from service.http.listening import GRACE_S
from service.http.rates import read_rate
from service.processes import messages
from service.processes.following import Following
from service.processes.gathering import Family, Gathered, families, text
from service.processes.memory import Board, Memory
from service.processes.messages import Refusal, encode, read_report
from service.processes.plan import Plan
from service.processes.seats import CONTROL, EngineSeat, FrontSeat, run_engine, run_front, run_planner
from service.processes.wire import ROUTER, Wire
from service.schemas import Readiness
from service.settings import Settings
from service.telemetry.logs import LogLevel
from service.telemetry.metrics import Metrics
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import remove_folder

PRELOADED = ["service.processes.front", "service.processes.engine"]
MEMORY = 2**26  # bytes in which a front hands mentions over; those that find no room go through the socket
KINDS = ("front", "engine")
LONGEST_FOLDER = 80  # bytes of its path: a socket's may have 107, its name with it
FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 10.0  # before a process is started again: twice as long each time
WELL_S = 30.0  # after which a process is one that does not die at once
MOST_AT_START = 5  # times that a process may die before anything was ready
LISTEN_S = 0.5  # between looks at who has given no sign of life
TOLD_S = 1.0  # for which processes may be late to tell their metrics
ENGINES_LEAVE_S = 5.0

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


@dataclass(frozen=True, kw_only=True)
class Started:
    """What the supervisor is started with."""

    settings: Settings
    plan: Plan
    listening: socket.socket
    log_level: LogLevel
    announce: Callable[[Readiness], None]


class Forks:
    """Where processes come from: one that has imported everything and started nothing, and that forks them.

    Raises:
        WikiClipError: the system has not what that takes.
    """

    def __init__(self) -> None:
        if not hasattr(os, "pidfd_open") or not hasattr(os, "memfd_create"):
            raise WikiClipError("WIKICLIP_PROCESSES takes Linux 5.3 or later: leave it at 1.")
        self.context: Any = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(PRELOADED)
        # A signal to the whole group must not end it: that would look as if all others had died.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        forkserver.ensure_running()
        # Before the supervisor takes it: what `multiprocessing` keeps in a folder goes, also where this is process 1.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    def plan(self) -> tuple[Settings, Plan]:
        """The settings, and what they come to on this machine. Raises WikiClipError where one of them is wrong."""
        mine, its = self.context.Pipe()
        process = self.context.Process(target=run_planner, args=(its,), name="planner")
        process.start()
        its.close()
        try:
            answer = mine.recv()
        except EOFError:
            raise WikiClipError("The settings could not be read; the log has the details.") from None
        process.join()
        if isinstance(answer, WikiClipError):
            raise answer
        settings, planned = answer
        return settings, planned


def supervise(started: Started, forks: Forks) -> bool:
    """Runs the family until it is told to stop; returns whether it ever was ready.

    Raises:
        WikiClipError: the keys cannot be read, a rate is none, or the temporary folder's path is too long.
    """
    folder = Path(tempfile.mkdtemp(prefix="wikiclip-"))
    try:
        if len(os.fsencode(folder)) > LONGEST_FOLDER:
            raise WikiClipError(f"The sockets of several processes need a shorter path than {folder}: set TMPDIR=/tmp.")
        return asyncio.run(Supervisor(started, folder, forks.context).run())
    finally:
        remove_folder(folder)


class Supervisor:
    """See the head of the file."""

    def __init__(self, started: Started, folder: Path, context: Any) -> None:
        settings = started.settings
        self._started, self._folder, self._context = started, folder, context
        self._plan, self._settings = started.plan, settings
        if settings.keys is not None:
            KeyRing(settings.keys)  # so that a fault in it is said once, and before anything starts
        self._rates = {
            False: read_rate(settings.rate, setting="WIKICLIP_RATE", counted="requests"),
            True: read_rate(settings.region_rate, setting="WIKICLIP_REGION_RATE", counted="regions"),
        }
        self._board = Board(self._plan.fronts)
        self._memories = tuple(Memory(MEMORY) for _ in range(self._plan.fronts))
        self._children: dict[str, Child] = {}
        self._metrics = Metrics()
        self._metrics.watch_readiness(lambda: self._state().problem is None)
        self._restarted = self._metrics.watch_processes(KINDS, lambda kind: len(self._of(kind)))
        self._ended = Gathered()
        self._deaths: dict[tuple[str, int], int] = {}
        self._births = 0
        self._told: messages.State | None = None
        self._was_ready = False
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.following = Following(self, settings, self._metrics)

    # What the family does, from its first to its last moment

    async def run(self) -> bool:
        """Starts everybody, and returns when everybody has left."""
        loop = asyncio.get_running_loop()
        self._ends = asyncio.Event()
        self._wire = Wire(ROUTER, self._received)
        self._wire.bind(self._folder / CONTROL)
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_, self._stop)
        for number in range(len(self._plan.engines)):
            self._start("engine", number)
        for number in range(self._plan.fronts):
            self._start("front", number)
        looks = [
            asyncio.create_task(every(self._settings.follow_s, self.following.look)),
            asyncio.create_task(every(self._settings.silence_s and LISTEN_S, self._end_who_hangs)),
        ]
        if takes_changes(self._settings):
            looks.append(asyncio.create_task(Keeper(self._settings).keep()))
        await self._ends.wait()
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)
        await self._leave()
        return self._was_ready

    async def _leave(self) -> None:
        """Fronts finish what they accepted, then engines go; whoever does not is killed."""
        self._stopping = True
        self._started.listening.close()
        for kind, seconds in (("front", GRACE_S + 2.0), ("engine", ENGINES_LEAVE_S)):
            for child in self._of(kind):
                self.tell(child, messages.Stop())
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while self._of(kind):
                        await asyncio.sleep(0.01)
            for child in self._of(kind):
                signal.pidfd_send_signal(child.descriptor, signal.SIGKILL)
        while self._children:
            await asyncio.sleep(0.01)
        self._wire.close()

    def _stop(self) -> None:
        if self._ends.is_set():  # told twice: at once
            for child in self._children.values():
                signal.pidfd_send_signal(child.descriptor, signal.SIGKILL)
        self._ends.set()

    # Processes

    def _start(self, kind: str, number: int) -> None:
        self._births += 1
        name = f"{kind}-{number}.{self._births}"
        seat: dict[str, Any] = {
            "number": number,
            "name": name,
            "folder": self._folder,
            "log_level": self._started.log_level,
            "memories": self._memories,
            "board": self._board,
        }
        run: Callable[[Any], None] = run_front if kind == "front" else run_engine
        place: FrontSeat | EngineSeat
        if kind == "front":
            mine = self._plan.of_front(self._settings)
            place = FrontSeat(**seat, settings=mine, listening=self._started.listening)
        else:
            mine, gpu = self._plan.of_engine(self._settings), self._plan.engines[number]
            place = EngineSeat(**seat, settings=mine, gpu=gpu, version=self.following.version)
        process = self._context.Process(target=run, args=(place,), name=name)
        process.start()
        child = Child(kind, number, name, process, os.pidfd_open(process.pid), time.monotonic())
        self._children[name] = child
        asyncio.get_running_loop().add_reader(child.descriptor, self._died, child)

    async def _end_who_hangs(self) -> None:
        """Replaces whoever gave no sign of life, or has been at one thing for longer than anybody waits for it."""
        most_s = self._settings.silence_s
        for child in list(self._children.values()):
            child.silent_s += LISTEN_S  # and not by the clock: while this process did not run, it heard nobody
            if max(child.silent_s, child.how.busy_s - self._settings.deadline_s) >= most_s:
                logger.error("A process (%s, %d) hangs and is ended.", child.name, child.process.pid)
                signal.pidfd_send_signal(child.descriptor, signal.SIGKILL)

    def _died(self, child: Child) -> None:
        asyncio.get_running_loop().remove_reader(child.descriptor)
        os.close(child.descriptor)
        child.process.join(0)
        del self._children[child.name]
        child.beaten.set()
        self._ended.add(child.families, ended=True)
        if child.kind == "front":
            self._board.clear(child.number)
        self.following.died(child.name)
        if self._stopping:
            return
        self._publish()
        key = child.kind, child.number
        well = time.monotonic() - child.started > WELL_S
        self._deaths[key] = deaths = 1 if well else self._deaths.get(key, 0) + 1
        if not self._was_ready and deaths >= MOST_AT_START:
            logger.error("A process (%s) dies again and again before anything is ready.", child.kind)
            self._ends.set()
            return
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (deaths - 1))
        logger.error("A process (%s, %d) died and is started again.", child.name, child.process.pid)
        self._restarted(child.kind)
        asyncio.get_running_loop().call_later(wait_s, self._start_again, child)

    def _start_again(self, child: Child) -> None:
        if not self._ends.is_set():
            self._start(child.kind, child.number)

    def _of(self, kind: str) -> list[Child]:
        return [child for child in self._children.values() if child.kind == kind]

    # What they say

    def _received(self, frames: list[bytes]) -> None:
        child = self._children.get(frames[0].decode())
        if child is None:
            return
        report = read_report(frames[1])
        if isinstance(report, messages.Hello):
            self.tell(child, messages.Stop() if self._stopping else self._state())
        elif isinstance(report, messages.Beat):
            child.how, child.families = report.how, [tuple(each) for each in report.families]
            child.silent_s = 0.0
            child.beaten.set()
            self._publish()
        elif isinstance(report, messages.Loaded):
            child.facts = report.facts
            self.following.loaded(child.name, report.facts)
            self._publish()
            self._note_ready()
        elif isinstance(report, messages.Opened):
            child.version = report.version
            self._note_ready()
        elif isinstance(report, messages.NotLoaded):
            self._not_loaded(child, report)
        elif isinstance(report, messages.Prepared):
            self.following.prepared(child.name, report)
        else:
            self._do(self._answer(child, report))

    def _not_loaded(self, child: Child, report: messages.NotLoaded) -> None:
        logger.error("%s", report.why)
        if not self._was_ready:
            self._ends.set()
            return
        if not report.passing and not any(self.loaded_engines()):
            self.following.forget()  # its files are gone or damaged: the next engine opens, or pulls, what is current
        self.tell(child, messages.Stop())

    def _do(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, child: Child, question: messages.Take | messages.Reload | messages.Text) -> None:
        refusal, held = None, b""
        try:
            if isinstance(question, messages.Take):
                rate = self._rates[question.regions]
                assert rate is not None
                rate.take(question.caller, question.count)
            elif isinstance(question, messages.Reload):
                held = (await self.following.reload()).model_dump_json().encode()
            else:
                held = await self._text()
        except Problem as problem:
            refusal = Refusal.of(problem)
        except Exception:
            logger.exception("a question of %s failed", child.name)
            refusal = Refusal(Cause.INTERNAL_ERROR.code, "The log has the details; trying again may help.")
        if isinstance(question, messages.Take):
            self.tell(child, messages.Taken(question.number, refusal))
        else:
            self.tell(child, messages.Told(question.number, refusal), held)

    async def _text(self) -> bytes:
        children = list(self._children.values())
        for child in children:
            child.beaten.clear()
            self.tell(child, messages.Count())
        with suppress(TimeoutError):
            async with asyncio.timeout(TOLD_S):
                for child in children:
                    await child.beaten.wait()
        now = [child.families for child in self._children.values()]
        return text([families(self._metrics), self._ended.families(), *now])

    # What they are told

    def tell(self, child: Child, order: messages.FromSupervisor, held: bytes | None = None) -> None:
        """Says something to one of them."""
        self._wire.send([child.name.encode(), encode(order), *([] if held is None else [held])])

    def tell_named(self, name: str, order: messages.FromSupervisor) -> None:
        """The same, by its name."""
        self.tell(self._children[name], order)

    def loaded_engines(self) -> Iterator[Child]:
        """The engines that have something loaded."""
        return (child for child in self._of("engine") if child.facts is not None)

    def members(self) -> list[str]:
        """The names of all that have something open."""
        return [child.name for child in self._children.values() if (child.facts or child.version) is not None]

    def publish(self) -> None:
        """Tells fronts the state, if it is another."""
        self._publish()

    def _publish(self) -> None:
        state = self._state()
        if state != self._told:
            self._told = state
            for child in self._of("front"):
                self.tell(child, state)

    def _state(self) -> messages.State:
        versions = self.following.answering
        answer = [child for child in self.loaded_engines() if child.facts and child.facts.version in versions]
        well = [child for child in answer if child.how.problem is None]
        facts = self.following.facts
        problem = None if well else answer[0].how.problem if answer else Cause.NOT_READY.code
        doing = None if answer else next((each.how.doing for each in self._of("engine") if each.how.doing), None)
        engines = [str(self._folder / child.name) for child in well or answer]
        refused = self.following.refused
        told = None if refused is None else (refused.version, refused.why)
        return messages.State(engines, facts, self.following.swaps, told, problem, doing)

    def _note_ready(self) -> None:
        """Says once that the service is ready, when all of it is."""
        version = self.following.version
        engines, fronts = list(self.loaded_engines()), self._of("front")
        if self._was_ready or version is None or len(engines) < len(self._plan.engines):
            return
        if len(fronts) == self._plan.fronts and all(child.version == version for child in fronts):
            self._was_ready = True
            facts = self.following.facts
            assert facts is not None
            self._started.announce(Readiness.model_validate_json(facts.about))
