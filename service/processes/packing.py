"""Mentions as bytes that another process sees, and back, bit by bit the same.

Arrays that mentions share, such as the pixels of their picture, lie there once and are shared again: by that the
encoder knows that it has seen them.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.linker import LinkQuery
from service.processes.memory import ALIGNED, Lease, Room
from service.processes.messages import KINDS, Contents, PackedMention, Placed
from wikiclip.mentions.mention import View
from wikiclip.mentions.views import PreparedMention


class Packed:
    """A query whose mentions lie in shared memory, or where that had no room, in bytes that are sent along.

    Attributes:
        start: where they lie in the room's memory; None where they are in `bytes`.
    """

    def __init__(self, query: LinkQuery, room: Room) -> None:
        self.top_k, self.min_score, self.tags = query.top_k, query.min_score, query.tags
        self.contents, arrays = _laid_out(query.mentions)
        self._lease: Lease | None = room.lease(self.contents.size)
        self.start: int | None = None if self._lease is None else self._lease.start
        self.bytes: bytearray | None = bytearray(self.contents.size) if self._lease is None else None
        into = self._lease.bytes if self._lease is not None else memoryview(self.bytes or b"")
        for placed, array in zip(self.contents.arrays, arrays, strict=True):
            _seen(into, placed)[...] = array


def unpacked(contents: Contents, held: memoryview) -> tuple[PreparedMention, ...]:
    """The mentions, whose arrays are views of what is held.

    Raises:
        ValueError: it holds less than the contents say.
    """
    arrays = [_seen(held, placed) for placed in contents.arrays]
    return tuple(
        PreparedMention(
            tuple(View(arrays[pixels], arrays[inside]) for pixels, inside in mention.views),
            None if mention.segments is None else arrays[mention.segments],
        )
        for mention in contents.mentions
    )


def _laid_out(mentions: Sequence[PreparedMention]) -> tuple[Contents, list[NDArray[Any]]]:
    number_of: dict[int, int] = {}
    arrays: list[NDArray[Any]] = []
    places: list[Placed] = []
    end = 0

    def number(array: NDArray[Any]) -> int:
        nonlocal end
        if id(array) not in number_of:
            (kind,) = (kind for kind in KINDS if array.dtype == kind)
            start = -(-end // ALIGNED) * ALIGNED
            end = start + array.nbytes
            number_of[id(array)] = len(arrays)
            arrays.append(array)
            places.append(Placed(start, kind, array.shape))
        return number_of[id(array)]

    packed = tuple(
        PackedMention(
            tuple((number(view.pixels_CHW), number(view.inside_HW)) for view in mention.views),
            None if mention.segments is None else number(mention.segments),
        )
        for mention in mentions
    )
    return Contents(end, tuple(places), packed), arrays


def _seen(held: memoryview, placed: Placed) -> NDArray[Any]:
    return np.frombuffer(held, placed.kind, prod(placed.shape), placed.start).reshape(placed.shape)
