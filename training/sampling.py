"""Which samples make a batch: annotated mentions and records' own pictures, at random or visually similar.

Axes: Q query, W width of pooled vectors, B batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.config import TrainConfig


@dataclass(frozen=True)
class Queries:
    """Frozen features of mentions: `pooled_QW`, and `record_Q`, the row of the record that each shows."""

    pooled_QW: Tensor
    record_Q: Tensor

    def __len__(self) -> int:
        return len(self.record_Q)

    def __getitem__(self, rows: Tensor) -> "Queries":
        return Queries(self.pooled_QW[rows], self.record_Q[rows])


def batches(annotated: Queries, own: Queries, config: TrainConfig, generator: torch.Generator) -> Iterator[Queries]:
    """Yields `config.steps` batches; each source is gone through in random order before any sample comes again."""
    from_own = min(round(config.batch * config.own_pictures), len(own)) if len(annotated) else config.batch
    sources = [(annotated, config.batch - from_own), (own, from_own)]
    streams = [_stream(source, count, config.neighbours, generator) for source, count in sources if count]
    for _ in range(config.steps):
        parts = [next(stream) for stream in streams]
        yield Queries(torch.cat([part.pooled_QW for part in parts]), torch.cat([part.record_Q for part in parts]))


def _stream(source: Queries, count: int, neighbours: int, generator: torch.Generator) -> Iterator[Queries]:
    pending = torch.empty(0, dtype=torch.long)
    unit_QW = F.normalize(source.pooled_QW, dim=-1)
    while True:
        while len(pending) < count:
            order = torch.randperm(len(source), generator=generator)
            pending = torch.cat([pending, order if neighbours == 1 else _grouped(unit_QW, order, neighbours)])
        yield source[pending[:count]]
        pending = pending[count:]


def _grouped(unit_QW: Tensor, order_Q: Tensor, size: int) -> Tensor:
    """Reorders queries so that each run of `size` is a query and those most like it among what is left."""
    left_Q = torch.ones(len(order_Q), dtype=torch.bool)
    groups = []
    for query in order_Q.tolist():
        if left_Q[query]:
            likeness_Q = (unit_QW @ unit_QW[query]).masked_fill(~left_Q, -torch.inf)
            likeness_Q[query] = torch.inf
            group = likeness_Q.topk(min(size, int(left_Q.sum()))).indices
            left_Q[group] = False
            groups.append(group)
    return torch.cat(groups)
