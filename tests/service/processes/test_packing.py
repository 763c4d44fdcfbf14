"""Mentions that go to another process and come back are the same, bit by bit, and share what they shared."""

from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from indexer.linker import LinkQuery
from indexer.records.tag_filter import TagFilter
from service.processes.memory import Board, Memory, Room, Share
from service.processes.messages import Contents, Link, encode, read_asked
from service.processes.packing import Packed, unpacked
from tests.service.processes.writing import write
from wikiclip.mentions.mention import View
from wikiclip.mentions.views import PreparedMention

SIDE = st.integers(1, 7)


@st.composite
def queries(draw: st.DrawFn) -> LinkQuery:
    """Mentions of one picture, which share its pixels, or its segments, or neither."""
    side, most = draw(SIDE), draw(st.integers(1, 3))
    pixels = arrays(np.uint8, (3, side, side))
    inside = arrays(np.float32, (side, side), elements=st.floats(width=32, allow_nan=True))
    shared, segments = draw(pixels), draw(st.none() | arrays(np.float32, (most, side, side)))
    mentions = []
    for _ in range(draw(st.integers(1, 4))):
        views = [View(draw(st.just(shared) | pixels), draw(inside)) for _ in range(draw(st.integers(1, 2)))]
        mentions.append(PreparedMention(tuple(views), segments))
    return LinkQuery(tuple(mentions), 5, None, TagFilter.of(["bird"], none=["é"]))


def _arrays(mentions: tuple[PreparedMention, ...]) -> list[np.ndarray]:
    return [
        array
        for mention in mentions
        for array in (*(part for view in mention.views for part in (view.pixels_CHW, view.inside_HW)), mention.segments)
        if array is not None
    ]


@given(queries(), st.sampled_from([0, 10_000]))
def test_what_comes_back_is_bit_by_bit_what_was_sent(query: LinkQuery, room: int) -> None:
    memory = Memory(room or 1)
    packed = Packed(query, Room(memory))
    assert (packed.start is None) == (room == 0)
    sent = read_asked(encode(Link(1, 0, packed.start, packed.contents, 5, None, packed.tags, 0.0, {})))
    assert isinstance(sent, Link)
    assert sent.tags == query.tags
    held = memory.bytes[sent.start :] if sent.start is not None else memoryview(packed.bytes)
    back = unpacked(sent.contents, held)
    before, after = _arrays(query.mentions), _arrays(back)
    assert [(array.dtype, array.shape, array.tobytes()) for array in after] == [
        (array.dtype, array.shape, array.tobytes()) for array in before
    ]
    # What was one array is one again: by that the encoder sees a picture once.
    assert [[one is other for other in after] for one in after] == [
        [one is other for other in before] for one in before
    ]


def test_less_than_the_contents_say_is_refused() -> None:
    contents = Packed(_query(), Room(Memory(10_000))).contents
    with pytest.raises(ValueError, match="buffer"):
        unpacked(Contents(contents.size, contents.arrays, contents.mentions), memoryview(bytes(contents.size - 1)))


def _query(side: int = 8) -> LinkQuery:
    view = View(np.ones((3, side, side), np.uint8), np.ones((side, side), np.float32))
    return LinkQuery((PreparedMention((view,)),), 5, None)


def test_room_is_free_again_once_nobody_holds_what_lay_there() -> None:
    room = Room(Memory(1000))
    first, second = Packed(_query(), room), Packed(_query(), room)
    assert (first.start, second.start) == (0, 448)
    assert Packed(_query(), room).start is None
    del first
    assert Packed(_query(), room).start == 0
    del second
    assert room.taken == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 300)), max_size=40))
def test_no_two_leases_overlap(steps: list[tuple[bool, int]]) -> None:
    room = Room(Memory(1000))
    held = []
    for give_back, size in steps:
        if give_back and held:
            held.pop(size % len(held))
        elif (lease := room.lease(size)) is not None:
            assert lease.start + size <= 1000
            held.append((lease, lease.start, size))
        lease = None  # which is a holder, too
        spans = sorted((start, start + length) for _, start, length in held)
        assert all(end <= after for (_, end), (after, _) in pairwise(spans))
        assert room.taken == sum(length for _, _, length in held)


@pytest.mark.slow
def test_another_process_sees_the_same_memory() -> None:
    memory, board = Memory(8), Board(2)
    Share(board, 0, Board.HELD).add(2)
    process = get_context("forkserver").Process(target=write, args=(memory, board))
    process.start()
    process.join(60)
    assert memory.bytes[3] == 7
    assert board.total(Board.HELD) == Share(board, 0, Board.HELD).total == 7
    board.clear(1)
    assert board.total(Board.HELD) == 2
