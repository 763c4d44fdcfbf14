from pathlib import Path

import faiss
import numpy as np
import pytest

from indexer.kinds import KINDS
from indexer.kinds.codes import TRAINED
from indexer.kinds.inverted import CODES
from indexer.kinds.merge import _blocks, merge


def contents(index) -> list[tuple[list[int], list[bytes]]]:
    """Of each list the rows' numbers and their codes."""
    lists, packer = faiss.downcast_InvertedLists(index.invlists), index.get_CodePacker()
    found = []
    for number in range(lists.nlist):
        size = lists.list_size(number)
        ids = faiss.rev_swig_ptr(lists.get_ids(number), size).tolist() if size else []
        codes = _blocks(lists, number) if size else None
        found.append((ids, [packer.unpack_1(codes, row).tobytes() for row in range(size)]))
    return found


@pytest.mark.parametrize("kind", ["compact-pq", "compact-rabitq", "compact-pca"])
@pytest.mark.parametrize("blocks", [1, 2])
def test_a_list_of_as_many_rows_as_a_block_has_bytes(tmp_path: Path, fill, texts, kind, blocks):
    """FAISS itself would write past the end of such a list: so it must find nothing in it to move."""
    rows_NM = texts(1, 70, 32)
    fill(KINDS[kind], tmp_path, rows_NM)  # so few have one list

    def empty():
        return faiss.read_index(str(tmp_path / "shared" / TRAINED))

    whole, merged, part = empty(), empty(), empty()
    rows = blocks * faiss.downcast_InvertedLists(whole.invlists).block_size
    all_NM = texts(2, rows + 45, whole.d).astype(np.float32)
    whole.add(all_NM)
    merged.add(all_NM[:rows])
    part.add(all_NM[rows:])
    assert merged.invlists.list_size(0) == rows
    merge(merged, part)
    assert (merged.ntotal, part.ntotal, part.invlists.list_size(0)) == (rows + 45, 0, 0)
    assert contents(merged) == contents(whole)


@pytest.mark.parametrize("kind", ["compact-pq", "compact-rabitq", "compact-pca"])
def test_many_merges_are_one_index(tmp_path: Path, fill, texts, kind):
    rows_NM = texts(1, 2500, 32)
    fill(KINDS[kind], tmp_path / "one", rows_NM)
    shards = fill(KINDS[kind], tmp_path / "many", rows_NM, [64] * 20 + [32] * 20 + [7] * 9)
    merged = faiss.read_index(str(tmp_path / "many" / "shared" / TRAINED))
    for shard in shards:
        part = faiss.read_index(str(shard / CODES))
        part.quantizer, own = merged.quantizer, part.quantizer
        merge(merged, part)
        part.quantizer = own
    assert contents(merged) == contents(faiss.read_index(str(tmp_path / "one" / "00000" / CODES)))
