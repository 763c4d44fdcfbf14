"""Which samples make a step's batch: shares of several sources, each at random or in visually similar groups.

Everything is settled by the seed and the number of the step, so a run that was stopped goes on with no state to keep,
and every process of a distributed run knows the whole batch.

Axes: Q query, B batch, M mention width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WINDOW = 8192  # queries that are grouped together; grouping all of a large source would take its square


@dataclass(frozen=True, kw_only=True)
class Queries:
    """A source of queries.

    Attributes:
        mentions: numbers of queries -> their unit mention vectors [len, M].
        record_Q: the row of the record that each shows.
        pictures: whether the record is trained with its picture.
    """

    mentions: Callable[[NDArray[np.int64]], Tensor]
    record_Q: NDArray[np.int64]
    pictures: bool = True

    def __len__(self) -> int:
        return len(self.record_Q)


@dataclass(frozen=True)
class Batch:
    """Queries of one step, from every source: `mention_BM`, `record_B`, and `picture_B`, see `Queries.pictures`."""

    mention_BM: Tensor
    record_B: NDArray[np.int64]
    picture_B: NDArray[np.bool_]


class Sampler:
    """Draws batches.

    Args:
        sources: queries, and how many of them come into each batch.
        neighbours: a source's samples come in groups of this many visually similar ones; 1 draws them at random.
    """

    def __init__(self, sources: Sequence[tuple[Queries, int]], *, neighbours: int, seed: int) -> None:
        self._streams = [
            Stream(queries, count, neighbours=neighbours, seed=(seed, number))
            for number, (queries, count) in enumerate(sources)
            if count and len(queries)
        ]

    def batch(self, step: int) -> Batch:
        """Returns the batch of a step, counted from 0."""
        drawn = [(stream.queries, stream.numbers(step)) for stream in self._streams]
        return Batch(
            torch.cat([queries.mentions(numbers) for queries, numbers in drawn]),
            np.concatenate([queries.record_Q[numbers] for queries, numbers in drawn]),
            np.concatenate([np.full(len(numbers), queries.pictures) for queries, numbers in drawn]),
        )


class Stream:
    """One source's samples, in an order in which each comes once before any comes again."""

    def __init__(self, queries: Queries, count: int, *, neighbours: int, seed: tuple[int, int]) -> None:
        self.queries, self._count, self._neighbours, self._seed = queries, count, neighbours, seed
        # A batch may lie across a border between two windows, or two epochs: two of each are remembered.
        self._order = lru_cache(maxsize=2)(self._draw_order)
        self._grouped = lru_cache(maxsize=2)(self._group)

    def numbers(self, step: int) -> NDArray[np.int64]:
        """Returns numbers of the queries that come in a step."""
        places = np.arange(step * self._count, (step + 1) * self._count)
        epochs, inside = np.divmod(places, len(self.queries))
        drawn = np.empty(self._count, np.int64)
        for epoch in np.unique(epochs):
            of_epoch = epochs == epoch
            for window in np.unique(inside[of_epoch] // WINDOW):
                here = of_epoch & (inside // WINDOW == window)
                drawn[here] = self._grouped(int(epoch), int(window))[inside[here] - window * WINDOW]
        return drawn

    def _draw_order(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([*self._seed, epoch]).permutation(len(self.queries))

    def _group(self, epoch: int, window: int) -> NDArray[np.int64]:
        order = self._order(epoch)[window * WINDOW : (window + 1) * WINDOW]
        if self._neighbours == 1:
            return order
        grouped: NDArray[np.int64] = order[similar_groups(self.queries.mentions(order), self._neighbours).numpy()]
        return grouped


def similar_groups(unit_QM: Tensor, size: int) -> Tensor:
    """Returns an order in which each run of `size` is the first query left and those most like it of what is left."""
    left_Q = torch.ones(len(unit_QM), dtype=torch.bool)
    groups = []
    for query in range(len(unit_QM)):
        if left_Q[query]:
            likeness_Q = (unit_QM @ unit_QM[query]).masked_fill(~left_Q, -torch.inf)
            likeness_Q[query] = torch.inf
            group = likeness_Q.topk(min(size, int(left_Q.sum()))).indices
            left_Q[group] = False
            groups.append(group)
    return torch.cat(groups)
