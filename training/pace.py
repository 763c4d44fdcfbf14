"""What long work will take, said before it starts: a little of it is done for nothing, and timed."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from indexer.embedding.estimate import duration
from training import processes

LEAST = 64  # things; fewer are done before anyone wonders
WARM, SAMPLE = 4, 24  # of them: the first ones are slow


def foretell(what: str, things: NDArray[np.int64], unit: str, work: Callable[[NDArray[np.int64]], object]) -> None:
    """Says on the first process how long `work` on all of these things will take, all processes together.

    Args:
        what: it is, for people.
        things: their numbers, of which some are worked on, evenly spread.
    """
    if len(things) < LEAST or not processes.is_first():
        return
    some = things[np.linspace(0, len(things) - 1, WARM + SAMPLE).astype(np.int64)]
    work(some[:WARM])
    seconds = _seconds(lambda: work(some[WARM:]))
    _tell(what, len(things), unit, seconds / SAMPLE / processes.count())


def foretell_steps(steps: int, take: Callable[[int], object]) -> None:
    """Says how long so many steps of training will take; `take` does some for nothing, on every process."""
    warm, sample = 1, 2
    if steps <= warm + sample:
        return
    take(warm)
    _tell("Training", steps, "steps", _seconds(lambda: take(sample)) / sample)


def _tell(what: str, count: int, unit: str, seconds: float) -> None:
    rate = f"{1 / seconds:,.1f} {unit} a second" if seconds < 1 else f"{seconds:,.1f} s for each"
    processes.tell(f"{what}: {count:,} {unit} will take about {duration(count * seconds)}, at {rate}.")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return max(time.perf_counter() - started, 1e-6)
