"""Counts over annotations, in one pass: all that the tables show."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.annotate.statistics.rows import Mentioned, key_of
from wikiclip.masks import RegionError

BINS = 20
Column = tuple[str, str]  # part and task


@dataclass
class Statistics:
    """What was counted; entities are remembered as 64-bit hashes, nothing else grows with the files.

    Attributes:
        examples: annotations by column and by whether their entity is seen.
        entities: the same, different ones.
        sources: annotations by the data set of the picture and by task.
        areas: mentions by their share of the picture, in `BINS` of equal width; the last has what fills it.
        unreadable: annotations that could not be read, and regions that could not.
    """

    examples: Counter[tuple[Column, bool]] = field(default_factory=Counter)
    entities: dict[tuple[Column, bool], set[int]] = field(default_factory=lambda: defaultdict(set))
    sources: Counter[tuple[str, str]] = field(default_factory=Counter)
    areas: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    unreadable: int = 0
    regionless: int = 0

    def add(self, found: Iterable[Mentioned | str], source_of: Callable[[str, str | None], str]) -> None:
        """Counts further annotations."""
        for one in found:
            if isinstance(one, str):
                self.unreadable += 1
                continue
            column = (one.part, one.task)
            self.examples[column, one.seen] += 1
            self.entities[column, one.seen].add(key_of(one.row.category_id))
            self.sources[source_of(one.row.image_id, one.file_name), one.task] += 1
            try:
                self.areas[min(BINS - 1, int(BINS * one.area()))] += 1
            except RegionError:
                self.regionless += 1

    @property
    def columns(self) -> list[Column]:
        """The parts and tasks that there are, in the paper's order."""
        order = ("train", "val", "test", "wiki", "human")
        found = {column for column, _ in self.examples}
        return sorted(found, key=lambda one: (order.index(one[0]) if one[0] in order else len(order), one[1]))

    def entities_of(self, task: str) -> int:
        """How many different entities a task has in all parts."""
        return len(set[int]().union(*(ids for ((_, of), _), ids in self.entities.items() if of == task)))

    def to_json(self) -> dict[str, Any]:
        """Returns all counts by the names of the paper's tables."""
        return {
            "table_2": {
                f"{part} {task}": {
                    "seen_entities": len(self.entities.get(((part, task), True), ())),
                    "seen_examples": self.examples[(part, task), True],
                    "unseen_entities": len(self.entities.get(((part, task), False), ())),
                    "unseen_examples": self.examples[(part, task), False],
                    "examples": self.examples[(part, task), True] + self.examples[(part, task), False],
                }
                for part, task in self.columns
            },
            "table_7": _nested(self.sources),
            "areas": self.areas.tolist(),
            "unreadable": self.unreadable,
            "regionless": self.regionless,
        }


def _nested(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (outer, inner), count in sorted(counts.items()):
        nested.setdefault(outer, {})[inner] = count
    return nested
