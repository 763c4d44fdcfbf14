"""What was linked offline as a sheet of pictures to look at: one HTML file that needs nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from tqdm import tqdm

from indexer.errors import UnknownEntity
from indexer.picture_paths import NoPlace, place_below
from indexer.records.records import Records
from service.offline.table import read_rows
from wikiclip.base.files import appearing_file
from wikiclip.masks import RegionError, decode_region
from wikiclip.pictures import PictureError, read_picture
from wikiclip.thumbnails import Inline, inline, outlined, thumbnail

SIDE = 260  # pixels of a picture's longer side on the sheet
RECORD_SIDE = 72  # of a record's picture
MOST_PICTURES = 500  # of a sheet, each of some 20 kB for each of its regions
SHOWN = 3  # candidates of a region


@dataclass(frozen=True, slots=True)
class Answer:
    """A region as the sheet shows it.

    Attributes:
        shown: the region in its picture; None where that cannot be read.
        record: the picture of the first candidate's record; None where it has none.
    """

    shown: Inline | None
    record: Inline | None
    candidates: list[Mapping[str, Any]]
    confidence: float | None
    error: str
    kind: Literal["sure", "unsure", "error"]


def write_sheet(rows: Path, pictures: Path, out: Path, *, records: Records, sure: float) -> int:
    """Writes the first pictures and what they show, in one step; returns how many pictures are on it.

    Args:
        pictures: the folder that the rows' pictures are named from.
        records: of the index that was searched.
        sure: the confidence from which an answer is sure.
    """

    @lru_cache(maxsize=1000)
    def record_picture(entity_id: str) -> Inline | None:
        try:
            path = records.picture_path(entity_id)
            return None if path is None else inline(thumbnail(read_picture(path).rgb, RECORD_SIDE))
        except (UnknownEntity, PictureError):
            return None

    def answer(row: Mapping[str, Any], shown: Inline | None) -> Answer:
        candidates, confidence = row.get("candidates", [])[:SHOWN], row.get("confidence")
        error = row.get("error", {}).get("detail", "")
        is_sure = confidence is not None and confidence >= sure
        return Answer(
            shown,
            record_picture(candidates[0]["entity_id"]) if candidates else None,
            candidates,
            confidence,
            error,
            "error" if error else "sure" if is_sure else "unsure",
        )

    on_it: list[tuple[str, list[Answer]]] = []
    grouped = groupby(read_rows(rows), key=lambda row: str(row["image_id"]))
    for name, of_picture in tqdm(grouped, desc="Contact sheet", unit=" pictures", total=None):
        if len(on_it) == MOST_PICTURES:
            break
        on_it.append((name, [answer(row, shown) for row, shown in _shown(pictures, name, list(of_picture))]))
    answers = [each for _, of_picture in on_it for each in of_picture]
    counts = {kind: sum(each.kind == kind for each in answers) for kind in ("sure", "unsure", "error")}
    environment = Environment(loader=PackageLoader("service", "offline"), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("sheet.html")
    with appearing_file(out) as partial, partial.open("w", encoding="utf-8") as file:
        file.writelines(page.generate(pictures=on_it, counts=counts, sure=sure))
    return len(on_it)


def _shown(folder: Path, name: str, rows: list[dict[str, Any]]) -> Iterator[tuple[Mapping[str, Any], Inline | None]]:
    """Yields the row of the whole picture first, and then those of its regions, each with its picture."""
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
        yield row, picture
