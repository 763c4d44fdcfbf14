"""Moving the codes of one inverted index behind those of another, without FAISS's mistake.

`BlockInvertedLists::add_entries` of FAISS 1.15 asks whether a list's count of rows is a multiple of a block's bytes,
where it means a block's rows. If it is, and the list is not empty, more is copied than was made room for: whatever
lies behind it in memory is overwritten. At six million rows that happens in some list of almost every merge.
"""

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray


def merge(merged: Any, part: Any) -> None:
    """Leaves `part` empty; its rows count on from those of `merged`.

    Raises:
        RuntimeError: the two do not fit each other.
    """
    merged.check_compatible_for_merge(part)
    into, out_of = (faiss.downcast_InvertedLists(index.invlists) for index in (merged, part))
    if isinstance(into, faiss.BlockInvertedLists):  # type: ignore[attr-defined]
        packer = merged.get_CodePacker()
        for number in range(into.nlist):
            held = into.list_size(number)
            if held and held % into.block_size == 0:
                _move(into, out_of, number, packer, shift=merged.ntotal)
    merged.merge_from(part, merged.ntotal)  # counts all the part's rows, and moves the lists that are left


def _move(into: Any, out_of: Any, number: int, packer: Any, *, shift: int) -> None:
    """Moves one list row by row."""
    held, more = into.list_size(number), out_of.list_size(number)
    if more == 0:
        return
    into.resize(number, held + more)
    ids = faiss.rev_swig_ptr(into.get_ids(number), held + more)
    ids[held:] = faiss.rev_swig_ptr(out_of.get_ids(number), more) + shift
    codes, moved = _blocks(into, number), _blocks(out_of, number)
    for row in range(more):
        packer.pack_1(packer.unpack_1(moved, row), held + row, codes)
    out_of.resize(number, 0)


def _blocks(lists: Any, number: int) -> NDArray[np.uint8]:
    """A list's codes where they are, [blocks, bytes]."""
    blocks = -(-lists.list_size(number) // lists.n_per_block)
    codes: NDArray[np.uint8] = faiss.rev_swig_ptr(lists.get_codes(number), blocks * lists.block_size)
    return codes.reshape(blocks, lists.block_size)
