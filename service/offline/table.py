"""What was linked offline as a table for spreadsheets, a line a candidate."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wikiclip.base.files import appearing_file
from wikiclip.masks import bounds, decode_region

HEAD = (
    "picture",
    "part",
    "left",
    "top",
    "width",
    "height",
    "rank",
    "entity_id",
    "title",
    "score",
    "confidence",
    "error",
)


def write_table(rows: Path, out: Path) -> None:
    """Writes a line for each candidate of each row as CSV, in one step; boxes only where rows tell their regions.

    A cell that a spreadsheet would run as a formula begins with an apostrophe.

    Args:
        out: cells are separated by tabs where it ends in `.tsv`: a comma is what some languages write numbers with, and
            their spreadsheets expect another separator.
    """
    with appearing_file(out) as partial, partial.open("w", encoding="utf-8-sig", newline="") as file:
        lines = csv.writer(file, delimiter="\t" if out.suffix.lower() == ".tsv" else ",")
        lines.writerow(HEAD)
        for row in read_rows(rows):
            place = [_inert(row["image_id"]), _inert(_part(row)), *_box(row)]
            for rank, one in enumerate(row.get("candidates", ()), start=1):
                told = [rank, _inert(one["entity_id"]), _inert(one["title"]), one["score"]]
                lines.writerow([*place, *told, row["confidence"], ""])
            if "error" in row:
                lines.writerow([*place, "", "", "", "", "", _inert(row["error"]["detail"])])


def read_rows(rows: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file that `Rows` wrote, one by one."""
    with rows.open(encoding="ascii") as file:
        yield from map(json.loads, file)


def _part(row: Mapping[str, Any]) -> str:
    """Which part of its picture a row is about: a number where it was found there, an id that somebody gave as it is;
    nothing for the whole picture of a folder."""
    annotation, picture = row["annotation_id"], row["image_id"]
    if isinstance(picture, str) and annotation == picture:
        return ""
    return str(annotation).removeprefix(f"{picture}#")


def _box(row: Mapping[str, Any]) -> list[int | str]:
    if "region" not in row:
        return [""] * 4
    height, width = row["region"]["size"]
    left, top, right, bottom = bounds(decode_region(row["region"], height=height, width=width))
    return [left, top, right - left, bottom - top]


def _inert(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
