"""Names and sizes of pictures: those that are asked about, and entities' own."""

import random
from dataclasses import dataclass

from indexer.kb.oven import PICTURES as ENTITY_PICTURES
from training.data.releases.release import PICTURES

DRAWN = 64  # a file of ext4 has at most 65,000 names, so these make up to four million pictures
SHORTEST, LONGEST = 320, 800  # pixels of a side
JPEG_EVERY, MISSING_EVERY = 3, 25  # one picture in so many ends in .JPEG, and one in so many is not there
IDS, SPREAD = 10**8, 61_803_399  # has no factor in common with the number of ids, so no two pictures share one


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One name of a drawing.

    Attributes:
        image_id: such as "oven_04925844", or the entity's id.
        path: below the release's folder.
        drawn: the drawing's number.
        missing: the release names it, and does not hold it.
    """

    image_id: str
    path: str
    drawn: int
    missing: bool

    @property
    def file_name(self) -> str:
        """As MaskOVEN-Wiki names it: from the folder of its kind on, with a slash at the start."""
        return self.path[self.path.index("/") :]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return drawing_size(self.drawn)


def asked_picture(number: int) -> Picture:
    """The picture of that number that questions are asked about."""
    digits = f"{number * SPREAD % IDS:08}"
    image_id, suffix = f"oven_{digits}", ".JPEG" if number % JPEG_EVERY == 1 else ".jpg"
    return _picture(image_id, f"{PICTURES}/{digits[:2]}/{image_id}{suffix}", number)


def entity_picture(number: int, entity_id: str) -> Picture:
    """The picture of an entity, which is the `number`-th that has one."""
    return _picture(entity_id, f"{ENTITY_PICTURES}/{entity_id[:4]}/{entity_id}.jpg", number)


def _picture(image_id: str, path: str, number: int) -> Picture:
    missing = number % MISSING_EVERY == MISSING_EVERY - 1
    return Picture(image_id=image_id, path=path, drawn=number % DRAWN, missing=missing)


def drawing_size(drawn: int) -> tuple[int, int]:
    """Height and width of a drawing."""
    draw = random.Random(f"size {drawn}")
    return draw.randint(SHORTEST, LONGEST), draw.randint(SHORTEST, LONGEST)
