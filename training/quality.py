"""The table of linking quality, and what of it is beyond chance."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from training.answers import Answers
from training.data.folds import DEVELOPMENT_FOLD, FOLDS
from training.ranking import RANKS, Interval, bootstrap, harmonic_mean, within
from training.scenes_answers import Cell

Results = dict[Cell, list[Answers]]  # a cell's answers, fold by fold
PRINTED = (1, 5, 10)  # of RANKS; the JSON rows have all


def table_rows(results: Results, imagenet_rows: NDArray[np.int64]) -> Iterator[dict[str, Any]]:
    """The table, a dictionary a row; percentages of n.

    Args:
        imagenet_rows: rows of entities that are classes of ImageNet.
    """
    for cell, folds in sorted(results.items()):
        rank_Q = np.concatenate([answers.rank_Q for answers in folds])
        entity_Q = np.concatenate([answers.entity_Q for answers in folds])
        for imagenet, kept_Q in (
            ("all", np.full(len(entity_Q), True)),
            ("without", ~np.isin(entity_Q, imagenet_rows)),
        ):
            first = bootstrap(within(rank_Q[kept_Q], 1), entity_Q[kept_Q])
            yield {
                "method": cell.method,
                "split": cell.split,
                "photo": cell.photo,
                "record": cell.record,
                "imagenet": imagenet,
                "candidates": cell.candidates,
                "n": int(kept_Q.sum()),
                "n_entities": len(np.unique(entity_Q[kept_Q])),
                **{f"r{k}": round(100 * float(within(rank_Q[kept_Q], k).mean()), 2) for k in RANKS},
                "r1_lo": round(first.low, 2),
                "r1_hi": round(first.high, 2),
            }


def quality_table(rows: list[dict[str, Any]]) -> Table:
    """Seen, unseen and their harmonic mean side by side."""
    settings = ("photo", "record", "candidates", "imagenet", "method")
    table = Table(*settings, title="Right entity at rank 1 / 5 / 10, percent")
    for column in ("seen", "unseen", "harmonic mean", "unseen: queries (entities)"):
        table.add_column(column, justify="right")
    cells: dict[tuple[str, ...], dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        cells[tuple(row[name] for name in settings)][row["split"]] = row
    for key, splits in sorted(cells.items()):
        unseen, seen = splits["unseen"], splits.get("seen")
        means = [harmonic_mean(seen[f"r{k}"], unseen[f"r{k}"]) for k in PRINTED] if seen else None
        table.add_row(
            *key,
            " / ".join(f"{seen[f'r{k}']:.1f}" for k in PRINTED) if seen else "-",
            " / ".join(f"{unseen[f'r{k}']:.1f}" for k in PRINTED),
            " / ".join(f"{mean:.1f}" for mean in means) if means else "-",
            f"{unseen['n']} ({unseen['n_entities']})",
        )
    return table


def differences(results: Results) -> Iterator[str]:
    """The model against the raw picture on unseen entities in another photograph, paired query by query."""
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
            parts.append(f"rank {k}: {interval.mean:+.1f} [{interval.low:+.1f}, {interval.high:+.1f}]")
        yield f"  {name}: " + ", ".join(parts)
