"""One shard of an index version: a folder with all there is of a bounded stretch of rows, never changed once written.

Beside the index kind's own files it holds its entities, by number, id and title, and which of them each row belongs to.

Axes: N row, M vector width.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.arrays import read_array
from indexer.embedding.chunks import StoredChunk
from indexer.errors import CorruptIndex
from indexer.kinds.kind import IndexKind
from indexer.manifest import ShardStamp
from indexer.records.table import HASHES, NUMBERS, TABLE, write_table
from indexer.records.tag_table import write_tags
from indexer.records.titles import TITLES, write_titles
from indexer.words.file import Words, write_words

ROWS = "rows.npy"
# Besides the index kind's own: those that are read for as long as they are open, and all.
MAPPED = (TABLE, HASHES, NUMBERS, TITLES)
FILES = (*MAPPED, ROWS)


def write_shard(
    folder: Path, chunks: Sequence[StoredChunk], kind: IndexKind, shared: Path, words: Words = Words.TEXTS
) -> None:
    """Fills an empty folder with the entities and rows of some chunks. Holds their vectors in memory and, of what is
    told of them, a block of the table (64 MB), their titles (some 75 MB a million), a part of their words (128 MB) or
    their tags (4 bytes each).

    Args:
        shared: the folder of what the kind's shards share.
        words: which words are kept.

    Raises:
        WikiClipError: the disk is full or cannot be written.
    """
    write_table((batch for chunk in chunks for batch in chunk.entities()), folder)
    write_titles(folder)
    write_words(folder, words)
    write_tags(folder)
    start, owners = 0, []
    for chunk in chunks:
        owners.append(chunk.entity_of_row() + np.uint32(start))
        start += chunk.count()
    np.save(folder / ROWS, np.concatenate(owners))
    kind.write(np.concatenate([chunk.vectors() for chunk in chunks]), folder, shared)


def stamp_shard(folder: Path, *, name: str, image_root: str | None, follow_links: bool) -> ShardStamp:
    """What the manifest says of a shard that was written."""
    entities = len(read_array(folder / HASHES, np.uint64))
    rows = len(entity_of_row(folder, entities=entities))
    return ShardStamp(folder=name, entities=entities, rows=rows, image_root=image_root, follow_links=follow_links)


def entity_of_row(folder: Path, *, entities: int) -> NDArray[np.uint32]:
    """Which of the shard's own entities a row [N] belongs to, ascending, so that the rows of one are together; mapped.

    Args:
        entities: how many the shard holds; each has a row at least.

    Raises:
        CorruptIndex: the file is not such a list.
    """
    owners_N: NDArray[np.uint32] = read_array(folder / ROWS, np.uint32)
    first, last = (owners_N[0], owners_N[-1]) if len(owners_N) else (0, -1)
    # What is less than the one before comes round to a large number.
    if first != 0 or last != entities - 1 or (owners_N[1:] - owners_N[:-1] > 1).any():
        raise CorruptIndex(
            f"{folder / ROWS} is not in the order of entities, of which each has a row; build the index again."
        )
    return owners_N
