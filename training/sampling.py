"""Which samples make a batch: shares of several sources, each at random or in visually similar groups.

Axes: Q query, M mention width, B batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Queries:
    """Unit mention vectors `mention_QM`, and `record_Q`, the row of the record that each shows."""

    mention_QM: Tensor
    record_Q: Tensor

    def __len__(self) -> int:
        return len(self.record_Q)

    def __getitem__(self, rows: Tensor) -> "Queries":
        return Queries(self.mention_QM[rows], self.record_Q[rows])


@dataclass(frozen=True)
class Source:
    """Queries, and how many of them come into each batch."""

    queries: Queries
    count: int


def batches(sources: Sequence[Source], *, steps: int, neighbours: int, generator: torch.Generator) -> Iterator[Queries]:
    """Yields batches; each source is gone through in random order before any of its samples comes again.

    Args:
        neighbours: a source's samples come in groups of this many visually similar ones; 1 draws them at random.
    """
    streams = [_stream(source, neighbours, generator) for source in sources if source.count]
    for _ in range(steps):
        parts = [next(stream) for stream in streams]
        yield Queries(torch.cat([part.mention_QM for part in parts]), torch.cat([part.record_Q for part in parts]))


def _stream(source: Source, neighbours: int, generator: torch.Generator) -> Iterator[Queries]:
    queries, pending = source.queries, torch.empty(0, dtype=torch.long)
    while True:
        while len(pending) < source.count:
            order = torch.randperm(len(queries), generator=generator)
            grouped = order if neighbours == 1 else similar_groups(queries.mention_QM, order, neighbours)
            pending = torch.cat([pending, grouped])
        yield queries[pending[: source.count]]
        pending = pending[source.count :]


def similar_groups(unit_QM: Tensor, order_Q: Tensor, size: int) -> Tensor:
    """Reorders queries so that each run of `size` is a query and those most like it among what is left."""
    left_Q = torch.ones(len(order_Q), dtype=torch.bool)
    groups = []
    for query in order_Q.tolist():
        if left_Q[query]:
            likeness_Q = (unit_QM @ unit_QM[query]).masked_fill(~left_Q, -torch.inf)
            likeness_Q[query] = torch.inf
            group = likeness_Q.topk(min(size, int(left_Q.sum()))).indices
            left_Q[group] = False
            groups.append(group)
    return torch.cat(groups)
