"""The places of processes in the family, and what they are started with: light, since the supervisor imports it.

What a process does is imported by itself, and that is done already where it comes from: in the process that all others
are forked from.
"""

import multiprocessing.connection
import socket
from dataclasses import dataclass
from pathlib import Path

from service.processes.memory import Board, Memory
from service.settings import Settings, read_settings
from service.telemetry.logs import LogLevel
from service.telemetry.metrics import Metrics
from wikiclip.base.errors import WikiClipError

CONTROL = "control"  # the supervisor's socket


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A process's place in the family.

    Attributes:
        number: among its kind.
        name: of its own, which none had before.
        folder: where the sockets are.
        memories: each front's, in which it hands mentions over.
        board: what all fronts count.
    """

    number: int
    name: str
    folder: Path
    settings: Settings
    log_level: LogLevel
    memories: tuple[Memory, ...]
    board: Board


@dataclass(frozen=True, kw_only=True)
class FrontSeat(Seat):
    """A front's place, and the socket that all fronts take connections from."""

    listening: socket.socket


@dataclass(frozen=True, kw_only=True)
class EngineSeat(Seat):
    """An engine's place.

    Attributes:
        gpu: the number of the one that it has among those that are visible; None for the processor.
        version: the index version to open; the published one if None.
    """

    gpu: int | None
    version: str | None


def run_front(seat: FrontSeat) -> None:
    """The process of a front."""
    from service.processes import front

    front.run(seat)


def run_engine(seat: EngineSeat) -> None:
    """The process of an engine."""
    from service.processes import engine

    engine.run(seat)


def run_planner(answer: multiprocessing.connection.Connection) -> None:
    """A process that reads the settings and looks at the machine, which takes torch, and answers both or an error."""
    from service.engine.puller import Puller
    from service.processes.plan import plan

    try:
        settings = read_settings()
        if settings.pull_from:
            Puller(settings, Metrics())  # so that a fault in it is said once, and before anything starts
        answer.send((settings, plan(settings)))
    except WikiClipError as error:
        answer.send(error)
