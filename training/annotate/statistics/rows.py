"""The annotations of files in MaskOVEN's format, one by one, as statistics and judges look at them.

Memory does not grow with a file: its pictures' sizes and names lie in a table on the disk while it is read.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.coco.files import expect_json, items, region_of
from indexer.coco.pictures import Listed, listed_pictures
from training.data.releases.release import DataId, split_of
from wikiclip.base.errors import WikiClipError
from wikiclip.masks import RegionError, area_of_rles, decode_region

PARTS = ("train", "val", "test", "wiki", "human")
FILE_NAME = re.compile(r"(?:mask_)?oven_(?:(?P<task>entity|query)_(?P<part>train|val|test)|(?P<single>human|wiki))")


class Row(BaseModel):
    """The keys of an annotation that are looked at, its region aside."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    id: DataId
    image_id: Annotated[str, Field(min_length=1)]
    category_id: Annotated[str, Field(min_length=1)]
    data_split: str | None = None
    question: str | None = None
    text_prompt: str | list[str] | None = None
    method: str | None = None
    reference: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mentioned:
    """An annotation, and where it belongs.

    Attributes:
        task: "entity" or "query"; "human" and "wiki" where a set does not tell tasks apart.
        part: one of `PARTS`, or "-" where nothing says it.
        seen: whether its entity is one that training has.
        file_name: its picture's, below the folder of pictures; None where the file lists none.
        found: the annotation as it stands in the file.
    """

    row: Row
    task: str
    part: str
    seen: bool
    file_name: str | None
    listed: Listed | None
    found: dict[str, Any]

    def area(self) -> float:
        """Returns the mention's share of the picture, 0 to 1.

        Raises:
            RegionError: the region cannot be read, or the size of the picture is not known.
        """
        region = region_of(self.found)
        if isinstance(region, list) and region and isinstance(region[0], dict):
            size = region[0].get("size")
            if isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size):
                height, width = size
                pixels: int = height * width
                return area_of_rles(region, height=height, width=width) / pixels
        width_, height_ = (self.listed.width, self.listed.height) if self.listed else (None, None)
        if not width_ or not height_:
            raise RegionError("malformed-region", "The size of the picture is not known.")
        mask = decode_region(region, height=int(height_), width=int(width_))
        return int(np.count_nonzero(mask)) / mask.size


def mentioned(path: Path, *, bar: bool = True) -> Iterator[Mentioned | str]:
    """Yields the annotations of a file; of one that cannot be read, why.

    Raises:
        WikiClipError: the file is not there, or is not of the format.
    """
    if not path.is_file():
        raise WikiClipError(f"There is no file of annotations {path}.")
    expect_json(path)
    by_name, number = FILE_NAME.search(path.name), -1
    with listed_pictures(path, strict=False) as look_up:
        for number, found in enumerate(items(path, "annotations", bar=bar)):
            try:
                row = Row.model_validate(found)
            except ValidationError:
                yield f"{path.name}: annotations[{number}] lacks an id, a picture or an entity"
                continue
            assert isinstance(found, dict)
            yield _placed(row, found, by_name, look_up)
    if number < 0:
        raise WikiClipError(f"{path} holds no annotations: it should have them in a list of that name.")


def _placed(
    row: Row, found: dict[str, Any], by_name: "re.Match[str] | None", look_up: Callable[[object], Listed | None]
) -> Mentioned:
    words = (row.data_split or "").lower().split("_")
    named = by_name.groupdict() if by_name else {}
    task = next((word for word in words if word in ("entity", "query", "human", "wiki")), None)
    task = named.get("single") or named.get("task") or task or "-"
    part = named.get("part") or (task if task in PARTS else next((word for word in words if word in PARTS), "-"))
    listed = look_up(row.image_id)
    name = listed.name if listed is not None and isinstance(listed.name, str) else None
    return Mentioned(
        row=row,
        task=task,
        part=part,
        seen=split_of(row.data_split or "") != "unseen",
        file_name=name,
        listed=listed,
        found=found,
    )


def every(paths: Sequence[Path]) -> Iterator[Mentioned | str]:
    """Yields the annotations of several files, one file after another."""
    for path in paths:
        yield from mentioned(path)


def key_of(text: str) -> int:
    """64 bits that stand for a text, so that millions of ids are held in little memory; equal in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
