"""Entities by the words of a question, over all shards of a version.

A request reads few records, however many hold the words: a shard's rows come in the order of titles' lengths, so that
the first ones are enough. Where that order says little, other names and texts, a block of rows at a time is ranked.

Axes: K row found.
"""

import heapq
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.errors import TookTooLong
from indexer.kb.record import Entity
from indexer.words.file import Words
from indexer.words.folding import Asked
from indexer.words.opened import SECONDS, Expression, ShardWords
from indexer.words.ranking import Tier, begins_so, expression_of, in_texts, indexed, rank, sharing

BLOCK = 64  # records that are ranked together
PROBED = 32  # records that tell how a start is best looked up
MOST_ROWS, MOST_CANDIDATES = 32_768, 1_024  # of a shard, looked at and read at most before an answer is given

Wanted = Callable[[NDArray[Any]], NDArray[np.bool_]]  # which of some numbers [K] may be found


class WordsPlace(NamedTuple):
    """Where a list was left.

    Attributes:
        tier: of the last one.
        length: of its title; of the block's before, where blocks are ranked.
        number: of it, or of the last of the block before; -1 before all of that length.
        taken: how many of the block were taken.
    """

    tier: int
    length: int
    number: int
    taken: int

    @property
    def is_possible(self) -> bool:
        """Whether there can be such a place."""
        tier, length, number, taken = self
        return 0 <= tier <= max(Tier) and 0 <= length < 2**16 and -1 <= number < 2**32 and 0 <= taken <= BLOCK


class FoundEntity(NamedTuple):
    """An entity that holds the words, and where; None where they are its id."""

    entity: Entity
    tier: Tier | None


class Page(NamedTuple):
    """What was found, best first, and where to go on; None at the end.

    It may hold fewer than were asked for and yet not be the end: a look at too many rows without a hit ends early.
    """

    found: list[FoundEntity]
    next: WordsPlace | None


START = WordsPlace(0, 0, -1, 0)


class _Row(NamedTuple):
    """A row of some shard: orders by title's length, then number. Without an entity a shard was left there."""

    length: int
    number: int
    is_left: bool


