"""The supervisor: starts fronts and engines, starts again what dies, and is what they have in common.

It computes nothing. What callers may take is counted here, metrics are added up, and one index version is taken over by
all or by none.
"""

import asyncio
import logging
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.changes.keeper import Keeper, takes_changes
from service.engine.regularly import every
from service.errors import Cause, Problem
from service.http.key_ring import KeyRing
from service.http.listening import GRACE_S
from service.http.rates import read_rate
from service.processes import messages
from service.processes.beginnings import run_engine, run_front
from service.processes.children import KINDS, LISTEN_S, Child, Children
from service.processes.following import Following
from service.processes.forks import Forks
from service.processes.gathering import Gathered, families, text
from service.processes.memory import Board, Memory
from service.processes.messages import Refusal, encode, read_report
from service.processes.plan import Plan
from service.processes.seats import CONTROL, EngineSeat, FrontSeat
from service.processes.wire import ROUTER, Wire
from service.schemas import Readiness
from service.settings import Settings
from service.telemetry.logs import LogLevel
from service.telemetry.metrics import Metrics
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import remove_folder

MEMORY = 2**26  # bytes in which a front hands mentions over; those that find no room go through the socket
LONGEST_FOLDER = 80  # bytes of its path: a socket's may have 107, its name with it
TOLD_S = 1.0  # for which processes may be late to tell their metrics
ENGINES_LEAVE_S = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Started:
    """What the supervisor is started with."""

    settings: Settings
    plan: Plan
    listening: socket.socket
    log_level: LogLevel
    announce: Callable[[Readiness], None]


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
        self._metrics = Metrics()
        self._metrics.watch_readiness(lambda: self._state().problem is None)
        restarted = self._metrics.watch_processes(KINDS, lambda kind: len(self._children.of(kind)))
        self._ends = asyncio.Event()
        self._children = Children(self._process, self._died, restarted, self._ends.set)
        self._ended = Gathered()
        self._told: messages.State | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.following = Following(self, settings, self._metrics)

    # What the family does, from its first to its last moment

    async def run(self) -> bool:
        """Starts everybody, and returns when everybody has left."""
        loop = asyncio.get_running_loop()
        self._wire = Wire(ROUTER, self._received)
        self._wire.bind(self._folder / CONTROL)
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_, self._stop)
        for number in range(len(self._plan.engines)):
            self._children.start("engine", number)
        for number in range(self._plan.fronts):
            self._children.start("front", number)
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
        return self._children.are_well

    async def _leave(self) -> None:
        """Fronts finish what they accepted, then engines go; whoever does not is killed."""
        self._children.are_leaving = True
        self._started.listening.close()
        for kind, seconds in (("front", GRACE_S + 2.0), ("engine", ENGINES_LEAVE_S)):
            for child in self._children.of(kind):
                self.tell(child, messages.Stop())
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while self._children.of(kind):
                        await asyncio.sleep(0.01)
            for child in self._children.of(kind):
                child.kill()
        while any(self._children):
            await asyncio.sleep(0.01)
        self._wire.close()

    def _stop(self) -> None:
        if self._ends.is_set():  # told twice: at once
            for child in self._children:
                child.kill()
        self._ends.set()

    def _process(self, kind: str, number: int, name: str) -> Any:
        """A process that is one of the family once it is started."""
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
        return self._context.Process(target=run, args=(place,), name=name)

    def _died(self, child: Child) -> None:
        self._ended.add(child.families, ended=True)
        if child.kind == "front":
            self._board.clear(child.number)
        self.following.died(child.name)
        if not self._children.are_leaving:
            self._publish()

    async def _end_who_hangs(self) -> None:
        self._children.end_who_hangs(self._settings)

    # What they say

    def _received(self, frames: list[bytes]) -> None:
        child = self._children.get(frames[0].decode())
        if child is None:
            return
        report = read_report(frames[1])
        if isinstance(report, messages.Hello):
            self.tell(child, messages.Stop() if self._children.are_leaving else self._state())
        elif isinstance(report, messages.Beat):
            child.how, child.families = report.how, [tuple(each) for each in report.families]
            child.silent_s = 0.0
            child.beaten.set()
            self._publish()
        elif isinstance(report, messages.Loaded):
            was, child.facts = child.facts, report.facts
            self.following.loaded(child.name, report.facts)
            self._publish()
            if self._children.are_well and not was:
                logger.warning("A process (%s) has loaded, and answers.", child)
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
        if not self._children.are_well:
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
                rate.take(question.caller, question.count, before=question.before)
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
        children = list(self._children)
        for child in children:
            child.beaten.clear()
            self.tell(child, messages.Count())
        with suppress(TimeoutError):
            async with asyncio.timeout(TOLD_S):
                for child in children:
                    await child.beaten.wait()
        now = [child.families for child in self._children]
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
        return (child for child in self._children.of("engine") if child.facts is not None)

    def members(self) -> list[str]:
        """The names of all that have something open."""
        return [child.name for child in self._children if (child.facts or child.version) is not None]

    def publish(self) -> None:
        """Tells fronts the state, if it is another."""
        self._publish()

    def _publish(self) -> None:
        state = self._state()
        if state != self._told:
            self._told = state
            for child in self._children.of("front"):
                self.tell(child, state)

    def _state(self) -> messages.State:
        versions = self.following.answering
        answer = [child for child in self.loaded_engines() if child.facts and child.facts.version in versions]
        well = [child for child in answer if child.how.problem is None]
        facts = self.following.facts
        problem = None if well else answer[0].how.problem if answer else Cause.NOT_READY.code
        doing = (
            None if answer else next((each.how.doing for each in self._children.of("engine") if each.how.doing), None)
        )
        engines = [str(self._folder / child.name) for child in well or answer]
        refused = self.following.refused
        told = None if refused is None else (refused.version, refused.why)
        return messages.State(engines, facts, self.following.swaps, told, problem, doing)

    def _note_ready(self) -> None:
        """Says once that the service is ready, when all of it is."""
        version = self.following.version
        engines, fronts = list(self.loaded_engines()), self._children.of("front")
        if self._children.are_well or version is None or len(engines) < len(self._plan.engines):
            return
        if len(fronts) == self._plan.fronts and all(child.version == version for child in fronts):
            self._children.are_well = True
            facts = self.following.facts
            assert facts is not None
            self._started.announce(Readiness.model_validate_json(facts.about))
