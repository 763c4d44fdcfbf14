"""The report's table: rows of a quality table, grouped by what was asked."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.measure.quality import ASKED
from training.measure.ranking import harmonic_mean

SPLITS = ("seen", "unseen", "harmonic mean")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Percentages of one method on one split, by rank; what of the rest was measured."""

    percent: dict[int, float]
    interval: tuple[float, float] | None = None  # of rank 1
    counts: tuple[int, int] | None = None  # queries, entities


@dataclass(frozen=True, kw_only=True)
class Group:
    """The methods that were asked the same.

    Attributes:
        asked: what they were asked, name -> value.
        methods: name -> split -> figures; the splits are "seen", "unseen" and "harmonic mean".
        best: those ahead at rank 1 of the harmonic mean, or of "unseen" or "seen" where none has the former.
    """

    asked: dict[str, str]
    methods: dict[str, dict[str, Figures]]
    best: set[str]


def ranks_of(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Returns the k for which rows have an "rk"."""
    return sorted({int(name[1:]) for row in rows for name in row if name.startswith("r") and name[1:].isdecimal()})


def shown_splits(groups: Sequence[Group]) -> list[str]:
    """Returns the splits that some method was measured on: the others would be empty columns."""
    there = {split for group in groups for splits in group.methods.values() for split in splits}
    return [split for split in SPLITS if split in there]


def grouped(rows: Sequence[Mapping[str, Any]]) -> Iterator[Group]:
    """Yields the rows of each question as a group, with the harmonic mean of seen and unseen where both are there."""
    ranks, names = ranks_of(rows), [name for name in ASKED if any(name in row for row in rows)]
    groups: dict[tuple[str, ...], dict[str, dict[str, Figures]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        asked = tuple(str(row.get(name, "-")) for name in names)
        groups[asked][row["method"]][row["split"]] = Figures(
            percent={k: row[f"r{k}"] for k in ranks if f"r{k}" in row},
            interval=(row["r1_lo"], row["r1_hi"]),
            counts=(row["n"], row["n_entities"]),
        )
    for asked, methods in sorted(groups.items()):
        for splits in methods.values():
            if "seen" in splits and "unseen" in splits:
                seen, unseen = splits["seen"].percent, splits["unseen"].percent
                splits["harmonic mean"] = Figures(
                    percent={k: harmonic_mean(seen[k], unseen[k]) for k in seen.keys() & unseen.keys()}
                )
        yield Group(
            asked=dict(zip(names, asked, strict=True)), methods=dict(sorted(methods.items())), best=_best(methods)
        )


def _best(methods: Mapping[str, Mapping[str, Figures]]) -> set[str]:
    for split in ("harmonic mean", "unseen", "seen"):
        first = {method: splits[split].percent[1] for method, splits in methods.items() if split in splits}
        if first:
            return {method for method, percent in first.items() if percent == max(first.values())}
    return set()
