"""A row of a table to a record's draft."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from indexer.convert.columns import SEVERAL, Columns
from indexer.convert.json_values import holds_bytes, json_value
from indexer.convert.outcome import Draft, Loss, shown
from indexer.convert.pictures import PictureFolder
from indexer.convert.spoken import language_tag
from indexer.picture_paths import URL

NO_LANGUAGE = (
    "a language is neither a tag such as de or zh-Hant nor a name that is known, and is kept in extra: --language gives"
    " those records one"
)


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
    unread = set[str]()
    urls = [name for name in line.get("images", ()) if URL.match(name)]
    if urls:
        line["images"] = [name for name in line["images"] if name not in urls]
        why = "a picture is a URL, which is kept in extra: download it first"
        yield from (Loss(where, why, name=name) for name in urls)
    if images is not None:
        found = [images.find(where, name) for name in line.get("images", ())]
        line["images"] = list(dict.fromkeys(path for path in found if isinstance(path, str)))
        yield from (loss for loss in found if isinstance(loss, Loss))
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
    if urls:
        extra["picture_urls"] = urls
    held = {key: value for key, value in line.items() if value or key in ("entity_id", "title", "text")}
    yield Draft(where, {**held, "extra": extra} if extra else held)


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
