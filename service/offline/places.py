"""Where rows of a set are: the name of the picture and the region's box, which only the set says."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from indexer.picture_paths import temporary_table
from service.offline.mentions import Mention
from service.offline.rows import key_of, key_of_row
from wikiclip.masks import RegionError, bounds, decode_region
from wikiclip.pictures import PictureError, read_picture

Box = tuple[int, int, int, int]  # left, top, width and height in pixels
TABLE = "CREATE TABLE passed (key INTEGER PRIMARY KEY, place TEXT)"
MOST_PIXELS = 2**29  # of a picture, as a set may have it that is not the one that was linked


@dataclass(frozen=True, slots=True)
class Place:
    """A picture's path in the folder, and the box of a region; None for the whole, and where nobody can say."""

    picture: str
    box: Box | None


def placed(
    rows: Iterable[Mapping[str, Any]], mentions: Iterable[Mention], folder: Path
) -> Iterator[tuple[Mapping[str, Any], Place]]:
    """Yields each row with its place. The set is read along with the rows; what is passed over, since rows may stand in
    another order, waits on the disk. Of what the set does not hold any more only the picture's id is known.

    Raises:
        WikiClipError: the set cannot be read, or the disk for temporary files is full.
    """
    ahead = iter(mentions)
    with temporary_table(TABLE) as passed:
        for row in rows:
            wanted = _signed(key_of_row(row))
            found = passed.execute("SELECT place FROM passed WHERE key = ?", (wanted,)).fetchone()
            if found is not None:
                picture, box = json.loads(found[0])
                yield row, Place(picture, None if box is None else tuple(box))
                continue
            for mention in ahead:
                key, place = _key(mention), _place(mention, folder)
                if key == wanted:
                    yield row, place
                    break
                passed.execute(
                    "INSERT OR IGNORE INTO passed VALUES (?, ?)", (key, json.dumps([place.picture, place.box]))
                )
            else:
                yield row, Place(str(row["image_id"]), None)


def picture_name(picture: Path | None, image_id: object, folder: Path) -> str:
    """The picture's path in the folder; its id where nothing leads to it."""
    return str(image_id) if picture is None else picture.relative_to(folder).as_posix()


def region_box(region: object, *, height: int, width: int) -> Box:
    """The box of a region in an upright picture. Raises RegionError where it is none of this picture."""
    left, top, right, bottom = bounds(decode_region(region, height=height, width=width))
    return left, top, right - left, bottom - top


def _place(mention: Mention, folder: Path) -> Place:
    box = None
    if mention.region is not None and mention.picture is not None:
        try:
            height, width = _said_size(mention) or _size(mention.picture)
            box = region_box(mention.region, height=height, width=width)
        except (RegionError, PictureError):  # as its row says, or the file was replaced since
            box = None
    return Place(picture_name(mention.picture, mention.image_id, folder), box)


def _said_size(mention: Mention) -> tuple[int, int] | None:
    """Height and width as the set has them: a picture of another size is a row with an error."""
    width: Any
    height: Any
    (width, height), region = mention.declared, mention.region
    match region:
        case {"size": [height, width]} | [{"size": [height, width]}, *_]:
            pass
    if not all(isinstance(side, int | float) and side >= 1 and side == side // 1 for side in (height, width)):
        return None
    return (int(height), int(width)) if height * width <= MOST_PIXELS else None


@lru_cache(maxsize=1)  # since the regions of a picture mostly follow one another
def _size(picture: Path) -> tuple[int, int]:
    width, height = read_picture(picture, fit=max).size
    return height, width


def _key(mention: Mention) -> int:
    return _signed(key_of(mention.annotation_id, mention.image_id, mention.repeat))


def _signed(key: int) -> int:
    """As sqlite's integers are."""
    return key - 2**63
