"""Values out of a table to what JSON has a form for."""

import math
from datetime import date, time, timedelta
from typing import Any


def json_value(value: Any) -> Any:
    """A value as JSON has it; None where it has no form for it, or where nothing is there.

    Dates and times are ISO 8601 text; decimals, UUIDs and infinity what they print; NaN is nothing. A map is an object
    where its keys are texts, each once, and else a list of pairs. Bytes are left out: of a list, and of an object with
    their keys. A whole number that a spreadsheet made a fraction of is whole again.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return _inner(value)


def holds_bytes(value: Any) -> bool:
    """Whether a value is bytes, or has some somewhere in it."""
    if isinstance(value, dict):
        return any(map(holds_bytes, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_bytes, value))
    return isinstance(value, bytes)


def _inner(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return None
    if isinstance(value, list) and value and all(isinstance(each, tuple) for each in value):
        return _map(value)
    if isinstance(value, list | tuple):
        return [_inner(each) for each in value if not isinstance(each, bytes)]
    if isinstance(value, dict):
        return {name: _inner(each) for name, each in value.items() if not isinstance(each, bytes)}
    if isinstance(value, timedelta):
        return f"PT{value.total_seconds():f}".rstrip("0").rstrip(".") + "S"
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _map(pairs: list[tuple[Any, Any]]) -> Any:
    """Arrow's maps come as pairs, which nothing else does."""
    told = {key: value for key, value in pairs if isinstance(key, str)}
    return (
        _inner(told)
        if len(told) == len(pairs)
        else [_inner([*pair]) for pair in pairs if not isinstance(pair[1], bytes)]
    )
