import json
import math
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http import strict_json
from service.http.strict_json import MAX_DEPTH, MAX_KEYS, MAX_VALUES, NotStrictJson, loads

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(values, st.booleans())
def test_strict_json_is_read_as_it_was_written(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        text.decode("utf-8")
        fits = depth(value) <= MAX_DEPTH
    except UnicodeDecodeError:  # half a surrogate pair, written out
        fits = False
    if fits:
        assert loads(text) == value
    else:
        with pytest.raises(NotStrictJson):
            loads(text)


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(NotStrictJson):
        loads(body)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "1e400", "-1e400", "[1e99999]"])
def test_numbers_that_are_not_finite_are_refused(text: str) -> None:
    with pytest.raises(NotStrictJson):
        loads(text.encode())


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "\\u0061": 2}}]'])
def test_a_key_twice_is_refused(text: str) -> None:
    with pytest.raises(NotStrictJson, match="twice"):
        loads(text.encode())


def test_brackets_in_strings_are_not_depth() -> None:
    text = '["' + "[{" * 100 + '\\"' + "[" * 100 + '\\\\", "]"]'
    assert loads(text.encode()) == json.loads(text)


@given(st.text(alphabet='"\\[]{},/bnu0 é'), st.integers(MAX_DEPTH - 2, MAX_DEPTH + 1), st.booleans())
def test_whatever_a_string_holds_leaves_depth_as_it_is(held: str, levels: int, ascii_only: bool) -> None:
    value: Any = {held: held}
    for _ in range(levels - 1):
        value = [held, value, held]
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    if levels <= MAX_DEPTH:
        assert loads(text) == value
    else:
        with pytest.raises(NotStrictJson, match="deeper"):
            loads(text)


@pytest.mark.parametrize("levels", [MAX_DEPTH, MAX_DEPTH + 1])
def test_depth_is_bounded(levels: int) -> None:
    text = b"[" * levels + b"]" * levels
    if levels <= MAX_DEPTH:
        loads(text)
    else:
        with pytest.raises(NotStrictJson, match="deeper"):
            loads(text)


def test_the_number_of_values_is_bounded() -> None:
    assert len(loads(b"[" + b"1," * (MAX_VALUES - 2) + b"1]")) == MAX_VALUES - 1
    with pytest.raises(NotStrictJson, match="values"):
        loads(b"[" + b"1," * MAX_VALUES + b"1]")


def keys(value: Any) -> int:
    """The most that one object has."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max([len(value) if isinstance(value, dict) else 0, *map(keys, inner)])


@given(values, st.integers(1, 5), st.integers(1, 5))
def test_depth_and_keys_are_counted_as_they_are(value: Any, most_keys: int, most_levels: int) -> None:
    text = json.dumps(value).encode()
    with pytest.MonkeyPatch.context() as bounds:
        bounds.setattr(strict_json, "MAX_KEYS", most_keys)
        bounds.setattr(strict_json, "MAX_DEPTH", most_levels)
        if keys(value) <= most_keys and depth(value) <= most_levels:
            assert loads(text) == value
        else:
            with pytest.raises(NotStrictJson, match=r"keys|deeper"):
                loads(text)


def test_the_number_of_keys_of_an_object_is_bounded() -> None:
    named = {str(number): {"a": [{}]} for number in range(MAX_KEYS)}
    assert loads(json.dumps([named, named]).encode()) == [named, named]
    with pytest.raises(NotStrictJson, match="more than 1,000 keys"):
        loads(json.dumps([{}, {"": {}, **named}]).encode())


@pytest.mark.parametrize("text", [b"]" * 40 + b":" * 2000, b":" * 2000, b"}" * 40 + b"{" * 40, b'\\"' * 2000])
def test_brackets_without_their_like_are_refused(text: bytes) -> None:
    with pytest.raises(NotStrictJson):
        loads(text)


@pytest.mark.parametrize("body", [b'{"a": 0', b'{"a": []', b'{"a": {}'], ids=["numbers", "lists", "objects"])
def test_keys_hold_nobody_up(body: bytes) -> None:
    """The parser lets no other thread run while it makes them."""
    values = [body] + [b'"%d": 0' % number for number in range(400_000)]
    start = time.thread_time()
    with pytest.raises(NotStrictJson, match="keys"):
        loads(b",".join(values) + b"}")
    assert time.thread_time() - start < 0.5


@pytest.mark.parametrize(
    ("begin", "again"),
    [(b'"', b'\\"'), (b'"', b"\\"), (b"", b'""'), (b"", b"["), (b"", b"1"), (b"0.", b"1"), (b"", b"{},[],")],
    ids=["quotes", "backslashes", "strings", "brackets", "digits", "decimals", "objects"],
)
def test_no_body_takes_long(begin: bytes, again: bytes) -> None:
    body = begin + again * (8_000_000 // len(again))
    start = time.thread_time()
    with suppress(NotStrictJson):
        assert math.isfinite(loads(body))
    assert time.thread_time() - start < 5  # a quadratic reader takes minutes
