"""What every process of the family does first, and how it speaks to the supervisor."""

import asyncio
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from service.engine.allocator import keep_freed_memory
from service.processes.gathering import sampled
from service.processes.messages import Beat, FromSupervisor, How, Taken, Told, ToSupervisor, encode, read_order
from service.processes.seats import CONTROL, Seat
from service.processes.wire import DEALER, Wire
from service.telemetry import logs, tracing
from service.telemetry.metrics import Metrics

BEAT_S = 2.0  # between reports to the supervisor; who is killed takes along what was counted since the last one


def settle(seat: Seat, title: str) -> None:
    """Makes a process that has just begun one of the family; `title` is what `ps` and `top` call it."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(title, encoding="ascii")  # 15 characters at most
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a terminal sends to all; the supervisor says what to do
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_die_with_the_supervisor, args=(seat.folder,), name="orphan", daemon=True).start()
    keep_freed_memory()
    logs.configure(seat.log_level, seat.settings.log_format)
    tracing.configure(seat.name)


def _die_with_the_supervisor(folder: Path) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    shutil.rmtree(folder, ignore_errors=True)  # which it could not do itself
    os.kill(os.getpid(), signal.SIGKILL)


class Control:
    """The way to the supervisor and back, for the event loop that runs when it is made.

    Args:
        ordered: is given what the supervisor says of itself.
        how: tells how the process is.
    """

    def __init__(
        self,
        seat: Seat,
        metrics: Metrics,
        ordered: Callable[[Any], None],
        *,
        how: Callable[[], How],
    ) -> None:
        self._metrics, self._ordered, self._how = metrics, ordered, how
        self._pause_s = min(BEAT_S, seat.settings.silence_s / 4 or BEAT_S)
        self._asked: dict[int, asyncio.Future[tuple[Taken | Told, bytes]]] = {}
        self._numbers = count()
        self._wire = Wire(DEALER, self._received, name=seat.name)
        self._wire.connect(seat.folder / CONTROL)

    def tell(self, report: ToSupervisor) -> None:
        """Says something that is not answered."""
        self._wire.send([encode(report)])

    async def ask(self, question: Callable[[int], ToSupervisor]) -> bytes:
        """Says something under a number and returns the second frame of the answer. Raises Problem where it is no."""
        number = next(self._numbers)
        answered: asyncio.Future[tuple[Taken | Told, bytes]] = asyncio.get_running_loop().create_future()
        self._asked[number] = answered
        try:
            self.tell(question(number))
            told, held = await answered
        finally:
            del self._asked[number]
        if told.refusal is not None:
            raise told.refusal.problem()
        return held

    def beat(self) -> None:
        """Says how the process is, and what it has counted."""
        self.tell(Beat(self._how(), sampled(self._metrics)))

    async def beat_on(self) -> None:
        """Says it again and again."""
        while True:
            self.beat()
            await asyncio.sleep(self._pause_s)

    def close(self) -> None:
        """Nothing is heard any more."""
        self._wire.close()

    def _received(self, frames: list[bytes]) -> None:
        order: FromSupervisor = read_order(frames[0])
        if isinstance(order, Taken | Told):
            asked = self._asked.get(order.number)
            if asked is not None and not asked.done():
                asked.set_result((order, frames[1] if len(frames) > 1 else b""))
        else:
            self._ordered(order)
