"""Sees to it that what waits is applied: starts the process that does it, and starts it again where it died.

It computes nothing and imports nothing that does, so that the supervisor of several processes can run it, too.
"""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from service.changes.__main__ import NICE
from service.changes.journal import WORK, Journal
from service.changes.work import Work
from service.settings import Settings

logger = logging.getLogger(__name__)

COMMAND = [sys.executable, "-m", "service.changes"]
LOOK_S = 0.5
MOST = 256  # changes that are joined
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0  # before it is started again: twice as long each time
ALONE_AFTER, GIVEN_UP_AFTER = 2, 5  # deaths with the same change first, after which it is applied alone, or given up
LEAVE_S = 5.0


def takes_changes(settings: Settings) -> bool:
    """Whether changes may come: an admin's needs a key, and an index that is pulled is changed where it is made."""
    return settings.keys is not None and not settings.pull_from


class Keeper:
    """Keeps the process of one service's changes. For one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._journal = Journal(settings.index)
        self._process: subprocess.Popen[bytes] | None = None
        self._first: str | None = None
        self._deaths, self._embedded, self._not_before = 0, 0, 0.0

    @property
    def pid(self) -> int | None:
        """Of the process; None while nothing is to be done."""
        return None if self._process is None else self._process.pid

    async def keep(self) -> None:
        """Looks again and again, until it is cancelled."""
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                try:
                    await asyncio.to_thread(self.look)
                except OSError as error:
                    logger.error("Changes cannot be looked for: %s", error)
        finally:
            self.close()

    def look(self) -> None:
        """Starts the process where something waits and it does not run."""
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            self._ended(code)
        waiting = self._journal.waiting()
        if waiting and time.monotonic() >= self._not_before:
            if waiting[0] != self._first:
                self._first, self._deaths = waiting[0], 0
            self._start()

    def close(self) -> None:
        """Ends the process, wherever it is."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> None:
        give_up = self._deaths >= GIVEN_UP_AFTER
        work = Work.of(self._settings, most=1 if self._deaths >= ALONE_AFTER else MOST, give_up=give_up)
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "TQDM_DISABLE": "1", NICE: str(self._settings.changes_nice)},
        )
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(work.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()

    def _ended(self, code: int) -> None:
        self._process = None
        if code == 0:
            self._deaths = 0
            return
        embedded = sum(1 for _ in (self._journal.folder / WORK).glob("building/*/chunks/[0-9]*"))
        # Who got on before it died was not killed by the change: a large one may take longer than a service lives.
        self._deaths = 1 if embedded > self._embedded else self._deaths + 1
        self._embedded = embedded
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (self._deaths - 1))
        self._not_before = time.monotonic() + wait_s
        how = signal.Signals(-code).name if code < 0 else f"status {code}"
        logger.error("The process that applies changes ended (%s), and is started again in %g s.", how, wait_s)
