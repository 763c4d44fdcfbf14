"""Checked RLE against a slow decoder that anyone can read, and against pycocotools where that is safe."""

import json
import string

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from wikiclip.masks import Mask
from wikiclip.regions import rle as rle_module
from wikiclip.regions.decode import decode_region
from wikiclip.regions.region import RegionError
from wikiclip.regions.rle import MOST_COUNTS, MOST_RLES, area_of_rles, decode_rles, encode_rle

ALPHABET = [chr(code) for code in range(48, 112)]


def slow_counts(text: str) -> list[int] | None:
    """The numbers of a compressed string, one character at a time as in `maskApi.c`; None where it is malformed."""
    counts: list[int] = []
    place = value = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or place == 6:
            return None
        value += (code % 32) * 32**place
        place += 1
        if code < 32:
            if code >= 16:
                value -= 32**place
            if len(counts) > 2:
                value += counts[-2]
            counts.append(value)
            place = value = 0
    return None if place else counts


def slow_decode(counts: object, height: int, width: int) -> Mask | None:
    """The mask of string or list counts, one pixel at a time; None where they are malformed."""
    numbers = slow_counts(counts) if isinstance(counts, str) else counts
    if not isinstance(numbers, list) or any(type(n) is not int or n < 0 for n in numbers):
        return None
    pixels: list[bool] = []
    for run, length in enumerate(numbers):
        if len(pixels) + length > height * width:
            return None
        pixels += [run % 2 == 1] * length
    if len(pixels) != height * width:
        return None
    return np.array([[pixels[x * height + y] for x in range(width)] for y in range(height)], dtype=np.bool_)


def slow_list(mask: Mask) -> list[int]:
    """Uncompressed counts of a mask, down the columns."""
    counts, inside = [0], False
    for pixel in mask.T.ravel().tolist():
        if pixel != inside:
            counts.append(0)
            inside = pixel
        counts[-1] += 1
    return counts


def slow_string(counts: list[int]) -> str:
    """Compressed counts, one number at a time."""
    text = ""
    for number, count in enumerate(counts):
        value = count - counts[number - 2] if number > 2 else count
        while True:
            bits, value = value % 32, value // 32
            if value == (-1 if bits >= 16 else 0):
                break
            text += chr(bits + 32 + 48)
        text += chr(bits + 48)
    return text


def checked(counts: object, height: int, width: int) -> Mask | None:
    """Ours, with None for malformed counts as the slow one has it."""
    try:
        return decode_rles([{"size": [height, width], "counts": counts}], height=height, width=width)
    except RegionError as error:
        if error.code != "malformed-rle":
            raise
        return None


def same(ours: Mask | None, slow: Mask | None) -> bool:
    return ours is None if slow is None else ours is not None and np.array_equal(ours, slow)


masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


@st.composite
def long_masks(draw: st.DrawFn) -> Mask:
    """Masks of long runs, whose numbers take several characters and both signs."""
    lengths = draw(st.lists(st.one_of(st.integers(1, 40), st.integers(1, 40_000)), min_size=1, max_size=12))
    width = draw(st.integers(1, 50))
    inside = np.concatenate([np.full(length, run % 2 == 1) for run, length in enumerate(lengths)])
    height = -(-inside.size // width)
    return np.resize(inside, (width, height)).T


@given(st.one_of(masks, long_masks()))
def test_encode_and_decode_are_inverse_and_agree_with_pycocotools(mask: Mask) -> None:
    height, width = mask.shape
    rle = encode_rle(mask)
    assert json.loads(json.dumps(rle)) == rle
    assert np.array_equal(coco_mask.decode(rle), mask)
    decoded = decode_rles([rle], height=height, width=width)
    assert decoded.dtype == np.bool_
    assert decoded.shape == (height, width)
    assert decoded.flags.c_contiguous
    assert np.array_equal(decoded, mask)


@given(masks)
def test_list_counts_decode_to_the_mask(mask: Mask) -> None:
    counts = slow_list(mask)
    assert np.array_equal(slow_decode(counts, *mask.shape), mask)
    assert np.array_equal(checked(counts, *mask.shape), mask)


@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)), st.data())
def test_empty_runs_in_between_change_nothing(mask: Mask, data: st.DataObject) -> None:
    counts = slow_list(mask)
    for _ in range(data.draw(st.integers(1, 3))):
        run = data.draw(st.integers(0, len(counts) - 1))
        cut = data.draw(st.integers(0, counts[run]))
        counts[run : run + 1] = [cut, 0, counts[run] - cut]
    # Splitting past what any encoder would write runs into the bound on the length.
    assume(len(counts) <= 2 * mask.size)
    text = slow_string(counts)
    assert slow_counts(text) == counts
    assert np.array_equal(checked(counts, *mask.shape), mask)
    assert np.array_equal(checked(text, *mask.shape), mask)


