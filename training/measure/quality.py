"""The table of linking quality, and what of it is beyond chance."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from training.data.annotation import TEST_SPLITS
from training.data.scenes.folds import DEVELOPMENT_FOLD, FOLDS
from training.data.scenes.marks import MARKS, Mark
from training.measure.answers import Cell, RankedAnswers, Ranks
from training.measure.ranking import RANKS, Interval, bootstrap, harmonic_mean, within
from wikiclip.base.errors import WikiClipError

Results = dict[Cell, list[RankedAnswers]]  # a cell's answers, fold by fold
ASKED = (
    "data",
    "task",
    "photo",
    "record",
    "candidates",
    "imagenet",
)  # what methods have in common that are set side by side
PRINTED = (1, 5, 10)  # of RANKS; the JSON rows have all


def table_rows(
    results: Mapping[Cell, Sequence[Ranks]], imagenet_rows: NDArray[np.int64] | None
) -> Iterator[dict[str, Any]]:
    """Yields the table, a dictionary a row; percentages of n, of the ranks that are known.

    Args:
        imagenet_rows: rows of entities that are classes of ImageNet; None where nobody knows.
    """
    for cell, folds in sorted(results.items(), key=lambda item: [value or "" for value in astuple(item[0])]):
        rank_Q = np.concatenate([answers.rank_Q for answers in folds])
        entity_Q = np.concatenate([answers.entity_Q for answers in folds])
        known = [k for k in RANKS if k <= min(answers.depth for answers in folds)]
        kept = {"all": np.full(len(entity_Q), True)}
        if imagenet_rows is not None:
            kept["without"] = ~np.isin(entity_Q, imagenet_rows)
        for imagenet, kept_Q in kept.items():
            first = bootstrap(within(rank_Q[kept_Q], 1), entity_Q[kept_Q])
            yield {
                "method": cell.method,
                "split": cell.split,
                **({} if cell.photo is None else {"photo": cell.photo}),
                "record": cell.record,
                "imagenet": imagenet,
                "candidates": cell.candidates,
                **({} if cell.data is None else {"data": cell.data}),
                **({} if cell.task is None else {"task": cell.task}),
                **({} if cell.mark is None else {"mark": cell.mark}),
                "n": int(kept_Q.sum()),
                "n_entities": len(np.unique(entity_Q[kept_Q])),
                **{f"r{k}": round(100 * float(within(rank_Q[kept_Q], k).mean()), 2) for k in known},
                "r1_lo": round(first.low, 2),
                "r1_hi": round(first.high, 2),
            }


def quality_table(rows: list[dict[str, Any]]) -> Table:
    """Returns seen, unseen and their harmonic mean side by side; what all rows have in common has no column, nor has
    what none has."""
    differs = [name for name in ASKED if name in rows[0] and len({row[name] for row in rows}) > 1]
    settings = [*differs, "method"]
    table = Table(*settings, title="Right entity at rank 1 / 5 / 10, percent")
    cells: dict[tuple[str, ...], dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        cells[tuple(row[name] for name in settings)][row["split"]] = row
    there = [split for split in TEST_SPLITS if any(split in splits for splits in cells.values())]
    both = any(all(split in splits for split in TEST_SPLITS) for splits in cells.values())
    for column in (*there, *(["harmonic mean"] if both else []), "queries (entities)"):
        table.add_column(column, justify="right")
    for key, splits in sorted(cells.items()):
        seen, unseen = (_printed(splits.get(split)) for split in TEST_SPLITS)
        means = [harmonic_mean(a, b) for a, b in zip(seen, unseen, strict=True)] if seen and unseen else None
        counted = splits.get("unseen") or splits["seen"]
        shares = [_shares(_printed(splits.get(split))) for split in there] + ([_shares(means)] if both else [])
        table.add_row(*key, *shares, f"{counted['n']} ({counted['n_entities']})")
    return table


def marks_table(rows: list[dict[str, Any]]) -> Table:
    """Returns how often the right entity is found by each mark in photographs of places."""
    table = Table(
        "record", "candidates", "mark", title="On photographs of places: right entity at rank 1 / 5 / 10, percent"
    )
    for column in ("all", "rank 1, 95% interval", "without ImageNet's classes", "queries (entities)"):
        table.add_column(column, justify="right")
    cells: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        cells[row["record"], row["candidates"], row["mark"]][row["imagenet"]] = row
    for record, candidates, mark in sorted(cells, key=lambda key: (*key[:2], MARKS.index(cast(Mark, key[2])))):
        every, without = (cells[record, candidates, mark].get(imagenet) for imagenet in ("all", "without"))
        assert every is not None
        table.add_row(
            record,
            candidates,
            mark,
            _shares(_printed(every)),
            f"{every['r1_lo']:.1f} to {every['r1_hi']:.1f}",
            _shares(_printed(without)),
            f"{every['n']} ({every['n_entities']})",
        )
    return table


def _printed(row: dict[str, Any] | None) -> list[float] | None:
    """A row's percentages, of the ranks that are known."""
    return None if row is None else [row[f"r{k}"] for k in PRINTED if f"r{k}" in row]


def _shares(percent: list[float] | None) -> str:
    return "-" if percent is None else " / ".join(f"{share:.1f}" for share in percent)


def compared(first: Results, second: Results) -> Iterator[str]:
    """Yields the first checkpoint's answers minus the second's, paired query by query, by each method that both have.

    Raises:
        WikiClipError: they were not asked the same.
    """
    methods = {cell.method for cell in second}
    for cell, folds in sorted(first.items(), key=lambda item: [value or "" for value in astuple(item[0])]):
        if cell.method not in methods:
            continue
        others = second.get(cell)
        if others is None or any(
            not np.array_equal(a.entity_Q, b.entity_Q) for a, b in zip(folds, others, strict=True)
        ):
            raise WikiClipError(
                f"The two checkpoints were not asked the same mentions ({cell}): train both on one fold."
            )
        gain_k = {
            k: np.concatenate([within(a.rank_Q, k) - within(b.rank_Q, k) for a, b in zip(folds, others, strict=True)])
            for k in PRINTED
        }
        intervals = {k: bootstrap(gain, np.concatenate([a.entity_Q for a in folds])) for k, gain in gain_k.items()}
        name = " ".join(value for value in asdict(cell).values() if value is not None)
        yield f"{name}: " + ", ".join(f"rank {k}: {interval}" for k, interval in intervals.items())


def differences(results: Results) -> Iterator[str]:
    """Yields the model minus the raw picture on unseen entities in another photograph, paired query by query."""
    model = results[Cell("model", "unseen", "other", "full", "labelled")]
    image = results[Cell("image", "unseen", "other", "full", "labelled")]
    yield "Model minus raw picture, unseen entities, another photograph, labelled candidates, points [95% interval]:"
    for name, folds in (
        ("all folds", range(FOLDS)),
        (f"without the development fold {DEVELOPMENT_FOLD}", [f for f in range(FOLDS) if f != DEVELOPMENT_FOLD]),
    ):
        parts = []
        for k in PRINTED:
            gain = np.concatenate([within(model[f].rank_Q, k) - within(image[f].rank_Q, k) for f in folds])
            interval: Interval = bootstrap(gain, np.concatenate([model[f].entity_Q for f in folds]))
            parts.append(f"rank {k}: {interval}")
        yield f"  {name}: " + ", ".join(parts)
