"""What was linked offline as a table for spreadsheets, a line a candidate."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from service.offline.mentions import Mention
from service.offline.places import Box, placed, region_box
from wikiclip.base.files import appearing_file

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

Line = tuple[Mapping[str, Any], str, str, Box | None]  # a row, its picture's name, its part of that, and where it is


def write_table(rows: Path, out: Path, *, pictures: Path, mentions: Iterable[Mention] | None = None) -> None:
    """Writes a line for each candidate of each row as CSV, in one step.

    A cell that a spreadsheet would run as a formula begins with an apostrophe. What no text can hold, such as a name in
    an encoding of old, has a question mark in its place.

    Args:
        out: cells are separated by tabs where it ends in `.tsv`: a comma is what some languages write numbers with, and
            their spreadsheets expect another separator.
        pictures: the folder that the rows' pictures are in.
        mentions: the set that was linked; None for a folder, whose rows name their pictures and regions.

    Raises:
        WikiClipError: the set cannot be read.
    """
    with (
        appearing_file(out) as partial,
        partial.open("w", encoding="utf-8-sig", errors="replace", newline="") as file,
    ):
        lines = csv.writer(file, delimiter="\t" if out.suffix.lower() == ".tsv" else ",")
        lines.writerow(HEAD)
        for row, picture, part, box in _of_folder(rows) if mentions is None else _of_set(rows, mentions, pictures):
            place = [_inert(picture), _inert(part), *(box or [""] * 4)]
            for rank, one in enumerate(row.get("candidates", ()), start=1):
                told = [rank, _inert(one["entity_id"]), _inert(one["title"]), one["score"]]
                lines.writerow([*place, *told, row["confidence"], ""])
            if "error" in row:
                lines.writerow([*place, "", "", "", "", "", _inert(row["error"]["detail"])])


def read_rows(rows: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file that `Rows` wrote, one by one."""
    with rows.open(encoding="ascii") as file:
        yield from map(json.loads, file)


def _of_folder(rows: Path) -> Iterator[Line]:
    """A part is a number where it was found, and nothing for the whole picture."""
    for row in read_rows(rows):
        annotation, picture = str(row["annotation_id"]), str(row["image_id"])
        yield row, picture, "" if annotation == picture else annotation.removeprefix(f"{picture}#"), _told_box(row)


def _of_set(rows: Path, mentions: Iterable[Mention], pictures: Path) -> Iterator[Line]:
    """A part is the id that somebody gave, as it is."""
    for row, place in placed(read_rows(rows), mentions, pictures):
        yield row, place.picture, str(row["annotation_id"]), place.box


def _told_box(row: Mapping[str, Any]) -> Box | None:
    if "region" not in row:
        return None
    height, width = row["region"]["size"]
    return region_box(row["region"], height=height, width=width)


def _inert(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
