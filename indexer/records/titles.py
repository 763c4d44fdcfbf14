"""Look-up of entities by the start of their title: a shard's entities in the order of their folded titles.

Only the order is stored; a look-up is a binary search that reads a few dozen titles of a million from the mapped table.
Axes: E entity, K entity found.
"""

from bisect import bisect_left, bisect_right
from pathlib import Path
from unicodedata import combining, normalize

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from indexer.arrays import expect_each_once, read_array
from indexer.records.table import TABLE, EntityTable, from_batch, read_batches

TITLES = "titles.npy"


def fold(text: str) -> str:
    """What of a title is compared: without case, accents and typographic forms ("Émile" and "ＥＭＩＬＥ" are "emile").

    Unicode's compatibility decomposition without its marks of a combining class other than 0, then full case folding.
    Vowel signs of the Indic scripts have class 0 and stay; letters that Unicode does not take apart (ø, ł, æ) stay too.
    Each character is folded apart from its neighbours, so that the fold of a title's start is the start of its fold.
    """
    bare = text if text.isascii() else "".join(c for c in normalize("NFKD", text) if not combining(c))
    return bare.casefold()


def write_titles(folder: Path) -> None:
    """Writes the order of the titles of a shard whose table is already there; of equal ones the lower number is first.

    Holds every folded title of the shard as UTF-8 twice over and 16 bytes an entity: about 75 MB for a million titles.

    Raises:
        CorruptIndex: the folder does not hold a table.
    """
    folded = [
        pa.array([fold(entity.title) for entity in from_batch(batch)], pa.large_string())
        for batch in read_batches(folder / TABLE)
    ]
    titles = pa.chunked_array(folded, pa.large_string()).combine_chunks()
    # Arrow compares UTF-8 and Python code points: the same order. Its sort is stable.
    np.save(folder / TITLES, pc.array_sort_indices(titles).to_numpy().astype(np.uint32))


class Titles:
    """The entities of a shard by the start of their title. Safe on any thread.

    Args:
        folder: the shard's folder.
        table: the shard's entities.

    Raises:
        CorruptIndex: the order is missing, or is not one of the table's entities.
    """

    def __init__(self, folder: Path, table: EntityTable) -> None:
        self._table = table
        self._order_E: NDArray[np.uint32] = read_array(folder / TITLES, np.uint32)
        expect_each_once(self._order_E, len(table), where=folder / TITLES)

    def starting_with(self, prefix: str) -> NDArray[np.uint32]:
        """Entity numbers [K] in the shard, in the order of their titles: a part of the mapped file. All for ""."""
        wanted = fold(prefix)

        def start(number: np.uint32) -> str:
            return fold(self._table[int(number)].title)[: len(wanted)]

        # Both searches begin with the same titles, so that the second one finds most of its pages in memory.
        first, last = (search(self._order_E, wanted, key=start) for search in (bisect_left, bisect_right))
        return self._order_E[first:last]
