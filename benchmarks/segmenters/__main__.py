"""How near outlines are to the true ones, and what they cost: `python -m benchmarks.segmenters --places FOLDER`.

Stamps of the demo's data lie on photographs, and each is asked for by a click and by a box, of each segmenter in turn.
"""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.segmenters.scenes import SOFTENINGS, Asked, scenes
from indexer.kb.pictures.tuxpaint import STAMPS
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import debian_root
from wikiclip.masks import Mask
from wikiclip.model import WikiClip
from wikiclip.segmenters import Prompt, Segmenter, open_segmenter

app = typer.Typer(add_completion=False)


@dataclass
class Measured:
    """Of one segmenter: overlaps (IoU) of the first mask, of the best of a click's, and seconds of the processor."""

    click: list[float] = field(default_factory=list)
    any_of_click: list[float] = field(default_factory=list)
    box: list[float] = field(default_factory=list)
    click_s: list[float] = field(default_factory=list)
    box_s: list[float] = field(default_factory=list)


@app.command()
def segmenters(
    places: Annotated[Path, typer.Option(help="A folder of photographs to lay things on, searched through.")],
    names: Annotated[str, typer.Option(help="Which segmenters, with commas between.")] = "tower,grabcut",
    model: Annotated[str, typer.Option(help="Whose tower `tower` looks at: a checkpoint's name or folder.")] = "tiny",
    count: Annotated[int, typer.Option(min=1, help="Scenes of each kind.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Which scenes.")] = 0,
) -> None:
    """Print mean overlap and median time, by how the scenes were softened; on one core."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    photographs = sorted(path for path in places.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    files = sorted((debian_root() / STAMPS).rglob("*.png"))  # some are links to files of other packages
    stamps = [path for path in files if path.is_file() and "symbols" not in path.parts]
    if not photographs or not stamps:
        raise WikiClipError(
            f"There are {len(photographs)} photographs in {places} and {len(stamps)} stamps: give a folder of"
            " photographs with --places, and fetch the stamps with `make demo-data`."
        )
    tower = WikiClip.load(model).vision
    tower.optimize_for_inference()
    opened = {name: open_segmenter(name, tower=tower, device="cpu") for name in names.split(",")}
    table = Table("scenes", "segmenter", "click", "best of its masks", "box", "click, ms", "box, ms")
    whole: dict[str, Measured] = defaultdict(Measured)
    for softening in SOFTENINGS:
        found: dict[str, Measured] = defaultdict(Measured)
        for asked in scenes(stamps, photographs, softening, count, seed=seed):
            for name, segmenter in opened.items():
                _measure(segmenter, asked, found[name], whole[name])
        for name, measured in found.items():
            table.add_row(softening, name, *_figures(measured))
    for name, measured in whole.items():
        table.add_row("all", name, *_figures(measured), style="bold")
    Console().print(table)


def _measure(segmenter: Segmenter, asked: Asked, *into: Measured) -> None:
    clicked, click_s = _timed(segmenter, asked, asked.point)
    boxed, box_s = _timed(segmenter, asked, asked.box)
    overlaps = [_overlap(mask, asked.mask) for mask in clicked]
    for measured in into:
        measured.click.append(overlaps[0])
        measured.any_of_click.append(max(overlaps))
        measured.box.append(_overlap(boxed[0], asked.mask))
        measured.click_s.append(click_s)
        measured.box_s.append(box_s)


def _timed(segmenter: Segmenter, asked: Asked, prompt: Prompt) -> tuple[list[Mask], float]:
    """Seconds of the processor and not of the clock, which others on the machine would move."""
    start = time.thread_time()
    masks = segmenter.segment(asked.picture, prompt)
    return masks, time.thread_time() - start


def _overlap(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


def _figures(measured: Measured) -> list[str]:
    overlaps = (measured.click, measured.any_of_click, measured.box)
    times = (measured.click_s, measured.box_s)
    return [f"{np.mean(each):.3f}" for each in overlaps] + [f"{1000 * np.median(each):.0f}" for each in times]


if __name__ == "__main__":
    run(app)
