"""Hostile regions, as values that Python writes as JSON: NaN and lone surrogates included."""

import base64
from functools import cache
from typing import Any

from hypothesis import strategies as st

from benchmarks.hostile.case import MARK
from benchmarks.hostile.mutations import mutated
from benchmarks.hostile.pictures import HEIGHT, WIDTH, foreign, masks, readable
from service import examples

PIXELS = WIDTH * HEIGHT
GOOD: str = examples.regions()["rle"]["counts"]
HUGE = (2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, 10**30, 10**400)


@cache
def numbers() -> st.SearchStrategy[Any]:
    """Numbers of every size, and what is none."""
    fit = st.integers(-2, WIDTH + 2)
    odd = st.sampled_from([*HUGE, *(-number for number in HUGE), True, None, "1", MARK, 0.5, -0.0, 1e308, 5e-324])
    return fit | fit | st.floats(width=32) | odd


@cache
def texts() -> st.SearchStrategy[str]:
    """Strings: of any characters, lone surrogates included, and long ones."""
    some = st.text(st.characters(exclude_categories=()), max_size=20)
    return some | st.just(MARK) | st.sampled_from(["\0", "\ud800", "\U0001f600" * 100, "x" * 20_000])


@cache
def json_values() -> st.SearchStrategy[Any]:
    """Any value, of any shape."""
    return st.recursive(
        numbers() | texts(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(), inner, max_size=3),
        max_leaves=8,
    )


@cache
def regions() -> st.SearchStrategy[Any]:
    """A region, of any form or none."""
    deep = st.integers(2, 40).map(_nested)
    return st.one_of(
        rles(), rles(), st.lists(rles(), max_size=4), polygons(), boxes(), pngs(), mixed(), json_values(), deep
    )


@cache
def rles() -> st.SearchStrategy[dict[str, Any]]:
    """RLEs of wrong sizes, counts that do not add up, and strings that are cut or of other letters."""
    wrong = [[WIDTH, HEIGHT], [0, 0], [-HEIGHT, -WIDTH], [10**9, 10**9], [float(HEIGHT), float(WIDTH)]]
    sizes = st.just([HEIGHT, WIDTH]) | st.sampled_from(wrong) | st.lists(numbers(), max_size=3)
    too_long = ["0" * (2 * PIXELS + 13), [0] * (2 * PIXELS + 13)]
    counts = st.one_of(
        mutated([GOOD.encode()]).map(lambda data: data.decode("latin-1")),
        st.text(st.characters(min_codepoint=47, max_codepoint=112), max_size=80),
        texts(),
        st.lists(numbers(), max_size=12),
        st.lists(st.integers(0, PIXELS), max_size=12).map(_completed),
        st.sampled_from([GOOD, *too_long, [1] * PIXELS, "P" * 7, 5, None]),
    )
    right_size = st.just([HEIGHT, WIDTH])
    return st.fixed_dictionaries({"size": right_size | right_size | sizes, "counts": counts})


def _completed(counts: list[int]) -> list[int]:
    """With a last count that makes the sum right where that can be."""
    return [*counts, PIXELS - sum(counts)]


@cache
def polygons() -> st.SearchStrategy[dict[str, Any]]:
    """Polygons of few points, of very many, far away, and of what is no number."""
    points = st.lists(numbers(), max_size=12)
    many = st.integers(1, 20_000).map(lambda count: [[5, 5, 40, 9, 12, 30] * count])
    far = st.lists(st.sampled_from([0, -1e6, 1e6, 1e9, -1e18, 3.4e38]), min_size=6, max_size=8)
    listed = st.lists(points | far, max_size=4)
    crowd = st.integers(990, 1010).map(lambda count: [[1, 1, 9, 1, 9, 9]] * count)
    return st.one_of(listed, listed, listed, many, crowd, json_values()).map(lambda value: {"polygon": value})


@cache
def boxes() -> st.SearchStrategy[dict[str, Any]]:
    """Boxes of any numbers, and of any number of them."""
    four = st.lists(numbers(), min_size=4, max_size=4)
    return (four | four | st.lists(numbers(), max_size=6) | json_values()).map(lambda value: {"box": value})


@cache
def pngs() -> st.SearchStrategy[dict[str, Any]]:
    """PNG masks as hostile as pictures, and base64 that is none."""
    files = mutated(masks()) | mutated(masks()) | st.sampled_from([*masks(), *foreign(), *readable()])
    good = files.map(lambda file: base64.b64encode(file).decode())
    bad = st.builds("{}{}".format, good, st.sampled_from(["=", MARK, "\n", "\ud800"]))
    return (good | good | good | bad | texts()).map(lambda text: {"png": text})


@cache
def mixed() -> st.SearchStrategy[dict[str, Any]]:
    """Fields of several forms in one region."""
    return st.dictionaries(
        st.sampled_from(["size", "counts", "polygon", "box", "png", MARK]), json_values(), max_size=3
    )


def _nested(depth: int) -> Any:
    value: Any = [1]
    for level in range(depth):
        value = [value] if level % 2 else {"box": value}
    return value
