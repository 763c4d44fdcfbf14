"""A row of a table to a record's draft."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from indexer.convert.columns import SEVERAL, Columns
from indexer.convert.json_values import holds_bytes, json_value
from indexer.convert.outcome import Draft, Loss, shown
from indexer.convert.pictures import PictureFolder
from indexer.convert.spoken import language_tag
from indexer.picture_paths import URL

ENDING = re.compile(r"\.\w{2,5}$")
NO_ENDING = "a name without an ending such as .jpg is taken for no picture's where --image does not name its column"
WEB_PAGE = re.compile(r"https?://")
NO_WEB_PAGE = "a url begins with neither http:// nor https://, and is kept in extra"
NO_LANGUAGE = (
    "a language is neither a tag such as de or zh-Hant nor a name that is known, and is kept in extra: --language gives"
    " those records one"
)


def draft(where: str, row: Mapping[str, Any], columns: Columns, images: PictureFolder | None) -> Iterator[Draft | Loss]:
    """Yields what is lost of a row, and its draft. Columns that mean nothing here go to `extra`, and what of the others
    is not what they are taken for.

    Args:
        row: values by column; strings, or whatever Parquet has.
        images: the folder of pictures. One that is not in it is left out; if None, all are taken as they are named, but
            what has no ending in a column that nobody named.
    """
    named = columns.named
    line: dict[str, Any] = {key: _text(row, of) for key, of in named.items() if key not in SEVERAL}
    line |= {key: _several(row, of, columns.split[key]) for key, of in named.items() if key in SEVERAL}
    line.setdefault("text", "")
    unread = set[str]()
    line["images"], losses, refused = _pictures(where, row, columns, images)
    yield from losses
    if (page := line.get("url")) and not WEB_PAGE.match(page):
        unread |= {*named["url"]}
        yield Loss(where, NO_WEB_PAGE, name=line.pop("url"))
    if told := line.get("lang"):
        line["lang"] = language_tag(told)
        if line["lang"] is None:
            unread |= {*named["lang"]}
            if columns.language is None:
                yield Loss(where, NO_LANGUAGE, name=told)
    if not line.get("lang") and columns.language is not None:
        line["lang"] = columns.language
    taken = ({column for of in named.values() for column in of} - unread) | {*columns.left_out}
    extra = {}
    for name, value in row.items():
        if name not in taken and _says(value):
            if holds_bytes(value):
                yield Loss(where, f"a cell of {shown(name)} holds bytes, which JSON has no form for")
            if _says(told := json_value(value)):
                extra[name] = told
    extra |= refused
    held = {key: value for key, value in line.items() if value or key in ("entity_id", "title", "text")}
    yield Draft(where, {**held, "extra": extra} if extra else held)


def _pictures(
    where: str, row: Mapping[str, Any], columns: Columns, images: PictureFolder | None
) -> tuple[list[str], list[Loss], dict[str, Any]]:
    """The pictures that are taken; why others are not; and for `extra` the names of those, by their columns."""
    named, split = columns.named.get("images", ()), columns.split["images"]
    names = _several(row, named, split)
    urls = [name for name in names if URL.match(name)]
    why = "a picture is a URL, which is kept in extra: download it first"
    losses = [Loss(where, why, name=name) for name in urls]
    found = {name: _picture(where, name, columns, images) for name in names if name not in urls}
    refused = {name: at for name, at in found.items() if isinstance(at, Loss)}
    losses += [replace(loss, why=f"{loss.why}; its name is kept in extra") for loss in refused.values()]
    kept: dict[str, Any] = {}
    for column in named:
        if left := [name for name in _several(row, (column,), split) if name in refused]:
            kept[column] = left if isinstance(row[column], list) else split.join(left)
    if urls:
        kept["picture_urls"] = urls
    return list(dict.fromkeys(at for at in found.values() if isinstance(at, str))), losses, kept


def _picture(where: str, name: str, columns: Columns, images: PictureFolder | None) -> str | Loss:
    if images is not None:
        return images.find(where, name)
    if "images" in columns.rivals and not ENDING.search(name):  # a column that was found, of archives perhaps
        return Loss(where, NO_ENDING, name=name)
    return name


def _text(row: Mapping[str, Any], columns: tuple[str, ...]) -> str:
    """Of several columns the parts that say something, as sentences."""
    told = [json_value(row.get(column)) for column in columns]
    parts = [" ".join(str(value).split()) for value in told if _says(value)]
    return (
        ". ".join(part.removesuffix(".") for part in parts[:-1])
        + (". " if len(parts) > 1 else "")
        + (parts[-1] if parts else "")
    )


def _several(row: Mapping[str, Any], columns: tuple[str, ...], split: str) -> list[str]:
    found: list[str] = []
    for column in columns:
        value = row.get(column)
        parts = value if isinstance(value, list) else str(json_value(value)).split(split) if _says(value) else []
        found += [text for part in map(json_value, parts) if _says(part) and (text := str(part).strip())]
    return list(dict.fromkeys(found))


def _says(value: Any) -> bool:
    """Whether a cell holds anything."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return False
    return bool(value.strip()) if isinstance(value, str) else value not in ([], {})
