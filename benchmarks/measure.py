"""Timing one search at one setting.

Axes: Q query, K hit, M vector width.
"""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.systems.system import Search

BATCH = 64
RECALL_S = 20.0  # what a setting may take to ask every query
FEWEST = 5  # single queries, however slow


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Searches in batches.

    Attributes:
        recall: the share of the K true rows that were found, of the queries that were asked.
        per_second: queries.
        asked: different queries.
    """

    recall: float
    per_second: float
    asked: int


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Searches of one query each, in milliseconds."""

    p50: float
    p99: float
    asked: int


def rate(
    search: Search,
    queries_QM: NDArray[np.float32],
    truth_QK: NDArray[np.int64],
    seconds: float,
    *,
    recall_seconds: float = RECALL_S,
) -> Rate:
    """Asks all queries in batches, again and again until the time is up; a slow search is cut off after a batch.

    Then it asks those that were not asked yet, so that recalls are of the same queries.

    Args:
        recall_seconds: after so long, timed batches included, the rest is left out.
    """
    batches = [slice(start, start + BATCH) for start in range(0, len(queries_QM), BATCH)]
    found: list[float] = []
    spent, asked, counted = 0.0, 0, 0.0
    search(queries_QM[:BATCH])  # warms up
    while spent < seconds or (len(found) < len(batches) and spent < recall_seconds):
        batch = batches[len(found) % len(batches)]
        start = time.perf_counter()
        rows_BK = search(queries_QM[batch])
        took = time.perf_counter() - start
        if spent < seconds:
            asked, counted = asked + len(rows_BK), counted + took
        spent += took
        found.append(recall(rows_BK, truth_QK[batch]))
    different = found[: len(batches)]
    weights = [len(truth_QK[batch]) for batch in batches[: len(different)]]
    return Rate(recall=float(np.average(different, weights=weights)), per_second=asked / counted, asked=sum(weights))


def latency(search: Search, queries_QM: NDArray[np.float32], seconds: float) -> Latency:
    """Asks one query after another, each once, until the time is up."""
    took: list[float] = []
    while len(took) < len(queries_QM) and (sum(took) < seconds or len(took) < FEWEST):
        query_1M = queries_QM[len(took) : len(took) + 1]
        start = time.perf_counter()
        search(query_1M)
        took.append(time.perf_counter() - start)
    p50, p99 = np.percentile(took, [50, 99]) * 1000
    return Latency(p50=float(p50), p99=float(p99), asked=len(took))


def recall(rows_BK: NDArray[np.int64], truth_BK: NDArray[np.int64]) -> float:
    """The share of the true rows that are among those found."""
    return float((rows_BK[:, :, None] == truth_BK[:, None, :]).any(axis=1).mean())
