"""A row of a table to a record's draft."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from indexer.convert.columns import SEVERAL, Columns
from indexer.convert.outcome import Draft, Loss
from indexer.convert.pictures import PictureFolder
from indexer.picture_paths import URL


def draft(where: str, row: Mapping[str, Any], columns: Columns, images: PictureFolder | None) -> Iterator[Draft | Loss]:
    """Yields what is lost of a row, and its draft. Columns that mean nothing here go to `extra`.

    Args:
        row: values by column; strings, or whatever Parquet has.
        images: the folder of pictures. One that is not in it is left out; if None, all are taken as they are named.
    """
    named = columns.named
    line: dict[str, Any] = {key: _text(row, of) for key, of in named.items() if key not in SEVERAL}
    line |= {key: _several(row, of, columns.split[key]) for key, of in named.items() if key in SEVERAL}
    line.setdefault("text", "")
    urls = [name for name in line.get("images", ()) if URL.match(name)]
    if urls:
        line["images"] = [name for name in line["images"] if name not in urls]
        why = "a picture is a URL, which is kept in extra: download it first"
        yield from (Loss(where, why, name=name) for name in urls)
    if images is not None:
        found = [images.find(where, name) for name in line.get("images", ())]
        line["images"] = list(dict.fromkeys(path for path in found if isinstance(path, str)))
        yield from (loss for loss in found if isinstance(loss, Loss))
    if not line.get("lang") and columns.language is not None:
        line["lang"] = columns.language
    taken = {column for of in named.values() for column in of} | {*columns.left_out}
    extra = {name: _plain(value) for name, value in row.items() if name not in taken and _says(value)}
    if urls:
        extra["picture_urls"] = urls
    held = {key: value for key, value in line.items() if value or key in ("entity_id", "title", "text")}
    yield Draft(where, {**held, "extra": extra} if extra else held)


def _text(row: Mapping[str, Any], columns: tuple[str, ...]) -> str:
    """Of several columns the parts that say something, as sentences."""
    parts = [" ".join(str(_plain(row[column])).split()) for column in columns if _says(row.get(column))]
    return (
        ". ".join(part.removesuffix(".") for part in parts[:-1])
        + (". " if len(parts) > 1 else "")
        + (parts[-1] if parts else "")
    )


def _several(row: Mapping[str, Any], columns: tuple[str, ...], split: str) -> list[str]:
    found: list[str] = []
    for column in columns:
        value = row.get(column)
        parts = value if isinstance(value, list) else str(value).split(split) if _says(value) else []
        found += [text for part in parts if _says(part) and (text := str(part).strip())]
    return list(dict.fromkeys(found))


def _says(value: Any) -> bool:
    """Whether a cell holds anything."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return False
    return bool(value.strip()) if isinstance(value, str) else value != []


def _plain(value: Any) -> Any:
    """A value as JSON has it; dates, bytes and decimals as text.

    A whole number that a spreadsheet made a fraction of is whole again.
    """
    if isinstance(value, float):
        return int(value) if value.is_integer() else value if math.isfinite(value) else str(value)
    return value if isinstance(value, str | int | bool | list | dict) else str(value)
