"""How often what is named is found, and how near its mask is: `python -m benchmarks.segmenters.by_name`.

From a picture and an entity's vector alone, on scenes of stamps with known masks. Constants were chosen on the
development half of stamps and places. The packaged checkpoint has been trained on scenes of all stamps.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Annotated

import cv2
import numpy as np
import torch
import typer
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.segmenters.named import Half, Named, Vectors, entity_vectors, named_scenes, read_pools
from indexer.default_data.debian import fetch_packages
from indexer.default_data.needs import PACKAGES, PLACES, Fetched
from indexer.kb.wordnet.knowledge_base import WordNet
from wikiclip.base.command import run
from wikiclip.base.paths import debian_root
from wikiclip.masks import Mask
from wikiclip.model import WikiClip
from wikiclip.segmenters import Box, Segmenter, open_segmenter
from wikiclip.segmenters.grabcut import GrabCut
from wikiclip.segmenters.named import NameSegmenter, Reference, open_name_segmenter

MIDDLE = 0.25  # of the picture, that the middle box leaves out on each side
FOUND = 0.5  # IoU of a success

Finder = Callable[[Image.Image, Reference], Mask | None]
app = typer.Typer(add_completion=False)


@app.command()
def name_segmenters(
    half: Annotated[Half, typer.Option(help="Which stamps and places.")] = "check",
    names: Annotated[str, typer.Option(help="Which segmenters, with commas between.")] = "windows,patches",
    model: Annotated[str, typer.Option(help="Whose vectors: a checkpoint's name or folder.")] = "tiny",
    count: Annotated[int, typer.Option(min=1, help="Scenes of each group, photograph and ground.")] = 20,
) -> None:
    """Print mean overlap, the share of successes and median time by what is known of the entity; on one core."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    fetch_packages((*PACKAGES[Fetched.WORDNET], *PLACES))
    kb, loaded = WordNet(debian_root()), WikiClip.load(model)
    loaded.vision.optimize_for_inference()
    scenes = list(named_scenes(kb, read_pools(kb), half, count))
    entities = list({scene.entity.entity_id: scene.entity for scene in scenes}.values())
    finders: dict[str, Finder] = dict(_baselines(open_segmenter("tower", tower=loaded.vision)))
    finders |= {name: _best(open_name_segmenter(name, model=loaded, device="cpu")) for name in names.split(",")}
    table = Table("entity", "method", "places, own", "places, other", "drawn, own", "drawn, other", "all", "ms")
    for known, pictures in (("with its picture", True), ("text alone", False)):
        vectors = entity_vectors(loaded, kb, entities, pictures=pictures)
        for name, finder in finders.items():
            if name in BASELINES and not pictures:  # they do not look at the entity
                continue
            table.add_row(
                known if name not in BASELINES else "", name, *_measured(finder, scenes, vectors, f"{name}, {known}")
            )
    Console().print(table)


def _measured(finder: Finder, scenes: Sequence[Named], vectors: Vectors, said: str) -> list[str]:
    """Mean IoU and successes for each kind of scene and for all, and the median milliseconds of the processor."""
    overlaps, times = defaultdict[str, list[float]](list), []
    for scene in track(scenes, said, transient=True):
        entity = scene.entity
        reference = Reference(words=entity.title, entity_M=vectors[entity.entity_id])
        start = time.thread_time()  # and not of the clock, which others on the machine would move
        mask = finder(scene.picture, reference)
        times.append(time.thread_time() - start)
        overlap = 0.0 if mask is None else float((mask & scene.mask).sum() / (mask | scene.mask).sum())
        for kind in (f"{scene.ground}, {scene.photo}", "all"):
            overlaps[kind].append(overlap)
    kinds = ("places, own", "places, other", "drawn, own", "drawn, other", "all")
    figures = [np.array(overlaps[kind]) for kind in kinds]
    return [f"{each.mean():.3f} / {(each >= FOUND).mean():.2f}" for each in figures] + [
        f"{1000 * np.median(times):.0f}"
    ]


def _best(segmenter: NameSegmenter) -> Finder:
    def find(image: Image.Image, reference: Reference) -> Mask | None:
        (candidates,) = segmenter.find(image, [reference])
        return candidates[0].mask if candidates else None

    return find


BASELINES = "the whole picture", "the middle, outlined", "the largest proposal"


def _baselines(segmenter: Segmenter) -> list[tuple[str, Finder]]:
    def whole(image: Image.Image, _: Reference) -> Mask:
        return np.ones((image.height, image.width), np.bool_)

    def middle(image: Image.Image, _: Reference) -> Mask:
        left, top = int(MIDDLE * image.width), int(MIDDLE * image.height)
        return segmenter.segment(image, Box(left, top, image.width - left, image.height - top))[0]

    def largest(image: Image.Image, _: Reference) -> Mask | None:
        return next(iter(GrabCut().segment(image, None)), None)

    return list(zip(BASELINES, (whole, middle, largest), strict=True))


if __name__ == "__main__":
    run(app)
