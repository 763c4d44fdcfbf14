"""JSON as RFC 8259 has it and no more: UTF-8, finite numbers, no key twice, bounded depth and number of values."""

import json
import math
import re
from typing import Any, NoReturn

MAX_DEPTH = 16
MAX_VALUES = 500_000

# The last group lets a string that never ends match up to the end of the text. Without it each quote after an
# unmatched one would scan the rest again, which is quadratic in the body.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.?[^"\\]*+)*+(?:"|\Z)', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
# All that tells where strings, values and brackets are, and what may stand after a backslash, so that an escape stays
# one. Behind an escape that is none the rest may look otherwise than it is; the parser does not come that far.
_STRUCTURE = b'"\\[]{},/bfnrtu'
_PLAIN = bytes(set(range(256)) - set(_STRUCTURE))


class NotStrictJson(ValueError):
    """The text is not strict JSON; the message is for the caller and holds nothing of the text."""


def loads(body: bytes) -> Any:
    """Parses `body`. Raises NotStrictJson.

    Depth and number of values are counted before parsing, because each value of a few bytes costs tens of bytes once
    it is an object.
    """
    if body.count(b'"') > 4 * MAX_VALUES:
        raise NotStrictJson(f"The body holds more than {MAX_VALUES:,} values.")
    # A picture is one long string: it is thinned out first, at a tenth of what the expression takes for each byte.
    skeleton = _STRING.sub(b"", body.translate(None, _PLAIN))
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
