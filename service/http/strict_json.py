"""JSON as RFC 8259 has it and no more: UTF-8, finite numbers, no key twice, bounded depth and number of values."""

import json
import math
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import Any, NoReturn

MAX_DEPTH = 16
MAX_VALUES = 500_000

UTF_16 = (BOM_UTF16_LE, BOM_UTF16_BE)

_BRACKET = re.compile(rb"[\[\]{}]")


class NotStrictJson(ValueError):
    """The text is not strict JSON; the message is for the caller and holds nothing of the text."""


def loads(body: bytes) -> Any:
    """Parses `body`. Raises NotStrictJson.

    Depth and number of values are counted before parsing, because each value of a few bytes costs tens of bytes once
    it is an object. A byte order mark, which some editors put in front, is passed over, as RFC 8259 (section 8.1) lets
    a parser do.
    """
    if body.startswith(UTF_16):
        raise NotStrictJson("The text is UTF-16; send it as UTF-8.")
    body = body.removeprefix(BOM_UTF8)
    skeleton = _outside_strings(body)
    if skeleton.count(b",") + skeleton.count(b"[") + skeleton.count(b"{") > MAX_VALUES:
        raise NotStrictJson(f"The body holds more than {MAX_VALUES:,} values.")
    depth = 0
    for bracket in _BRACKET.finditer(skeleton):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > MAX_DEPTH:
            raise NotStrictJson(f"The body is nested deeper than {MAX_DEPTH} levels.")
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


def _outside_strings(body: bytes) -> bytes:
    """What stands between strings. A string that never ends goes up to the end of the text."""
    most = 4 * MAX_VALUES  # quotes
    parts = body.split(b'"', most + 1)
    if len(parts) > most + 1:
        raise NotStrictJson(f"The body holds more than {MAX_VALUES:,} values.")
    outside, inside = list[bytes](), False
    for part in parts:
        if not inside:
            outside.append(part)
            inside = True
        elif not _escapes_next(part):
            inside = False
    return b"".join(outside)


def _escapes_next(part: bytes) -> bool:
    """Whether the quote behind it is part of the string: an odd number of backslashes stands before it."""
    return part.endswith(b"\\") and (len(part) - len(part.rstrip(b"\\"))) % 2 == 1


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
