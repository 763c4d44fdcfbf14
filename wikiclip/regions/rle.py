"""COCO's run-length encoding of masks, with every count checked before a pixel is made from it.

An RLE is `{"size": [height, width], "counts": ...}`. The counts are lengths of runs that go down the columns, the first
run outside the mask, the second inside, and so on; a run may be empty. They are a list of integers ("uncompressed") or
a string ("compressed": groups of 6-bit characters, see `_string_lengths`). The format is that of pycocotools'
`maskApi.c`, whose decoder trusts its input: short counts leave memory unwritten, and a string that ends inside a group
is read past its end. So the string is decoded here, and pycocotools only encodes.

Axes: C character of a string, G group of characters (one number), R run.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from wikiclip.regions.mask import Mask
from wikiclip.regions.region import RegionError, Rle

# Characters of a compressed string: 48 ("0") is zero, 111 ("o") is 63.
FIRST_CHARACTER, CHARACTERS = 48, 64
CONTINUES, NEGATIVE, VALUE_MASK, VALUE_BITS = 0x20, 0x10, 0x1F, 5
# Six characters carry a signed number of 30 bits. A picture with more than 2**29 pixels would need a seventh, and there
# maskApi.c shifts past the end of an int.
LONGEST_GROUP = 6
# Of one region: more than any outline has, few enough to be read within a second.
MOST_RLES, MOST_COUNTS = 1000, 2**22

# Writing a run by itself takes as long as summing over so many pixels.
SLICE_PIXELS = 200

TOO_MANY_COUNTS = f"The RLEs of a region may hold at most {MOST_COUNTS} counts in all."
STRANGE_CHARACTER = "The counts of the RLE hold a character that is not of its alphabet."


def decode_rles(rles: Sequence[object], *, height: int, width: int) -> Mask:
    """The pixels that are inside at least one of the RLEs, as a mask [height, width].

    Args:
        rles: parsed JSON, each `{"size": [height, width], "counts": string or list}`.

    Raises:
        RegionError: malformed-rle, malformed-region (fields that do not belong), mask-size-mismatch or
            region-too-complex (more than `MOST_RLES` RLEs or `MOST_COUNTS` counts).
    """
    return _paint(*_intervals(rles, height=height, width=width), height=height, width=width)


def area_of_rles(rles: Sequence[object], *, height: int, width: int) -> int:
    """How many pixels `decode_rles` would have inside, without painting one.

    Raises:
        RegionError: as `decode_rles`.
    """
    starts, ends = _intervals(rles, height=height, width=width)
    return int((ends - starts).sum())


def encode_rle(mask: Mask) -> Rle:
    """The compressed RLE of a mask [H, W] with at least one pixel.

    Raises:
        ValueError: not a boolean array of two axes, or one without pixels.
    """
    if mask.ndim != 2 or mask.dtype != np.bool_ or not mask.size:
        raise ValueError(f"A mask is a boolean array [H, W], not {mask.dtype} {list(mask.shape)}.")
    columns_first = _transposed(np.ascontiguousarray(mask)).view(np.uint8)
    counts: bytes = coco_mask.encode(columns_first.T)["counts"]
    return {"size": [mask.shape[0], mask.shape[1]], "counts": counts.decode("ascii")}


def _intervals(rles: Sequence[object], *, height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What is inside at least one of the RLEs, as `_union` gives it."""
    if not rles:
        raise RegionError("malformed-region", "A list of RLEs must hold at least one.")
    if len(rles) > MOST_RLES:
        raise RegionError("region-too-complex", f"A region may hold at most {MOST_RLES} RLEs.")
    lengths_by_rle: list[NDArray[np.int64]] = []
    total_counts = 0
    for rle in rles:
        lengths_by_rle.append(_run_lengths(rle, height=height, width=width))
        total_counts += lengths_by_rle[-1].size
        if total_counts > MOST_COUNTS:
            raise RegionError("region-too-complex", TOO_MANY_COUNTS)
    ends_by_rle = [np.cumsum(lengths_R) for lengths_R in lengths_by_rle]
    # Every second run is inside, from where the run before it ends.
    ends = np.concatenate([ends_R[1::2] for ends_R in ends_by_rle])
    starts = ends - np.concatenate([lengths_R[1::2] for lengths_R in lengths_by_rle])
    return _union(starts, ends)


