"""Rows that were written offline by the pictures that they are of, each with what it was asked about."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.coco.files import plain_id
from indexer.picture_paths import NoPlace, place_below
from service.offline.mentions import Mention
from service.offline.rows import key_of, key_of_row
from service.offline.table import read_rows


@dataclass(slots=True)
class PictureRows:
    """The first rows of a picture, in the file's order.

    Attributes:
        image_id: as the rows have it.
        more: how many rows of it are left out.
    """

    image_id: object
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    more: int = 0


def first_pictures(rows: Path, *, pictures: int, each: int) -> list[PictureRows]:
    """The rows of so many pictures, and so many of each; they need not stand together, and the whole file is read."""
    found: dict[str, PictureRows] = {}
    for row in read_rows(rows):
        key = json.dumps(plain_id(row["image_id"]), sort_keys=True)
        if key not in found and len(found) == pictures:
            continue
        of = found.setdefault(key, PictureRows(row["image_id"]))
        if len(of.rows) < each:
            of.rows.append(row)
        else:
            of.more += 1
    return list(found.values())


def asked_of_folder(rows: Iterable[Mapping[str, Any]], folder: Path) -> Iterator[Mention]:
    """What rows of a folder of pictures were asked about: they say it themselves."""
    for row in rows:
        name = str(row["image_id"])
        try:
            picture = place_below(folder, name)
        except NoPlace:
            picture = None
        yield Mention(row["annotation_id"], name, picture, row.get("region"))


def asked_of_set(rows: Iterable[Mapping[str, Any]], mentions: Iterable[Mention]) -> Iterator[Mention]:
    """What rows of a set were asked about, which only the set says: it is read as far as the last of them.

    Of what the set does not hold any more nothing is known but its ids.
    """
    kept = list(rows)
    wanted = {key_of_row(row) for row in kept}
    found: dict[int, Mention] = {}
    for mention in mentions if wanted else ():
        key = key_of(mention.annotation_id, mention.image_id, mention.repeat)
        if key in wanted:
            found[key] = mention
            if len(found) == len(wanted):
                break
    for row in kept:
        yield found.get(key_of_row(row)) or Mention(row["annotation_id"], row["image_id"], None, None)
