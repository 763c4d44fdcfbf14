"""Values out of a table to what JSON has a form for."""

import math
from typing import Any

EXACT = 2**53  # up to here whole numbers are themselves as fractions


def json_value(value: Any) -> Any:
    """A value as JSON has it; None where it has no form for it, or where nothing is there.

    Decimals, UUIDs and infinity are what they print; NaN is nothing. A map is an object where its keys are texts, each
    once, and else a list of pairs. Bytes are left out: of a list, and with their keys of an object; of a map, whole
    pairs. A whole number that a spreadsheet made a fraction of is whole again.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, bytes):
        return None
    if isinstance(value, list) and value and all(isinstance(each, tuple) for each in value):
        return _map(value)
    if isinstance(value, list | tuple):
        return [json_value(each) for each in value if not isinstance(each, bytes)]
    if isinstance(value, dict):
        return {name: json_value(each) for name, each in value.items() if not isinstance(each, bytes)}
    return str(value)


def holds_bytes(value: Any) -> bool:
    """Whether a value is bytes, or has some somewhere in it."""
    if isinstance(value, dict):
        return any(map(holds_bytes, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_bytes, value))
    return isinstance(value, bytes)


def _number(value: float) -> float | int | str | None:
    if math.isnan(value):
        return None
    if not math.isfinite(value):
        return str(value)
    return int(value) if value.is_integer() and abs(value) <= EXACT else value


def _map(pairs: list[tuple[Any, Any]]) -> Any:
    """Arrow's maps come as pairs, which nothing else does."""
    kept = [pair for pair in pairs if not isinstance(pair[1], bytes) and not holds_bytes(pair[0])]
    told = {key: json_value(value) for key, value in kept if isinstance(key, str)}
    return told if len(told) == len(kept) else [[json_value(key), json_value(value)] for key, value in kept]