@given(st.text(st.sampled_from(ALPHABET), max_size=12), st.integers(1, 6), st.integers(1, 6))
@example("", 1, 1)
@example("1", 1, 1)
@example("Q", 4, 4)  # a number that never ends
@example("PPPPPP0" + "1", 1, 1)  # a seventh character
@example("PPPPP0" + "1", 1, 1)  # six are read
@example("O", 1, 1)  # minus one
def test_any_string_of_the_alphabet_is_read_as_the_slow_decoder_reads_it(text: str, height: int, width: int) -> None:
    assert same(checked(text, height, width), slow_decode(text, height, width))


@given(st.text(max_size=8), st.integers(1, 4), st.integers(1, 4))
@example("\x00", 1, 1)
@example("01\x00", 1, 1)
@example("p1", 1, 1)
@example("/1", 1, 1)
@example("\uff10\uff11", 1, 1)  # digits, but not ASCII
@example("\ud800", 1, 1)
def test_any_text_at_all_is_read_as_the_slow_decoder_reads_it(text: str, height: int, width: int) -> None:
    assert same(checked(text, height, width), slow_decode(text, height, width))


@given(st.one_of(masks, long_masks().filter(lambda mask: mask.size < 5_000)), st.data())
def test_damaged_strings_are_refused_or_read_as_the_slow_decoder_reads_them(mask: Mask, data: st.DataObject) -> None:
    text = encode_rle(mask)["counts"]
    assert text == slow_string(slow_list(mask))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    text = text[:start] + data.draw(st.text(st.sampled_from([*ALPHABET, *string.printable]), max_size=3)) + text[end:]
    ours = checked(text, *mask.shape)
    assert same(ours, slow_decode(text, *mask.shape))
    if ours is not None:
        assert np.array_equal(coco_mask.decode({"size": list(mask.shape), "counts": text}), ours)


@given(masks, st.data())
def test_truncated_strings_are_refused(mask: Mask, data: st.DataObject) -> None:
    text = encode_rle(mask)["counts"]
    kept = text[: data.draw(st.integers(0, len(text) - 1))]
    # What is cut off may be an empty run or the rest of a number whose start happens to be the number.
    assert same(checked(kept, *mask.shape), slow_decode(kept, *mask.shape))


strange_counts = st.one_of(
    st.integers(-3, 12), st.booleans(), st.floats(), st.none(), st.text(max_size=1), st.integers(2**31, 2**80)
)


@given(st.lists(strange_counts, max_size=6), st.integers(1, 4), st.integers(1, 4))
@example([True, 0], 1, 1)
@example([0, 1.0], 1, 1)
@example([5, -1], 2, 2)
@example([2**64 + 4], 2, 2)
@example([2**63, 2**63, 4], 2, 2)
def test_any_list_is_read_as_the_slow_decoder_reads_it(counts: list[object], height: int, width: int) -> None:
    assert same(checked(counts, height, width), slow_decode(counts, height, width))


@given(st.lists(hnp.arrays(np.bool_, (7, 5)), min_size=1, max_size=5))
def test_several_rles_are_united(parts: list[Mask]) -> None:
    rles = [
        encode_rle(mask) if number % 2 else {"size": [7, 5], "counts": slow_list(mask)}
        for number, mask in enumerate(parts)
    ]
    assert np.array_equal(decode_rles(rles, height=7, width=5), np.logical_or.reduce(parts))


