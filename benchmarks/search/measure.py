"""Timing one search at one setting.

Axes: Q query, K hit, M vector width.
"""

import itertools
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.search.systems.system import Search

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
    """Asks all queries in batches, and then again and again until the time is up.

    The first time tells how many are found, and touches what they read, so that the time that counts is a warm one.

    Args:
        recall_seconds: after so long the first time ends where it is, and the others are of these queries, too.
    """
    batches = [slice(start, start + BATCH) for start in range(0, len(queries_QM), BATCH)]
    found: list[float] = []
    began = time.perf_counter()
    for batch in batches:
        found.append(recall(search(queries_QM[batch]), truth_QK[batch]))
        if time.perf_counter() - began > recall_seconds:
            break
    asked, spent = 0, 0.0
    for batch in itertools.cycle(batches[: len(found)]):
        start = time.perf_counter()
        search(queries_QM[batch])
        spent += time.perf_counter() - start
        asked += len(truth_QK[batch])
        if spent > seconds:
            break
    weights = [len(truth_QK[batch]) for batch in batches[: len(found)]]
    return Rate(recall=float(np.average(found, weights=weights)), per_second=asked / spent, asked=sum(weights))


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
