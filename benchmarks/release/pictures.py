"""Pictures that are asked about, and pictures of entities: a few drawn ones under many names.

Axes: H row, W column, C channel.
"""

import random
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks.release.picture_names import DRAWN, SHORTEST, Picture, drawing_size
from benchmarks.release.publishing import Publisher
from wikiclip.base.files import appearing_file, link


def write_pictures(publish: Publisher, drawings: Path, pictures: Iterable[Picture], *, total: int) -> None:
    """Gives the drawings, which are kept in a folder of their own, the names that are not there yet."""
    drawn = [drawings / f"{number}.jpg" for number in range(DRAWN)]
    drawings.mkdir(exist_ok=True)
    for number, path in enumerate(drawn):
        if not path.exists():
            with appearing_file(path) as whole:
                Image.fromarray(_drawing(number)).save(whole, "JPEG", quality=85)

    def named(picture: Picture, path: Path) -> None:
        # Where there are no links the file is copied, and a copy that was cut short must not have the name.
        passing = drawings / "passing"
        passing.unlink(missing_ok=True)
        link(drawn[picture.drawn], passing)
        passing.replace(path)

    for picture in tqdm(pictures, total=total, unit=" pictures", desc="Pictures"):
        if not picture.missing:
            publish(picture.path, partial(named, picture))


def _drawing(drawn: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A few discs on a ground, [H, W, C]."""
    draw = random.Random(f"drawing {drawn}")
    height, width = drawing_size(drawn)
    drawing_HWC = np.full((height, width, 3), _colour(draw), np.uint8)
    for _ in range(6):
        centre = draw.randrange(width), draw.randrange(height)
        cv2.circle(drawing_HWC, centre, draw.randint(20, SHORTEST // 2), _colour(draw), -1, cv2.LINE_AA)
    return drawing_HWC


def _colour(draw: random.Random) -> tuple[int, int, int]:
    return draw.randrange(256), draw.randrange(256), draw.randrange(256)
