"""Arrow's columns to values that JSON has a form for, whatever their type."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from indexer.convert.columns import SEVERAL, Columns, option
from indexer.convert.outcome import shown
from wikiclip.base.errors import WikiClipError

DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}  # of a second's fraction


def rows_of_batch(batch: pa.RecordBatch, left_out: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a batch, without the columns that are left out.

    Dates and times are ISO 8601 text, durations seconds (`PT90S`), and moments that know their zone are in UTC; so they
    are in lists, structs and maps, which are lists of pairs. Bytes stay bytes.

    Raises:
        WikiClipError: a column holds a value that Python has none of.
    """
    kept = [
        (name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True) if name not in left_out
    ]
    names = [name for name, _ in kept]
    columns = [_column(name, column) for name, column in kept]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def expect_texts(columns: Columns, schema: pa.Schema) -> None:
    """Raises WikiClipError where a column shall be what its type cannot be: bytes a title, or a struct a picture."""
    for key, named in columns.named.items():
        for name in named:
            kind = schema.field(name).type
            if not _is_text(kind) and not (key in SEVERAL and _is_list(kind) and _is_text(kind.value_type)):
                raise WikiClipError(
                    f"The column {shown(name)} holds {shown(str(kind))}, which cannot become {key}: name another with"
                    f" {option(key)}, or --leave-out {shown(name)}."
                )


def _column(name: str, column: pa.Array) -> list[Any]:
    try:
        return _values(column)
    except (pa.ArrowException, OverflowError, ValueError) as error:
        raise WikiClipError(
            f"The column {shown(name)} ({column.type}) cannot be read: {str(error).splitlines()[0]}. --leave-out"
            f" {shown(name)} does without it."
        ) from error


def _values(array: pa.Array) -> list[Any]:
    """The values of an array; those of a nested one are made as those of a column are, at every depth."""
    kind = array.type
    if types.is_dictionary(kind):
        return _values(array.dictionary_decode())
    if types.is_map(kind):
        pairs = pa.struct([kind.key_field, kind.item_field])
        return [
            None if entries is None else [tuple(entry.values()) for entry in entries]
            for entries in _values(array.cast(pa.list_(pairs)))
        ]
    if _is_list(kind):
        within = iter(_values(array.flatten()))  # those of lists that are there
        return [None if n is None else [*islice(within, n)] for n in pc.list_value_length(array).to_pylist()]
    if types.is_struct(kind):
        return _structs(array)
    if types.is_temporal(kind):
        return _times(array)
    if types.is_float16(kind) or types.is_float32(kind):
        # As it prints: 1.1 in 32 bits is 1.100000023841858 in 64.
        return [None if text is None else float(text) for text in array.cast(pa.string()).to_pylist()]
    values: list[Any] = array.to_pylist()
    return values


def _structs(array: pa.StructArray) -> list[dict[str, Any] | None]:
    names = [field.name for field in array.type]
    if len({*names}) < len(names):
        raise ValueError("two fields of a struct have one name")
    fields = [_values(each) for each in array.flatten()]
    rows = zip(*fields, strict=True) if fields else [()] * len(array)
    is_there = array.is_valid().to_pylist()
    return [dict(zip(names, row, strict=True)) if there else None for there, row in zip(is_there, rows, strict=True)]


def _times(column: pa.Array) -> list[str | None]:
    """By Arrow's own writer, whose years are more than Python's, and which knows nanoseconds."""
    kind = column.type
    if types.is_duration(kind):
        counts = column.cast(pa.int64()).to_pylist()
        return [None if n is None else f"PT{Decimal(n).scaleb(-DIGITS[kind.unit]):f}S" for n in counts]
    zone = ""
    if types.is_timestamp(kind) and kind.tz is not None:
        column, zone = column.cast(pa.timestamp(kind.unit)), "Z"
    told = column.cast(pa.string()).to_pylist()
    if strange := next((text for text in told if text is not None and text.startswith("<")), None):
        raise ValueError(strange)  # "<value out of range: ...>", where a year is beyond Arrow's own calendar
    return [None if text is None else text.replace(" ", "T") + zone for text in told]


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    )


def _is_text(kind: pa.DataType) -> bool:
    return not (types.is_nested(kind) or is_bytes(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Whether a column holds nothing but bytes."""
    if types.is_dictionary(kind):
        return is_bytes(kind.value_type)
    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or types.is_binary_view(kind)
    )
