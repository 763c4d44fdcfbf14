"""The table of retrieval benchmarks: how often the right entity is among the first k, seen, unseen and over all.

Axes: Q query, B bootstrap sample.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from training.data.annotation import TEST_SPLITS, TestSplit
from training.measure.answers import RankedAnswers
from training.measure.quality import Results
from training.measure.ranking import Interval, bootstrap, harmonic_mean, interval, resampled, within

RECALLS = (1, 5, 10, 20)  # at which the retrieval of InfoSeek and Encyclopedic-VQA is reported
HARMONIC_MEAN, ALL = "harmonic mean", "all"


@dataclass(frozen=True)
class _Asked:
    """Ranks of the right entity, and which entity that is."""

    rank_Q: NDArray[np.int64]
    entity_Q: NDArray[np.int64]

    def recall(self, k: int) -> Interval:
        return bootstrap(within(self.rank_Q, k), self.entity_Q)

    def counts(self) -> dict[str, int]:
        return {"n": len(self.rank_Q), "n_entities": len(np.unique(self.entity_Q))}


def recall_rows(results: Results) -> Iterator[dict[str, Any]]:
    """Yields a row for each split, for the harmonic mean of the two, and for all questions together.

    A row has percentages "rK", each with its 95% interval over entities, "rK_lo" and "rK_hi".
    """
    answers: dict[TestSplit, list[RankedAnswers]] = {split: [] for split in TEST_SPLITS}
    for cell, found in results.items():
        answers[cell.split] += found
    asked = {split: _joined(of_split) for split, of_split in answers.items() if of_split}
    for split, one in asked.items():
        yield _row(split, one.counts(), {k: one.recall(k) for k in RECALLS})
    if len(asked) == len(TEST_SPLITS):
        yield _row(HARMONIC_MEAN, {}, {k: _harmonic_mean(asked["seen"], asked["unseen"], k) for k in RECALLS})
    every = _joined([one for of_split in answers.values() for one in of_split])
    yield _row(ALL, every.counts(), {k: every.recall(k) for k in RECALLS})


def recall_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Returns the rows as they are printed."""
    table = Table("questions", title="Right entity among the first k, percent [95% interval over entities]")
    for column in (*(f"k = {k}" for k in RECALLS), "asked (entities)"):
        table.add_column(column, justify="right")
    for row in rows:
        shares = (f"{row[f'r{k}']:.1f} [{row[f'r{k}_lo']:.1f}, {row[f'r{k}_hi']:.1f}]" for k in RECALLS)
        table.add_row(row["split"], *shares, f"{row['n']:,} ({row['n_entities']:,})" if "n" in row else "")
    table.caption = "A picture that cannot be read counts as wrong. Questions whose entity is no record are not asked."
    return table


def _joined(answers: Sequence[RankedAnswers]) -> _Asked:
    return _Asked(*(np.concatenate(parts) for parts in zip(*((a.rank_Q, a.entity_Q) for a in answers), strict=True)))


def _harmonic_mean(seen: _Asked, unseen: _Asked, k: int) -> Interval:
    """No entity is in both splits, so each is drawn apart."""
    shares = [within(asked.rank_Q, k) for asked in (seen, unseen)]
    seen_B, unseen_B = (
        resampled(share_Q, asked.entity_Q, seed=seed)
        for seed, (share_Q, asked) in enumerate(zip(shares, (seen, unseen), strict=True))
    )
    drawn = [harmonic_mean(a, b) for a, b in zip(seen_B, unseen_B, strict=True)]
    return interval(harmonic_mean(*(100 * float(share_Q.mean()) for share_Q in shares)), np.array(drawn))


def _row(split: str, counts: Mapping[str, int], recalls: Mapping[int, Interval]) -> dict[str, Any]:
    figures: dict[str, float] = {}
    for k, found in recalls.items():
        figures |= {f"r{k}": found.mean, f"r{k}_lo": found.low, f"r{k}_hi": found.high}
    return {"method": "model", "split": split, **counts, **{name: round(share, 2) for name, share in figures.items()}}
