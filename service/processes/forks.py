"""Where processes come from: one that has imported everything and started nothing, and that forks them."""

import multiprocessing
import os
import signal
import sys
from multiprocessing import forkserver
from typing import Any

from service.processes.beginnings import run_planner
from service.processes.plan import Plan
from service.settings import Settings
from wikiclip.base.errors import WikiClipError

PRELOADED = ["service.processes.front", "service.processes.engine"]


class Forks:
    """See the head of the file.

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
