"""JSON as RFC 8259 has it and no more: UTF-8, finite numbers, no key twice, and bounds on depth, values and keys."""

import json
import math
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import Any, NoReturn

import numpy as np

MAX_DEPTH = 16
MAX_VALUES = 500_000
MOST_QUOTES = 4 * MAX_VALUES  # of a key and a value two each
MAX_KEYS = 1000  # of one object: no request has an object of more than a few

UTF_16 = (BOM_UTF16_LE, BOM_UTF16_BE)

# What opens and closes a level, by its byte. Everything else but colons is left out before this is asked.
STEPS = np.zeros(256, np.int8)
STEPS[[*b"[{"]], STEPS[[*b"]}"]] = 1, -1
OTHER_BYTES = bytes(set(range(256)) - set(b"[]{}:"))


class NotStrictJson(ValueError):
    """The text is not strict JSON; the message is for the caller and holds nothing of the text."""


class TooManyValues(NotStrictJson):
    """The text holds more values than are made objects of."""

    def __init__(self) -> None:
        super().__init__(f"The body holds more than {MAX_VALUES:,} values.")


def loads(body: bytes) -> Any:
    """Parses `body`. Raises NotStrictJson.

    Depth, values and keys are counted before parsing, because each value of a few bytes costs tens of bytes once it is
    an object, and no other thread runs while the parser makes an object's keys. A byte order mark, which some editors
    put in front, is passed over, as RFC 8259 (section 8.1) lets a parser do.
    """
    if body.startswith(UTF_16):
        raise NotStrictJson("The text is UTF-16; send it as UTF-8.")
    body = body.removeprefix(BOM_UTF8)
    skeleton = _outside_strings(body)
    levels = skeleton.count(b"[") + skeleton.count(b"{")
    if skeleton.count(b",") + levels > MAX_VALUES:
        raise TooManyValues
    if levels > MAX_DEPTH or skeleton.count(b":") > MAX_KEYS:
        _expect_small(skeleton.translate(None, OTHER_BYTES))
    try:
        return json.loads(
            body.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_unique,
        )
    except NotStrictJson:
        raise
    except UnicodeDecodeError:
        raise NotStrictJson("The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise NotStrictJson(f"{error.msg} at character {error.pos}.") from None
    except ValueError:
        raise NotStrictJson("A number has too many digits.") from None


def values(body: bytes) -> int:
    """How many values `body` may hold, by its commas and brackets, without making an object of any.

    Raises:
        TooManyValues: more quotes than belong to as many as are parsed.
    """
    skeleton = _outside_strings(body)
    return skeleton.count(b",") + skeleton.count(b"[") + skeleton.count(b"{")


def _outside_strings(body: bytes) -> bytes:
    """What stands between strings. A string that never ends goes up to the end of the text.

    Behind a backslash outside of a string it may be anything, since the parser goes no further than there.
    """
    if body.count(b'"') > MOST_QUOTES:
        raise TooManyValues
    if b"\\" in body:  # a run of backslashes is read in pairs from its beginning, and a last one escapes a quote
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(body.split(b'"')[::2])


def _expect_small(marks: bytes) -> None:
    """Raises NotStrictJson where brackets nest too deep, or more colons than one object may have belong to one.

    Args:
        marks: brackets, braces and colons, in order. N is one of them.
    """
    if len(marks) > 3 * MAX_VALUES:  # so more close than were opened, or a key has two colons
        raise NotStrictJson("The brackets of the body do not match.")
    marks_N = np.frombuffer(marks, np.uint8)
    steps_N = STEPS[marks_N]
    depth_N = np.cumsum(steps_N, dtype=np.int32)
    if depth_N.max() > MAX_DEPTH:
        raise NotStrictJson(f"The body is nested deeper than {MAX_DEPTH} levels.")
    # Sorted by depth, each opening is followed by the colons that are directly inside it.
    kept = steps_N >= 0
    inside_N = steps_N[kept][np.argsort(np.clip(depth_N[kept], -1, None).astype(np.int8), kind="stable")]
    openings = np.flatnonzero(inside_N)
    if np.diff(openings, prepend=-1, append=len(inside_N)).max() > MAX_KEYS + 1:
        raise NotStrictJson(f"An object of the body holds more than {MAX_KEYS:,} keys.")


def _refuse_constant(_: str) -> NoReturn:
    raise NotStrictJson("NaN and Infinity are not JSON.")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise NotStrictJson("A number is too large.")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrictJson("An object holds a key twice.")
    return found
