"""The entities of an index version: those of all its shards, without the ones that later shards replaced or removed.

Axes: E entity number, K entity asked for.
"""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.errors import CorruptIndex, UnknownEntity
from indexer.kb.record import Entity
from indexer.records.table import EntityTable
from indexer.records.tag_table import TagTable
from indexer.records.tags import Tags
from indexer.records.titles import Titles, fold
from indexer.words.finding import Finder, Page, WordsPlace

BLOCK = 1024  # numbers looked at in one step for whether they are wanted


class Place(NamedTuple):
    """The entity that a list in the order of titles was left at. The title finds the place where the entity is gone."""

    title: str
    entity_id: str


class Catalogue:
    """Entities by number, id or the start of their title. Safe on any thread; texts stay on the disk.

    An entity's number is its shard's first number + its number in the shard. An id has at most one living entity.

    Args:
        shards: the shards' folders, oldest first.
        deleted_E: the numbers of the entities that are no more, ascending.
        words: whether the shards keep words.
        with_pictures: whether the pictures that each shard's entities name are on this machine; all are if None.

    Attributes:
        numbers: how many numbers there are, those of deleted entities with them.
        counts: how many of them each shard has.
        first_numbers: the first number of each shard.
        pictured: how many living entities name a picture that may be here.

    Raises:
        CorruptIndex: a folder does not hold a shard's entities, or `deleted_E` does not fit them.
    """

    def __init__(
        self,
        shards: Sequence[Path],
        deleted_E: NDArray[np.uint32],
        *,
        words: bool = False,
        with_pictures: Sequence[bool] | None = None,
    ) -> None:
        self._tables = [EntityTable(shard) for shard in shards]
        self._titles = [Titles(shard, table) for shard, table in zip(shards, self._tables, strict=True)]
        self.counts = tuple(len(table) for table in self._tables)
        *firsts, self.numbers = accumulate(self.counts, initial=0)
        self.first_numbers = tuple(firsts)
        read = partial(_entity, self._tables, self.first_numbers)
        self._finder = Finder(shards, self.counts, read) if words else None
        if len(deleted_E) and (deleted_E[-1] >= self.numbers or (deleted_E[1:] <= deleted_E[:-1]).any()):
            raise CorruptIndex("deleted.npy lists entities that the shards do not hold; build the index again.")
        # A byte an entity, 6 MB at six million, is asked several times faster than a search in the sorted list.
        self._living_E = np.ones(self.numbers, dtype=np.bool_)
        self._living_E[deleted_E] = False
        self._count = self.numbers - len(deleted_E)
        pictured = [
            table.pictured() if here else np.zeros(len(table), dtype=np.bool_)
            for table, here in zip(self._tables, with_pictures or [True] * len(self._tables), strict=True)
        ]
        self._pictured_E = np.concatenate([np.empty(0, dtype=np.bool_), *pictured])
        self.pictured = int((self._pictured_E & self._living_E).sum())

    def __len__(self) -> int:
        """How many living entities there are."""
        return self._count

    def __getitem__(self, number: int) -> Entity:
        """The entity of a number, also of a deleted one.

        Raises:
            IndexError: there is no such number.
        """
        if not 0 <= number < self.numbers:
            raise IndexError(number)
        return _entity(self._tables, self.first_numbers, number)

    def shard_of(self, number: int) -> int:
        """Which shard an entity lies in.

        Raises:
            IndexError: there is no such number.
        """
        if not 0 <= number < self.numbers:
            raise IndexError(number)
        return bisect_right(self.first_numbers, number) - 1

    def tags(self, opening: Callable[[], Sequence[TagTable]]) -> Tags:
        """The tags of the living ones, opened when they are asked for first."""
        return Tags(opening, self.first_numbers, self._living_E)

    def alive(self, numbers_K: NDArray[Any]) -> NDArray[np.bool_]:
        """[K], False where an entity is deleted. Numbers are below `numbers` and not negative."""
        living_K: NDArray[np.bool_] = self._living_E[numbers_K]
        return living_K

    def number_of(self, entity_id: str) -> int:
        """Raises UnknownEntity where no living entity has the id."""
        for first, table in zip(reversed(self.first_numbers), reversed(self._tables), strict=True):
            with suppress(UnknownEntity):
                number = first + table.number_of(entity_id)
                if self._living_E[number]:
                    return number
        raise UnknownEntity(f"The index holds no entity {entity_id[:100]!r}.")

    def starting_with(
        self,
        prefix: str,
        limit: int,
        *,
        after: Place | None = None,
        pictured: bool | None = None,
        passing_E: NDArray[np.bool_] | None = None,
    ) -> list[Entity]:
        """The first `limit` living entities whose title, folded, starts with the prefix, folded, in that order.

        Of equal titles the lower number comes first. Every entity starts with "".

        Args:
            after: only what follows it. Where that entity is gone, those of its title come once more.
            pictured: only those that have a picture, as `pictured` counts them, or only the others.
            passing_E: only those whose number is True.
        """
        key = None if after is None else self._key(after)
        is_wanted = partial(self._wanted, pictured=pictured, passing_E=passing_E)
        shards = (self._in_shard(shard, prefix, key, is_wanted) for shard in range(len(self._tables)))
        return [entity for _, _, entity in islice(heapq.merge(*shards), limit)]

    def count(self, prefix: str, *, pictured: bool | None = None, passing_E: NDArray[np.bool_] | None = None) -> int:
        """How many living entities `starting_with` gives without a limit. Reads no entity but in a binary search."""
        if not fold(prefix) and passing_E is None:
            return self._count if pictured is None else self.pictured if pictured else self._count - self.pictured
        is_wanted = partial(self._wanted, pictured=pictured, passing_E=passing_E)
        found = (is_wanted(first + titles.starting_with(prefix)) for first, titles in self._placed())
        return sum(int(wanted_K.sum()) for wanted_K in found)

    @property
    def keeps_words(self) -> bool:
        """Whether `holding` finds anything."""
        return self._finder is not None

    def holding(
        self,
        question: str,
        limit: int,
        *,
        after: WordsPlace | None = None,
        pictured: bool | None = None,
        passing_E: NDArray[np.bool_] | None = None,
    ) -> Page:
        """The living entities that hold the words of a question, best first; see `Finder.find`, which raises the same.

        Args:
            after: only what follows this place in the ranks.
            pictured: only those that have a picture, as `pictured` counts them, or only the others.
            passing_E: only those whose number is True.
        """
        if self._finder is None:
            return Page([], None)
        is_wanted = partial(self._wanted, pictured=pictured, passing_E=passing_E)
        return self._finder.find(question, limit, wanted=is_wanted, after=after)

    def named(
        self, question: str, *, pictured: bool | None = None, passing_E: NDArray[np.bool_] | None = None
    ) -> Entity | None:
        """The living entity whose id is a question, as it is written or in capitals or small letters; None where there
        is none, or it is not wanted, as `holding` has it."""
        asked = question.strip()
        for entity_id in dict.fromkeys((asked, asked.upper(), asked.lower())):
            with suppress(UnknownEntity):
                number = self.number_of(entity_id)
                is_wanted = self._wanted(np.array([number]), pictured=pictured, passing_E=passing_E)
                return self[number] if is_wanted[0] else None
        return None

    def _placed(self) -> Iterator[tuple[int, Titles]]:
        """Each shard's first number and its titles."""
        return zip(self.first_numbers, self._titles, strict=True)

    def _wanted(
        self, numbers_K: NDArray[Any], *, pictured: bool | None, passing_E: NDArray[np.bool_] | None
    ) -> NDArray[np.bool_]:
        wanted_K: NDArray[np.bool_] = self._living_E[numbers_K]
        if pictured is not None:
            wanted_K &= self._pictured_E[numbers_K] == pictured
        if passing_E is not None:
            wanted_K &= passing_E[numbers_K]
        return wanted_K

    def _key(self, place: Place) -> tuple[str, int]:
        with suppress(UnknownEntity):
            number = self.number_of(place.entity_id)
            title = self[number].title
            if title.startswith(place.title):
                return fold(title), number
        return fold(place.title), -1

    def _in_shard(
        self,
        shard: int,
        prefix: str,
        after: tuple[str, int] | None,
        is_wanted: Callable[[NDArray[Any]], NDArray[np.bool_]],
    ) -> Iterator[tuple[str, int, Entity]]:
        """(folded title, number, entity) of the wanted ones in their order; reads no entity before it is asked for."""
        first, table = self.first_numbers[shard], self._tables[shard]
        found_K = self._titles[shard].starting_with(prefix)
        if after is not None:

            def key(own: np.uint32) -> tuple[str, int]:
                return fold(table[int(own)].title), first + int(own)

            found_K = found_K[bisect_right(found_K, after, key=key) :]
        for start in range(0, len(found_K), BLOCK):
            block_K = found_K[start : start + BLOCK]
            for own in block_K[is_wanted(first + block_K)].tolist():
                entity = table[own]
                yield fold(entity.title), first + own, entity


def _entity(tables: Sequence[EntityTable], firsts: Sequence[int], number: int) -> Entity:
    """Not a method: who holds it holds no catalogue, which could not be let go of at once otherwise."""
    shard = bisect_right(firsts, number) - 1
    return tables[shard][number - firsts[shard]]
