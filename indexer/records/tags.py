"""The tags of an index version: which living entities pass a filter, and which tags there are.

Axes: E entity number, T tag.
"""

import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
from cachetools import LRUCache
from numpy.typing import NDArray

from indexer.records.tag_filter import TagFilter
from indexer.records.tag_table import TagTable

MASK_BYTES = 2**26  # that masks which are kept may take together: ten of six million entities

Order = Literal["count", "tag"]


class CountedTag(NamedTuple):
    """A tag, and how many living entities have it."""

    tag: str
    entities: int


class Tags:
    """Safe on any thread. A shard's tags are opened when they are asked for first.

    Args:
        opening: opens the tables of all shards.
        first_numbers: the number of each shard's first entity.
        living_E: whether each entity lives.
    """

    def __init__(
        self,
        opening: Callable[[], Sequence[TagTable]],
        first_numbers: Sequence[int],
        living_E: NDArray[np.bool_],
    ) -> None:
        self._opening, self._firsts, self._living_E = opening, first_numbers, living_E
        self._kept: LRUCache[TagFilter, NDArray[np.bool_]] = LRUCache(MASK_BYTES, getsizeof=len)
        self._lock, self._opened = threading.Lock(), threading.Lock()
        self._opened_tables: Sequence[TagTable] | None = None

    def passing(self, wanted: TagFilter) -> NDArray[np.bool_]:
        """[E], whether an entity lives and passes. Not to be changed: masks used last are kept.

        Raises:
            CorruptIndex: the tags are not those of the shards.
        """
        with self._lock:
            kept = self._kept.get(wanted)
        if kept is None:
            kept = self._made(wanted)
            kept.setflags(write=False)
            with self._lock:
                if len(kept) <= MASK_BYTES:
                    self._kept[wanted] = kept
        return kept

    def listed(self, limit: int, *, order: Order = "count", after: CountedTag | None = None) -> list[CountedTag]:
        """The first tags that living entities have, the most frequent first, or by themselves.

        Args:
            after: only what follows it in the order, whether or not it is there.

        Raises:
            CorruptIndex: as `passing` does.
        """
        places = self._by_count if order == "count" else range(len(self))

        def key(place: int) -> tuple[int, str]:
            told = self._told(place)
            return (-told.entities if order == "count" else 0), told.tag

        start = 0
        if after is not None:
            start = bisect_right(places, (-after.entities if order == "count" else 0, after.tag), key=key)
        return [self._told(int(place)) for place in places[start : start + limit]]

    def __len__(self) -> int:
        """How many tags living entities have. Raises CorruptIndex as `passing` does."""
        return len(self._counted)

    def _told(self, place: int) -> CountedTag:
        tags_T, counts_T = self._counted.columns
        return CountedTag(tags_T[place].as_py(), counts_T[place].as_py())

    @property
    def _tables(self) -> Sequence[TagTable]:
        with self._opened:
            if self._opened_tables is None:
                self._opened_tables = self._opening()
            return self._opened_tables

    @cached_property
    def _counted(self) -> pa.RecordBatch:
        """The tags in their order, each with its count."""
        columns = [
            pa.table(
                [table.tags_T, pa.array(table.counts(self._living_E[first : first + table.count]))], ["tag", "count"]
            )
            for first, table in zip(self._firsts, self._tables, strict=True)
        ]
        counted = pa.concat_tables(columns).group_by("tag").aggregate([("count", "sum")])
        counted = counted.filter(pa.compute.greater(counted["count_sum"], 0)).sort_by("tag")
        return pa.RecordBatch.from_arrays(
            [counted[name].combine_chunks() for name in ("tag", "count_sum")], ["tag", "count"]
        )

    @cached_property
    def _by_count(self) -> NDArray[np.int64]:
        """Places of the tags, the most frequent first; of equally frequent ones those before come first."""
        return np.argsort(-np.asarray(self._counted["count"]), kind="stable")

    def _made(self, wanted: TagFilter) -> NDArray[np.bool_]:
        mask_E = self._living_E.copy()
        if wanted.any:
            mask_E &= self._having(wanted.any)
        for tag in wanted.all:
            mask_E &= self._having([tag])
        if wanted.none:
            mask_E &= ~self._having(wanted.none)
        return mask_E

    def _having(self, tags: Sequence[str]) -> NDArray[np.bool_]:
        """[E], whether an entity has one of these."""
        having_E = np.zeros(len(self._living_E), dtype=np.bool_)
        for first, table in zip(self._firsts, self._tables, strict=True):
            for tag in tags:
                having_E[first + table.entities(tag)] = True
        return having_E
