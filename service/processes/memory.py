"""Memory that processes of one family share, and which is gone with the last of them, however that ends.

It has no name (memfd_create(2)), so nothing is left behind by a process that was killed, and the size of /dev/shm, 64
MB in a container, bounds nothing. Pages are taken as they are touched.
"""

import mmap
import os
import threading
import weakref
from bisect import insort
from functools import cached_property
from multiprocessing import reduction
from typing import Any

import numpy as np
from numpy.typing import NDArray

ALIGNED = 64  # bytes to which what is kept begins at a multiple


class Memory:
    """So many bytes, zero at first. A process that is started with it as an argument sees the same ones."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._descriptor = os.memfd_create("wikiclip")
        os.ftruncate(self._descriptor, size)
        weakref.finalize(self, os.close, self._descriptor)

    @cached_property
    def bytes(self) -> memoryview:
        """All of them, to read and write."""
        return memoryview(mmap.mmap(self._descriptor, self.size))

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (reduction.DupFd(self._descriptor), self.size)


def _received(descriptor: Any, size: int) -> Memory:
    memory = Memory.__new__(Memory)
    memory.size, memory._descriptor = size, descriptor.detach()
    weakref.finalize(memory, os.close, memory._descriptor)
    return memory


class Lease:
    """A stretch of a `Room`, which is free again once this is let go.

    Attributes:
        start: where it begins in the memory.
    """

    def __init__(self, room: "Room", start: int, size: int) -> None:
        self.start, self.bytes = start, room.memory.bytes[start : start + size]
        weakref.finalize(self, room.free, start)


class Room:
    """Gives stretches of a memory to one process, the first that is large enough. Safe on any thread."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._taken: list[tuple[int, int]] = []  # (start, end), ascending
        self._lock = threading.RLock()  # a lease may be let go by the collector, while its own thread holds it

    def lease(self, size: int) -> Lease | None:
        """None where there is no such stretch."""
        with self._lock:
            start = 0
            for taken, end in self._taken:
                if taken - start >= size:
                    break
                start = -(-end // ALIGNED) * ALIGNED
            if self.memory.size - start < size:
                return None
            insort(self._taken, (start, start + size))
        return Lease(self, start, size)

    def free(self, start: int) -> None:
        """What was leased from there on."""
        with self._lock:
            self._taken = [each for each in self._taken if each[0] != start]

    @property
    def taken(self) -> int:
        """Bytes that are leased."""
        return sum(end - start for start, end in self._taken)


class Board:
    """A table of numbers [F, C] that all processes read, with a row for each front, which that alone writes."""

    INSIDE, HELD, OPENED, DECODING = range(4)

    def __init__(self, fronts: int) -> None:
        self.fronts = fronts
        self._memory = Memory(8 * fronts * 4)

    @cached_property
    def table(self) -> NDArray[np.int64]:
        """The table itself."""
        return np.frombuffer(self._memory.bytes, np.int64).reshape(self.fronts, 4)

    def total(self, column: int) -> int:
        """What all fronts have together."""
        return int(self.table[:, column].sum())

    def clear(self, front: int) -> None:
        """Forgets what a front had, which is no more."""
        self.table[front] = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return _board, (self.fronts, self._memory)


def _board(fronts: int, memory: Memory) -> Board:
    board = Board.__new__(Board)
    board.fronts, board._memory = fronts, memory
    return board


class Share:
    """A front's own number in a column of the board: a `Tally` of all fronts. Safe on any thread."""

    def __init__(self, board: Board, front: int, column: int) -> None:
        self._board, self._front, self._column = board, front, column
        self._lock = threading.Lock()

    @property
    def total(self) -> int:
        """What all fronts have together."""
        return self._board.total(self._column)

    def add(self, more: int) -> None:
        """Counts so many more; fewer than none are given back."""
        with self._lock:
            self._board.table[self._front, self._column] += more
