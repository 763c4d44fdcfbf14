"""The records of a small knowledge base with pictures of its own, and changes to them."""

import json
import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from wikiclip.base.files import write_text

# What an index should hold: the text of each entity by its id.
Content = Mapping[str, str]

ENTITIES = 60
IDS = tuple(f"e{number:02d}" for number in range(90))
PICTURED = IDS[::10]
THINGS = ("heron", "kettle", "lighthouse", "violin", "glacier", "tram", "beetle", "orchard", "anvil")


def write_pictures(folder: Path) -> None:
    """A picture for every tenth id: noise in a colour of its own."""
    folder.mkdir(parents=True)
    for number, entity_id in enumerate(PICTURED):
        noise = np.random.default_rng(number)
        pixels_HWC = (noise.integers(0, 256, 3) + noise.integers(-40, 40, (18, 24, 3))).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels_HWC).save(folder / _picture(entity_id))


def write_records(content: Content, path: Path) -> Path:
    """As `--kb jsonl` reads them."""
    lines = [
        {
            "entity_id": entity_id,
            "title": _title(entity_id),
            "text": text,
            "images": [_picture(entity_id)] if entity_id in PICTURED else [],
        }
        for entity_id, text in content.items()
    ]
    write_text(path, "".join(json.dumps(line) + "\n" for line in lines))
    return path


def first_content(draw: random.Random) -> Content:
    """What the knowledge base holds before anything changes."""
    return {entity_id: _text(draw) for entity_id in IDS[:ENTITIES]}


def some_new(content: Content, draw: random.Random) -> Content:
    """Some records to add and some to replace; never none."""
    absent = [entity_id for entity_id in IDS if entity_id not in content]
    added = draw.sample(absent, min(draw.randint(1, 3), len(absent)))
    replaced = draw.sample(sorted(content), draw.randint(1, 3))
    return {entity_id: _text(draw) for entity_id in (*added, *replaced)}


def some_gone(content: Content, draw: random.Random) -> list[str]:
    """Ids of some records to remove."""
    return draw.sample(sorted(content), draw.randint(1, 3))


def _title(entity_id: str) -> str:
    return f"The {THINGS[int(entity_id[1:]) % len(THINGS)]} {entity_id}"


def _picture(entity_id: str) -> str:
    return f"{entity_id}.png"


def _text(draw: random.Random) -> str:
    """Another one each time."""
    return f"A {draw.choice(THINGS)} beside a {draw.choice(THINGS)}, number {draw.randrange(10**9)}."