class Finder:
    """The words of all shards. Safe on any thread.

    Args:
        shards: the shards' folders.
        counts: how many entities each has.
        entity: the entity of a number.

    Attributes:
        words: which words are kept, of all shards.

    Raises:
        CorruptIndex: a file is not what it should be.
    """

    def __init__(self, shards: Sequence[Path], counts: Sequence[int], entity: Callable[[int], Entity]) -> None:
        self._shards = [ShardWords(shard, entities) for shard, entities in zip(shards, counts, strict=True)]
        self._firsts = [sum(counts[:place]) for place in range(len(counts))]
        self._entity = entity
        self.words = Words.TEXTS if all(each.words is Words.TEXTS for each in self._shards) else Words.TITLES

    def find(self, question: str, limit: int, *, wanted: Wanted, after: WordsPlace | None = None) -> Page:
        """The first `limit` entities that hold the words of a question; none where it has no word.

        Args:
            wanted: which entities may be found.
            after: only what follows.

        Raises:
            CorruptIndex: a file does not hold what it should.
            TookTooLong: it takes longer than `opened.SECONDS`.
        """
        asked = Asked.of(question)
        page = Page([], None)
        if asked is None:
            return page
        until = time.monotonic() + SECONDS
        last = after
        for found, place in self._walk(asked, after or START, wanted):
            if found is None:
                return Page(page.found, place)
            if len(page.found) == limit:
                return Page(page.found, last)
            page.found.append(found)
            last = place
            if time.monotonic() > until:
                raise TookTooLong(f"Words were not found within {SECONDS:g} s.")
        return page

    def _walk(self, asked: Asked, after: WordsPlace, wanted: Wanted) -> Iterator[tuple[FoundEntity | None, WordsPlace]]:
        """(entity, the place after it), or (None, where it was left early)."""
        for tier in Tier:
            if tier < after.tier or (tier is Tier.TEXT and self.words is not Words.TEXTS):
                continue
            place = after if tier == after.tier else WordsPlace(tier, 0, -1, 0)
            walk = self._in_order if tier <= Tier.TITLE else self._in_blocks
            yield from walk(asked, tier, place, wanted)

    def _in_order(
        self, asked: Asked, tier: Tier, after: WordsPlace, wanted: Wanted
    ) -> Iterator[tuple[FoundEntity | None, WordsPlace]]:
        with self._rows(asked, tier, after, wanted) as rows:
            for row in rows:
                place = WordsPlace(tier, row.length, row.number, 0)
                if row.is_left:
                    yield None, place
                    return
                entity = self._entity(row.number)
                if rank(entity, asked, tier) is not None:
                    yield FoundEntity(entity, tier), place

    def _in_blocks(
        self, asked: Asked, tier: Tier, after: WordsPlace, wanted: Wanted
    ) -> Iterator[tuple[FoundEntity | None, WordsPlace]]:
        block = after
        while True:
            ranked: list[tuple[Any, _Row, Entity]] = []
            end: _Row | None = None
            with self._rows(asked, tier, block, wanted) as rows:
                for row in rows:
                    if not row.is_left:
                        entity = self._entity(row.number)
                        if (suits := rank(entity, asked, tier)) is not None:
                            ranked.append((suits, row, entity))
                    if row.is_left or len(ranked) == BLOCK:
                        end = row
                        break
            ranked.sort(key=lambda each: each[:2])
            for taken, (_, _, entity) in enumerate(ranked[block.taken :], start=block.taken + 1):
                yield FoundEntity(entity, tier), block._replace(taken=taken)
            if end is None:
                return
            block = WordsPlace(tier, end.length, end.number, 0)
            if end.is_left:
                yield None, block
                return

    @contextmanager
    def _rows(self, asked: Asked, tier: Tier, after: WordsPlace, wanted: Wanted) -> Iterator[Iterator[_Row]]:
        """Rows of all shards in one order, while the block runs."""
        expression = expression_of(asked, tier, whole_start=self._is_rare(asked, tier))
        with ExitStack() as stack:
            yield heapq.merge(
                *(
                    stack.enter_context(closing(self._of_shard(shard, first, expression, after, wanted)))
                    for shard, first in zip(self._shards, self._firsts, strict=True)
                )
            )

    def _is_rare(self, asked: Asked, tier: Tier) -> bool:
        """Whether a start is better looked up by all of its letters, for which postings are read and merged, than by
        as many as there is a list for, whose records are read: few of those hold it."""
        known = indexed(asked, tier)
        start = in_texts(asked).start if tier is Tier.TEXT else asked.start
        if known is None or start is None or known == start:
            return False
        shard = self._shards[0]
        numbers = [
            int(key & np.uint64(2**32 - 1))
            for places_K in shard.rows(sharing(known, tier), 0, PROBED)
            for key in shard.order_E[places_K]
        ]
        return 4 * sum(begins_so(self._entity(number), start, tier) for number in numbers) < len(numbers)

    def _of_shard(
        self, shard: ShardWords, first: int, asked: Expression, after: WordsPlace, wanted: Wanted
    ) -> Generator[_Row]:
        """The wanted rows of a shard; where so many were looked at that an answer has to be given, that place."""
        own = min(max(after.number - first, -1), 2**32 - 1)
        place = shard.place_after((after.length << 32) + own) if own >= 0 else _before(shard, after.length)
        seen = read = 0
        for places_K in shard.rows(asked, place, MOST_ROWS):
            keys_K = shard.order_E[places_K]
            numbers_K = (keys_K & np.uint64(2**32 - 1)).astype(np.int64) + first
            lengths_K = keys_K >> np.uint64(32)
            wanted_K = wanted(numbers_K)
            for length, number in zip(lengths_K[wanted_K].tolist(), numbers_K[wanted_K].tolist(), strict=True):
                yield _Row(length, number, False)
                read += 1
                if read == MOST_CANDIDATES:
                    yield _Row(length, number, True)
                    return
            seen += len(places_K)
            if seen == MOST_ROWS:
                yield _Row(int(lengths_K[-1]), int(numbers_K[-1]), True)
                return


def _before(shard: ShardWords, length: int) -> int:
    """The first row of a length."""
    return int(np.searchsorted(shard.order_E, np.uint64(length << 32), side="left"))
