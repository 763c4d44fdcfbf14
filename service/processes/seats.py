"""The places of processes in the family, and what they are started with."""

import socket
from dataclasses import dataclass
from pathlib import Path

from service.processes.memory import Board, Memory
from service.settings import Settings
from service.telemetry.logs import LogLevel

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
