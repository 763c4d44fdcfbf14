"""Rows spread evenly over devices, in their order.

Axes: M vector width, N row of a block.
"""

from collections.abc import Iterable, Iterator
from typing import Any


def shares(rows: int, parts: int, *, multiple: int = 1) -> list[int]:
    """How many consecutive rows each part holds: a multiple of `multiple`, but for the last part that holds any."""
    groups = -(-rows // multiple)
    ends = [min(rows, multiple * (groups * part // parts)) for part in range(1, parts + 1)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def spread(blocks: Iterable[Any], counts: list[int]) -> Iterator[tuple[int, int, Any]]:
    """Yields (part, first row in the part, its rows [N, M]) for blocks in the order of their rows, arrays or tensors.

    Raises:
        ValueError: the blocks hold fewer or more rows than the parts.
    """
    part = filled = 0
    for block_NM in blocks:
        while len(block_NM):
            while part < len(counts) and filled == counts[part]:
                part, filled = part + 1, 0
            if part == len(counts):
                raise ValueError(f"there are more than {sum(counts)} rows")
            piece_NM, block_NM = block_NM[: counts[part] - filled], block_NM[counts[part] - filled :]
            yield part, filled, piece_NM
            filled += len(piece_NM)
    if sum(counts[:part]) + filled != sum(counts):
        raise ValueError(f"there are fewer than {sum(counts)} rows")
