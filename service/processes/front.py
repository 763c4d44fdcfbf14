"""A front: takes connections, reads and cuts, asks an engine, and shows what that found."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from service.app import Parts
from service.engine.regularly import every
from service.errors import BY_CODE, Cause, Problem, index_damaged, index_unreachable, not_loaded
from service.http.rates import Counted
from service.processes import messages
from service.processes.asking import Engines
from service.processes.child import Control, settle
from service.processes.forwarding import Forwarding
from service.processes.memory import Board, Room, Share
from service.processes.seats import FrontSeat
from service.processes.shown import Shown, Versions
from service.schemas import Readiness, RefusedOut, Reloaded
from service.server import make_server
from service.settings import Settings
from service.telemetry import tracing
from service.telemetry.metrics import Metrics
from wikiclip.base.errors import WikiClipError

EMPTY = messages.State([], None, 0, None, Cause.NOT_READY.code, None)
HEARD_S = 10.0  # after which it answers with what it knows

logger = logging.getLogger(__name__)


def run(seat: FrontSeat) -> None:
    """The process of a front, until the supervisor says that it shall stop."""
    settle(seat, "wikiclip-front")
    gc.freeze()  # what was imported stays
    settings, metrics = seat.settings, Metrics()
    front = Front(seat, metrics)
    parts = Parts(
        runtime=front,
        metrics=metrics,
        text=front.text,
        rate=SharedRate(front, regions=False) if settings.rate else None,
        region_rate=SharedRate(front, regions=True) if settings.region_rate else None,
        held=Share(seat.board, seat.number, Board.HELD),
        opened=Share(seat.board, seat.number, Board.OPENED),
    )
    server, _ = make_server(settings, parts=parts)
    server.run(sockets=[seat.listening])
    tracing.send_rest()


class Front:
    """What `Runtime` is where one process does everything: `Answering`."""

    def __init__(self, seat: FrontSeat, metrics: Metrics) -> None:
        self.settings: Settings = seat.settings
        self.metrics = metrics
        self._seat = seat
        self._state = EMPTY
        self._engines = Engines(seat.name)
        self._versions = Versions(seat.settings, self._engines, lambda: self._state.problem == Cause.INDEX_DAMAGED.code)
        self._pipeline = Forwarding(
            seat.settings,
            metrics,
            front=seat.number,
            engines=self._engines,
            versions=self._versions,
            room=Room(seat.memories[seat.number]),
            inside=Share(seat.board, seat.number, Board.INSIDE),
            decoding=Share(seat.board, seat.number, Board.DECODING),
        )
        self._heard = asyncio.Event()  # of the supervisor's state, once
        self._control: Control | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_ready(self) -> bool:
        """Whether there is, or was, an engine: while there is none for a moment, requests wait."""
        return self._versions.is_open

    @property
    def pipeline(self) -> Forwarding:
        """Raises Problem where nothing is loaded."""
        if not self.is_ready:
            raise self._not_loaded()
        return self._pipeline

    @property
    def serving(self) -> Shown:
        """What answers now. Raises Problem where nothing is loaded."""
        if not self.is_ready:
            raise self._not_loaded()
        return self._versions.now

    def why_not_ready(self) -> Problem | None:
        """What `/readyz` answers; None where mentions are linked."""
        if not self.is_ready or self._state.problem == Cause.NOT_READY.code:
            return self._not_loaded()
        if self._state.problem is None:
            return index_damaged() if self._versions.now.is_damaged else None
        cause = BY_CODE[self._state.problem]
        if cause is Cause.INDEX_UNREACHABLE:
            return index_unreachable()
        return index_damaged() if cause is Cause.INDEX_DAMAGED else Problem(cause, "The server's log says why.")

    def readiness(self) -> Readiness:
        """What `/readyz` tells where it is ready. Raises Problem where nothing is loaded."""
        if (facts := self._state.facts) is None:
            raise self._not_loaded()
        refused = None if self._state.refused is None else RefusedOut(index_version=self._state.refused[0])
        return Readiness.model_validate_json(facts.about).model_copy(update={"refused": refused})

    async def reload(self) -> Reloaded:
        """Tries the version that is current, also one that was refused before. Raises Problem."""
        return Reloaded.model_validate_json(await self.ask(messages.Reload))

    async def ask(self, question: Callable[[int], messages.ToSupervisor]) -> bytes:
        """Asks the supervisor. Raises Problem where it says no."""
        if self._control is None:
            raise not_loaded(failed=False)
        return await self._control.ask(question)

    def ask_from_thread(self, question: Callable[[int], messages.ToSupervisor]) -> bytes:
        """The same from another thread than the event loop's."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(self.ask(question), self._loop).result()

    async def keep(self, announce: Callable[[], None] | None) -> None:
        """Does what the supervisor says, until it is cancelled."""
        self._loop = asyncio.get_running_loop()
        orders: asyncio.Queue[Any] = asyncio.Queue()
        self._control = Control(self._seat, self.metrics, orders.put_nowait, how=self._how)
        self._control.tell(messages.Hello())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._control.beat_on())
                group.create_task(every(self.settings.probe_s, self._examine))
                while True:
                    await self._follow(await orders.get())
        finally:
            self._engines.close()
            self._control.close()

    async def begun(self) -> None:
        """Returns once the supervisor has said what there is: one that takes another's place refuses nobody."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARD_S):
                await self._heard.wait()

    def close(self, *, seconds: float | None = None) -> None:
        """Finishes what was accepted; see `Crew.close`."""
        self._pipeline.close(seconds=seconds)

    def _how(self) -> messages.How:
        return messages.How(busy_s=self._pipeline.busy_s)

    def _not_loaded(self) -> Problem:
        return not_loaded(failed=False, what=self._state.doing)

    async def _follow(self, order: Any) -> None:
        assert self._control is not None
        if isinstance(order, messages.Count):
            self._control.beat()
        elif isinstance(order, messages.Prepare):
            why = None
            try:
                await self._versions.prepare(order.version)
            except (WikiClipError, OSError, ValueError) as error:
                why = str(error)
            self._control.tell(messages.Prepared(order.version, why))
        elif isinstance(order, messages.Abandon):
            self._versions.abandon()
        elif isinstance(order, messages.Stop):
            signal.raise_signal(signal.SIGTERM)  # which the server takes for the wish that it is
        elif isinstance(order, messages.State):
            await self._take(order)

    async def _take(self, state: messages.State) -> None:
        assert self._control is not None
        facts, before = state.facts, self._state.facts
        if facts is not None and (
            before is None or (facts.version, state.swaps) != (before.version, self._state.swaps)
        ):
            try:
                await self._versions.take(facts)
            except (WikiClipError, OSError, ValueError) as error:
                logger.error("The index version %s cannot be shown: %s", facts.version, error)
                os._exit(1)  # another try is the supervisor's
            self._control.tell(messages.Opened(facts.version))
        self._state = state
        self._engines.use(state.engines)
        self._heard.set()

    async def _examine(self) -> None:
        """Looks whether the records' files are still what was opened."""
        if self.is_ready:
            await asyncio.to_thread(self._versions.now.records.files.examine)

    async def text(self) -> bytes:
        """The metrics of the whole service."""
        return await self.ask(messages.Text)


class SharedRate(Counted):
    """A rate that holds for what a caller takes at all fronts: the supervisor counts."""

    def __init__(self, front: Front, *, regions: bool) -> None:
        self._front, self._regions = front, regions

    def take(self, caller: str, count: int = 1, *, before: int = 0) -> None:
        """Not for the event loop. Raises Problem as `Rate.take` does."""
        self._front.ask_from_thread(partial(self._question, caller, count, before))

    async def taken(self, caller: str, count: int = 1) -> None:
        """The same, for the event loop."""
        await self._front.ask(partial(self._question, caller, count, 0))

    def _question(self, caller: str, count: int, before: int, number: int) -> messages.Take:
        return messages.Take(number, self._regions, caller, count, before)
