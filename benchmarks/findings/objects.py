"""The things that are photographed, out of the demo's packages: pictures that are hung, prints, and things to stand.

They are divided into two halves by thing: one to develop on, one that is held out. A sixth of each is in no record.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from indexer.default_data.debian import package_versions
from indexer.kb.pictures.clipart import CLIPART, read_clipart
from indexer.kb.pictures.tuxpaint import STAMPS, read_stamps
from training.data.scenes.places import PACKAGES
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import debian_root

Half = Literal["development", "held-out"]
HALVES: tuple[Half, ...] = ("development", "held-out")

PLACES = tuple(debian_root() / path for path in PACKAGES["tuxpaint-data"])  # to stand before
SIGHTS = "usr/share/tuxpaint/templates"  # photographs, of which those that are no places are hung as pictures
PRINTS, THINGS = 50, 70  # how many
UNKNOWN = 6  # one in so many is in no record
BESIDE = 300  # records of things that no photograph shows
SIDE = 512  # pixels of a picture's longer side
NATURE = {"animals", "food", "plants", "vehicles", "household", "hobbies", "town", "sports", "clothes", "space"}


@dataclass(frozen=True)
class Thing:
    """What is photographed, or only has a record.

    Attributes:
        thing_id: "T-0001".
        flat: it is a picture that covers its rectangle, hung or laid; else it is cut out of its ground.
        half: None for a thing that no photograph shows.
        is_known: whether a record has it.
    """

    thing_id: str
    name: str
    path: Path
    flat: bool
    half: Half | None
    is_known: bool


@cache
def things() -> tuple[Thing, ...]:
    """All of them, in an order that does not change. Raises WikiClipError where the packages are not there."""
    package_versions(("openclipart-png", "tuxpaint-data", "tuxpaint-stamps-default"))
    root = debian_root()
    rng = np.random.default_rng(0)
    sights = [path for path in sorted((root / SIGHTS).glob("*.jpg")) if path not in PLACES]
    drawings = [root / CLIPART / drawing.path for drawing in read_clipart(root / CLIPART) if drawing.caption]
    stamps = [
        root / STAMPS / stamp.path
        for stamp in read_stamps(root / STAMPS)
        if stamp.topic in NATURE and not stamp.drawn and "_mirror" not in stamp.path
    ]
    drawn = [drawings[place] for place in rng.permutation(len(drawings))[: PRINTS + BESIDE]]
    stood = [stamps[place] for place in rng.permutation(len(stamps))[:THINGS]]
    shown = [(path, True) for path in (*sights, *drawn[:PRINTS])] + [(path, False) for path in stood]
    if len(stood) < THINGS or not sights:
        raise WikiClipError("The default data lacks pictures to photograph: `make demo-data` fetches them.")
    found = []
    for number, place in enumerate(rng.permutation(len(shown))):
        path, flat = shown[place]
        known = (number // len(HALVES)) % UNKNOWN != 0
        found.append(Thing(f"T-{number:04}", _name(path), path, flat, HALVES[number % len(HALVES)], known))
    found += [
        Thing(f"T-{number:04}", _name(path), path, True, None, True)
        for number, path in enumerate(drawn[PRINTS:], start=len(found))
    ]
    return tuple(found)


def picture_of(thing: Thing) -> Image.Image:
    """The thing as its record shows it: RGB where it is flat, a drawing being printed on paper; else RGBA, cut out."""
    with Image.open(thing.path) as file:
        picture = file.convert("RGBA")
    picture.thumbnail((SIDE, SIDE))
    picture = picture.crop(picture.getchannel("A").getbbox() or (0, 0, 1, 1))
    if not thing.flat:
        return picture
    rng = np.random.default_rng(int(thing.thing_id[2:]))
    margin = round(0.12 * max(picture.size)) if thing.path.suffix == ".png" else 0
    paper = tuple(int(level) for level in rng.integers(150, 256, 3))
    sheet = Image.new("RGB", (picture.width + 2 * margin, picture.height + 2 * margin), paper)
    sheet.paste(picture, (margin, margin), picture)
    return sheet


def _name(path: Path) -> str:
    return " ".join(path.stem.replace("_", " ").replace("-", " ").split())
