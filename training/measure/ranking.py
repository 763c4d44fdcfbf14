"""Ranks of the right entity, and what can be said of them.

Axes: Q query, N candidate, M vector width, B bootstrap sample.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

RANKS = (1, 5, 10, 100)
SAMPLES = 2000
NOT_FOUND = 1 << 30


@dataclass(frozen=True)
class Interval:
    """A mean in percent with the 2.5th and 97.5th percentile of its bootstrap."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"


def ranks(queries_QM: Tensor, candidates_NM: Tensor, right_Q: Tensor) -> NDArray[np.int64]:
    """Returns how many candidates are nearer to each query than the right one, at place `right_Q`; all are unit."""
    scores_QN = queries_QM @ candidates_NM.T
    return (scores_QN > scores_QN.gather(1, right_Q[:, None])).sum(dim=1).numpy()


def within(ranks_Q: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Returns 1 where the right entity is among the first k, else 0; `ranks_Q` count from 0, `NOT_FOUND` is none."""
    return (ranks_Q < k).astype(np.float64)


def bootstrap(values_Q: NDArray[np.float64], entity_Q: NDArray[np.int64], *, seed: int = 0) -> Interval:
    """Returns the mean over queries, in percent, with an interval from drawing *entities* with replacement.

    Queries of one entity are photographs of one thing: drawing them apart would make the interval far too narrow.
    For a paired comparison, hand over the differences.
    """
    return interval(100 * float(values_Q.mean()), resampled(values_Q, entity_Q, seed=seed))


def resampled(values_Q: NDArray[np.float64], entity_Q: NDArray[np.int64], *, seed: int = 0) -> NDArray[np.float64]:
    """Returns the mean [B], in percent, of each of `SAMPLES` draws of entities with replacement."""
    _, entity_Q = np.unique(entity_Q, return_inverse=True)
    sums, counts = np.bincount(entity_Q, values_Q), np.bincount(entity_Q)
    drawn_BE = np.random.default_rng(seed).integers(0, len(sums), (SAMPLES, len(sums)))
    means_B: NDArray[np.float64] = 100 * sums[drawn_BE].sum(axis=1) / counts[drawn_BE].sum(axis=1)
    return means_B


def interval(value: float, drawn_B: NDArray[np.float64]) -> Interval:
    """Returns a value with the interval that its draws span."""
    low, high = np.percentile(drawn_B, (2.5, 97.5))
    return Interval(value, float(low), float(high))


def harmonic_mean(seen: float, unseen: float) -> float:
    """Returns 2ab / (a + b), and 0 where both are."""
    return 2 * seen * unseen / (seen + unseen) if seen + unseen else 0.0