@pytest.mark.parametrize(
    ("region", "code"),
    [
        ({"size": [2, 3], "counts": [0, 5]}, "malformed-rle"),
        ({"size": [2, 3], "counts": [0, 7]}, "malformed-rle"),
        ({"size": [2, 3], "counts": []}, "malformed-rle"),
        ({"size": [2, 3], "counts": ""}, "malformed-rle"),
        ({"size": [2, 3], "counts": None}, "malformed-rle"),
        ({"size": [2, 3], "counts": b"06"}, "malformed-rle"),
        ({"size": [2, 3], "counts": {"0": 6}}, "malformed-rle"),
        ({"size": [2, 3], "counts": [0, [6]]}, "malformed-rle"),
        ({"size": [2, 3], "counts": "0" * 1000}, "malformed-rle"),
        ({"size": [2, 3], "counts": [0] * 1000 + [6]}, "malformed-rle"),
        ({"size": [2.0, 3], "counts": [0, 6]}, "malformed-rle"),
        ({"size": [True, 3], "counts": [0, 6]}, "malformed-rle"),
        ({"size": [2], "counts": [0, 6]}, "malformed-rle"),
        ({"size": [2, 3, 1], "counts": [0, 6]}, "malformed-rle"),
        ({"size": "23", "counts": [0, 6]}, "malformed-rle"),
        ({"size": None, "counts": [0, 6]}, "malformed-rle"),
        ({"size": [3, 2], "counts": [0, 6]}, "mask-size-mismatch"),
        ({"size": [4, 3], "counts": [0, 12]}, "mask-size-mismatch"),
        ({"size": [-2, -3], "counts": [0, 6]}, "mask-size-mismatch"),
        ({"size": [0, 0], "counts": []}, "mask-size-mismatch"),
        ({"size": [2**70, 3], "counts": [0, 6]}, "mask-size-mismatch"),
        ({"size": [2, 3], "counts": [6]}, "empty-mask"),
        ({"size": [2, 3], "counts": [6, 0]}, "empty-mask"),
        ({"size": [2, 3]}, "malformed-region"),
        ({"counts": [0, 6]}, "malformed-region"),
        ({"size": [2, 3], "counts": [0, 6], "more": 1}, "malformed-region"),
        ([], "malformed-region"),
        ([[0, 6]], "malformed-region"),
        ([None], "malformed-region"),
        ([{"box": [0, 0, 1, 1]}], "malformed-region"),
        ([{"size": [2, 3], "counts": [0, 6]}, {"size": [3, 2], "counts": [0, 6]}], "mask-size-mismatch"),
        ([{"size": [2, 3], "counts": [6]}] * 3, "empty-mask"),
        ([{"size": [2, 3], "counts": [0, 6]}] * (MOST_RLES + 1), "region-too-complex"),
    ],
)
def test_faults_have_their_code(region: object, code: str) -> None:
    with pytest.raises(RegionError) as caught:
        decode_region(region, height=2, width=3)
    assert caught.value.code == code


def test_more_counts_than_any_region_has_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    height = width = 2048
    rle = {"size": [height, width], "counts": "0" * (MOST_COUNTS + 1)}
    with pytest.raises(RegionError, match="at most") as caught:
        decode_rles([rle], height=height, width=width)
    assert caught.value.code == "region-too-complex"
    monkeypatch.setattr(rle_module, "MOST_COUNTS", 5)
    half = {"size": [1, 6], "counts": [1, 2, 3]}
    assert decode_rles([half], height=1, width=6).sum() == 2
    with pytest.raises(RegionError) as caught:
        decode_rles([half, half], height=1, width=6)
    assert caught.value.code == "region-too-complex"


def test_the_worst_mask_of_a_large_picture_is_read() -> None:
    checkerboard = np.indices((1000, 1501)).sum(axis=0) % 2 == 1
    assert np.array_equal(decode_rles([encode_rle(checkerboard)], height=1000, width=1501), checkerboard)


def test_a_size_the_wrong_way_round_is_named_as_such() -> None:
    with pytest.raises(RegionError, match=r"\[height, width\] = \[2, 3\].* \[width, height\]"):
        decode_region({"size": [3, 2], "counts": [0, 6]}, height=2, width=3)


@pytest.mark.parametrize("mask", [np.ones((2, 2), np.uint8), np.ones(4, np.bool_), np.ones((0, 3), np.bool_)])
def test_only_masks_are_encoded(mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match="boolean array"):
        encode_rle(mask)


@given(st.lists(hnp.arrays(np.bool_, (5, 7)), min_size=1, max_size=4))
def test_the_area_is_that_of_the_mask_that_would_be_painted(masks):
    rles = [encode_rle(mask) for mask in masks]
    assert area_of_rles(rles, height=5, width=7) == decode_rles(rles, height=5, width=7).sum()