def _run_lengths(rle: object, *, height: int, width: int) -> NDArray[np.int64]:
    """Run lengths [R], none negative, that sum to height * width."""
    if not isinstance(rle, dict) or rle.keys() != {"size", "counts"}:
        raise RegionError("malformed-region", 'An RLE is an object with the two fields "size" and "counts".')
    size, counts = rle["size"], rle["counts"]
    if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int for side in size):
        raise RegionError("malformed-rle", "The size of an RLE is two integers, [height, width].")
    if size != [height, width]:
        swapped = " It is given as [width, height]." if size == [width, height] else ""
        raise RegionError(
            "mask-size-mismatch",
            f"The size of an RLE must be that of the upright picture, [height, width] = [{height}, {width}].{swapped}",
        )
    pixels = height * width
    # A mask of N pixels has at most N + 1 runs, an empty one at the start included; twice as many leaves room for
    # encoders that write empty runs in between. A run takes one character, and a second only where 17 pixels back it.
    if not isinstance(counts, str | list):
        raise RegionError("malformed-rle", "The counts of an RLE are a string or a list of integers.")
    if len(counts) > 2 * pixels + 2 * LONGEST_GROUP:
        raise RegionError("malformed-rle", "The counts of the RLE are longer than a mask of this size can need.")
    if len(counts) > MOST_COUNTS:
        raise RegionError("region-too-complex", TOO_MANY_COUNTS)
    lengths_R = _string_lengths(counts) if isinstance(counts, str) else _list_lengths(counts, pixels)
    if lengths_R.size and lengths_R.min() < 0:
        raise RegionError("malformed-rle", "A count of the RLE is negative.")
    if lengths_R.sum() != pixels:
        raise RegionError("malformed-rle", "The counts of the RLE do not add up to height * width.")
    return lengths_R


def _list_lengths(counts: list[object], pixels: int) -> NDArray[np.int64]:
    """Run lengths [R] of an uncompressed RLE, each within 0 to `pixels`."""
    # `type(...) is int`, since True is an int too, and 3.0 would be cut without a word.
    lengths = [count for count in counts if type(count) is int and 0 <= count <= pixels]
    if len(lengths) != len(counts):
        raise RegionError("malformed-rle", "The counts of an RLE are integers from 0 to height * width.")
    return np.array(lengths, dtype=np.int64)


def _string_lengths(counts: str) -> NDArray[np.int64]:
    """Run lengths [R] of a compressed RLE, not yet checked against the picture.

    A group of characters is one number: five bits each, the lowest first, 0x20 set on all but the last, and 0x10 of the
    last is the sign. From the fourth run on the number is the difference to the run two before.
    """
    try:
        codes_C = np.frombuffer(counts.encode("ascii"), dtype=np.uint8) - np.uint8(FIRST_CHARACTER)
    except UnicodeEncodeError:
        raise RegionError("malformed-rle", STRANGE_CHARACTER) from None
    if (codes_C >= CHARACTERS).any():  # those below "0" have wrapped round to the top
        raise RegionError("malformed-rle", STRANGE_CHARACTER)
    lasts_G = np.flatnonzero(codes_C & CONTINUES == 0)
    if not lasts_G.size or lasts_G[-1] != codes_C.size - 1:
        raise RegionError("malformed-rle", "The counts of the RLE are empty or end in the middle of a number.")
    characters_G = np.diff(lasts_G, prepend=-1)
    if characters_G.max() > LONGEST_GROUP:
        raise RegionError("malformed-rle", "A number in the counts of the RLE is too long.")
    lengths_R = np.where(codes_C[lasts_G] & NEGATIVE, np.int64(-1) << VALUE_BITS * characters_G, np.int64(0))
    for place in range(LONGEST_GROUP):
        groups = np.flatnonzero(characters_G > place)
        bits = codes_C[lasts_G[groups] - characters_G[groups] + 1 + place] & VALUE_MASK
        lengths_R[groups] += bits.astype(np.int64) << VALUE_BITS * place
    # Differences to the run two before are two running sums, one over the odd runs and one over the even ones after
    # the first. Numbers stay below 2**30, so no sum of them that fits in memory leaves 64 bits.
    lengths_R[1::2] = np.cumsum(lengths_R[1::2])
    lengths_R[2::2] = np.cumsum(lengths_R[2::2])
    return lengths_R


def _union(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same half-open intervals in order, without the empty ones, and with those that overlap or touch made one."""
    starts, ends = starts[ends > starts], ends[ends > starts]
    if not starts.size:
        return starts, ends
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    apart = starts[1:] > ends[:-1]
    return starts[np.concatenate([[True], apart])], ends[np.concatenate([apart, [True]])]


def _paint(starts: NDArray[np.int64], ends: NDArray[np.int64], *, height: int, width: int) -> Mask:
    """A mask [height, width] that is True in the intervals, which count pixels down the columns and lie apart."""
    if starts.size * SLICE_PIXELS < height * width:
        columns_first = np.zeros(height * width, dtype=np.bool_)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            columns_first[start:end] = True
    else:  # steps up and down, summed
        steps = np.zeros(height * width + 1, dtype=np.int8)
        steps[starts] = 1
        steps[ends] = -1
        columns_first = np.cumsum(steps[:-1], dtype=np.int8).view(np.bool_)
    return _transposed(columns_first.reshape(width, height))


def _transposed(mask: Mask) -> Mask:
    """The mask with rows and columns exchanged, each row in one piece: NumPy takes ten times as long for it."""
    turned: Mask = np.asarray(cv2.transpose(mask.view(np.uint8)), np.uint8).view(np.bool_)
    return turned
