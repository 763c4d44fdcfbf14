"""What a collection is made of: clip art of which several drawings show one thing, and an encyclopedia's beginnings.

One drawing of a thing is its record's picture. The others, and the same one once more, are laid on photographs of
places, turned and recoloured, with something else beside them: those are the photographs that are labelled.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from indexer.default_data.debian import package_versions
from indexer.kb.pictures.clipart import CLIPART, PLAIN_LAST, read_clipart, spaced
from indexer.kb.wikipedia.articles import read_articles
from training.data.scenes.compose import SceneConfig, compose
from training.data.scenes.places import PACKAGES, cut_place
from wikiclip.base.paths import articles_root, debian_root
from wikiclip.masks import bounds

TOPICS = ("animals", "education", "electronics", "food", "plants", "recreation", "tools", "transportation")
OTHER = 4  # photographs of a thing beside that of its record's drawing, each of another drawing, at most
SORTS = ("own", "second", "other")  # which of a thing's drawings a photograph shows, in its name
SCENE = SceneConfig(distractors=(1, 1))
PLACES = "tuxpaint-data"  # the package of places that the demo fetches, too
COLUMNS = ("inv_no", "name", "notes", "photo")
NOT_THINGS = ("illustration", "drawn with", "rules", "number", "stacco")


@dataclass(frozen=True)
class Thing:
    """A name, and the paths of drawings that show such a thing; the first is the record's."""

    name: str
    drawings: Sequence[Path]


def things() -> list[Thing]:
    """Every name that two drawings or more have. Raises WikiClipError where the packages are not there."""
    package_versions(("openclipart-png", PLACES))
    found = defaultdict(list)
    folder = debian_root() / CLIPART
    for drawing in read_clipart(folder):
        if drawing.topic.split("/")[0] in TOPICS and len(drawing.caption) > 1:
            found[drawing.caption].append(folder / drawing.path)
    named = sorted((name, sorted(paths, key=_plainest)) for name, paths in found.items() if len(paths) > 1)
    return [Thing(name, paths) for name, paths in named if not any(word in name for word in NOT_THINGS)]


def write(folder: Path, *, pictured: int, plain: int, each: int) -> None:
    """Writes `things.csv`, `pictures/`, `photos/` and `labels.jsonl`, at most so many things with and without picture.

    Args:
        each: pictures of a record at most, 1 or 2; the labels are the same.

    Raises:
        WikiClipError: the packages are not there.
    """
    chosen = things()[:pictured]
    texts = {article.title: article.extract for article in read_articles(articles_root())}
    folded = {title.casefold(): extract for title, extract in texts.items()}
    for name in ("pictures", "photos"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "inv_no": f"A-{number:04}",
            "name": thing.name,
            "notes": folded.get(thing.name, ""),
            "photo": ";".join(_copied(thing, folder, each)),
        }
        for number, thing in enumerate(chosen, start=1)
    ]
    names = {thing.name for thing in chosen}
    others = [title for title in texts if title.casefold() not in names and texts[title]][:plain]
    rows += [
        {"inv_no": f"B-{number:04}", "name": title, "notes": texts[title], "photo": ""}
        for number, title in enumerate(others, start=1)
    ]
    with (folder / "things.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)
    with (folder / "labels.jsonl").open("w", encoding="utf-8") as file:
        for line in _labels(chosen, folder):
            file.write(json.dumps(line) + "\n")


def _copied(thing: Thing, folder: Path, each: int) -> Iterator[str]:
    """The names of a record's pictures, as they are written."""
    for number, path in enumerate(thing.drawings[:each], start=1):
        name = f"{thing.name.replace(' ', '-')}-{number}.png"
        with Image.open(path) as drawing:
            small = drawing.convert("RGBA")
        small.thumbnail((512, 512))
        small.save(folder / "pictures" / name)
        yield name


def _labels(chosen: Sequence[Thing], folder: Path) -> Iterator[dict[str, object]]:
    """Photographs, as they are written; each label has the box of what is visible of its thing."""
    places = [debian_root() / place for place in PACKAGES[PLACES]]
    for number, thing in enumerate(tqdm(chosen, desc="Composing photographs", unit=" things"), start=1):
        for place, path in enumerate(thing.drawings[: OTHER + 1]):
            rng = np.random.default_rng((number, place))
            beside = chosen[int(rng.integers(len(chosen)))].drawings[0]
            scene = compose(
                [path, beside], (number, place), SCENE, lambda rng, width, height: cut_place(places, rng, width, height)
            )
            masks = [placed.mask for placed in scene.placed if placed.path == path]
            if not masks or beside == thing.drawings[0]:
                continue  # covered, or beside itself
            left, top, right, bottom = bounds(masks[0])
            name = f"{number:04}-{SORTS[min(place, 2)]}-{place}.jpg"
            scene.picture.save(folder / "photos" / name, quality=90)
            box = {"box": [left, top, right - left, bottom - top]}
            yield {"picture": name, "entity_id": f"A-{number:04}", "region": box}


def _plainest(path: Path) -> tuple[bool, str]:
    return PLAIN_LAST.search(spaced(path.stem)) is not None, path.name
