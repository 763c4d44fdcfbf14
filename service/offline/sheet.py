"""What was linked offline as a sheet of pictures to look at: one HTML file that needs nothing else."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image
from tqdm import tqdm

from indexer.errors import UnknownEntity
from indexer.records.records import Records
from service.offline.by_picture import asked_of_folder, asked_of_set, first_pictures
from service.offline.counted import counted
from service.offline.mentions import Mention
from service.offline.places import picture_name
from wikiclip.base.files import appearing_file
from wikiclip.masks import RegionError, decode_region, expect_declared
from wikiclip.pictures import PictureError, read_picture
from wikiclip.segmenters import MOST_PROPOSED
from wikiclip.thumbnails import Inline, inline, outlined, thumbnail

SIDE = 260  # pixels of a picture's longer side on the sheet
RECORD_SIDE = 72  # of a record's picture
MOST_PICTURES = 500  # of a sheet, each of some 20 kB for each of its regions
MOST_REGIONS = MOST_PROPOSED + 1  # of a picture: what is found, and the whole
SHOWN = 3  # candidates of a region


@dataclass(frozen=True, slots=True)
class Answer:
    """A region as the sheet shows it.

    Attributes:
        name: the annotation's id, where somebody gave one.
        of_whole: whether the whole picture was asked about.
        shown: the region in its picture; None where that cannot be read.
        record: the picture of the first candidate's record; None where it has none.
    """

    name: str
    of_whole: bool
    shown: Inline | None
    record: Inline | None
    candidates: list[Mapping[str, Any]]
    confidence: float | None
    error: str
    kind: Literal["sure", "unsure", "error"]


@dataclass(frozen=True, slots=True)
class OnSheet:
    """A picture with its answers, the whole picture's first, and how many more it has."""

    name: str
    answers: list[Answer]
    more: int


def write_sheet(
    rows: Path, pictures: Path, out: Path, *, records: Records, sure: float, mentions: Iterable[Mention] | None = None
) -> int:
    """Writes the first pictures and what they show, in one step; returns how many pictures are on it.

    Args:
        pictures: the folder that the rows' pictures are in.
        records: of the index that was searched.
        sure: the confidence from which an answer is sure.
        mentions: the set that was linked; None for a folder, whose rows name their pictures and regions.
    """

    @lru_cache(maxsize=1000)
    def record_picture(entity_id: str) -> Inline | None:
        try:
            path = records.picture_path(entity_id)
            return None if path is None else inline(thumbnail(read_picture(path).rgb, RECORD_SIDE))
        except (UnknownEntity, PictureError):
            return None

    def answer(row: Mapping[str, Any], mention: Mention, shown: Inline | None) -> Answer:
        candidates, confidence = row.get("candidates", [])[:SHOWN], row.get("confidence")
        error = row.get("error", {}).get("detail", "")
        is_sure = confidence is not None and confidence >= sure
        return Answer(
            "" if mentions is None else str(mention.annotation_id),
            mention.picture is not None and mention.region is None,
            shown,
            record_picture(candidates[0]["entity_id"]) if candidates else None,
            candidates,
            confidence,
            error,
            "error" if error else "sure" if is_sure else "unsure",
        )

    first = first_pictures(rows, pictures=MOST_PICTURES, each=MOST_REGIONS)
    kept = [row for one in first for row in one.rows]
    asked = asked_of_folder(kept, pictures) if mentions is None else asked_of_set(kept, mentions)
    on_it = []
    for one in tqdm(first, desc="Contact sheet", unit=" pictures"):
        of_picture = [(row, next(asked)) for row in one.rows]
        path = next((mention.picture for _, mention in of_picture if mention.picture is not None), None)
        answers = [answer(row, mention, shown) for row, mention, shown in _shown(path, of_picture)]
        on_it.append(OnSheet(picture_name(path, one.image_id, pictures), answers, one.more))
    every = [each for one in on_it for each in one.answers]
    counts = {kind: sum(each.kind == kind for each in every) for kind in ("sure", "unsure", "error")}
    environment = Environment(loader=PackageLoader("service", "offline"), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("sheet.html")
    with appearing_file(out) as partial, partial.open("w", encoding="utf-8", errors="replace") as file:
        file.writelines(page.generate(pictures=on_it, counts=counts, sure=sure, counted=counted))
    return len(on_it)


def _shown(
    path: Path | None, asked: list[tuple[Mapping[str, Any], Mention]]
) -> Iterator[tuple[Mapping[str, Any], Mention, Inline | None]]:
    """Yields the row of the whole picture first, and then those of its regions, each with its picture."""
    try:
        rgb = None if path is None else read_picture(path).rgb
    except PictureError:
        rgb = None
    for row, mention in sorted(asked, key=lambda pair: pair[1].region is not None):
        picture = None
        if rgb is not None and mention.picture is not None:
            with suppress(RegionError):  # which its row tells of, or the file was replaced since
                picture = inline(_drawn(rgb, mention))
        yield row, mention, picture


def _drawn(rgb: Image.Image, mention: Mention) -> Image.Image:
    """Raises RegionError where the region is none of this picture."""
    if mention.region is None:
        return thumbnail(rgb, SIDE)
    expect_declared(mention.declared, height=rgb.height, width=rgb.width)
    return outlined(rgb, decode_region(mention.region, height=rgb.height, width=rgb.width), SIDE)
