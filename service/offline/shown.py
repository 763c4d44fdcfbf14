"""What was linked offline, for people: a table for spreadsheets, and a sheet of pictures to look at."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from tqdm import tqdm

from indexer.picture_paths import NoPlace, place_below
from wikiclip.base.files import appearing_file
from wikiclip.masks import RegionError, bounds, decode_region
from wikiclip.pictures import PictureError, read_picture
from wikiclip.thumbnails import Inline, inline, outlined, thumbnail

SIDE = 260  # pixels of a picture's longer side on the sheet
MOST_PICTURES = 500  # of a sheet, each of some 20 kB for each of its regions
SHOWN = 3  # candidates of a region
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


@dataclass(frozen=True, slots=True)
class Answer:
    """A region as the sheet shows it; no picture of it where it cannot be read."""

    shown: Inline | None
    candidates: list[Mapping[str, Any]]
    confidence: float | None
    error: str


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
        for row in _read(rows):
            place = [_inert(row["image_id"]), _inert(_part(row)), *_box(row)]
            for rank, one in enumerate(row.get("candidates", ()), start=1):
                told = [rank, _inert(one["entity_id"]), _inert(one["title"]), one["score"]]
                lines.writerow([*place, *told, row["confidence"], ""])
            if "error" in row:
                lines.writerow([*place, "", "", "", "", "", _inert(row["error"]["detail"])])


def write_sheet(rows: Path, pictures: Path, out: Path) -> int:
    """Writes one HTML file that needs nothing else, in one step; returns how many pictures are on it.

    Args:
        pictures: the folder that the rows' pictures are named from.
    """
    environment = Environment(loader=PackageLoader("service", "offline"), autoescape=True, undefined=StrictUndefined)
    shown: list[tuple[str, list[Answer]]] = []
    grouped = groupby(_read(rows), key=lambda row: str(row["image_id"]))
    for name, of_picture in tqdm(grouped, desc="Contact sheet", unit=" pictures", total=None):
        if len(shown) == MOST_PICTURES:
            break
        shown.append((name, list(_answers(pictures, name, list(of_picture)))))
    with appearing_file(out) as partial, partial.open("w", encoding="utf-8") as file:
        file.writelines(environment.get_template("sheet.html").generate(pictures=shown, most=SHOWN))
    return len(shown)


def _answers(folder: Path, name: str, rows: list[Mapping[str, Any]]) -> Iterator[Answer]:
    """Yields the whole picture first, and then its regions."""
    try:
        rgb = read_picture(place_below(folder, name)).rgb
    except (NoPlace, PictureError):
        rgb = None
    for row in sorted(rows, key=lambda row: "region" in row):
        picture = None
        if rgb is not None:
            try:
                mask = decode_region(row["region"], height=rgb.height, width=rgb.width) if "region" in row else None
                picture = inline(thumbnail(rgb, SIDE) if mask is None else outlined(rgb, mask, SIDE))
            except RegionError:
                pass  # the file was replaced since
        error = row.get("error", {}).get("detail", "")
        yield Answer(picture, row.get("candidates", [])[:SHOWN], row.get("confidence"), error)


def _read(rows: Path) -> Iterator[dict[str, Any]]:
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
