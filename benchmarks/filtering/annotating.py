"""Masks from pictures and names of entities alone, against the true ones: `python -m benchmarks.filtering.annotating`.

Each segmenter by itself, what agreement chooses of both, what the filters mend, and what they let through.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from benchmarks import benchmarks_home
from benchmarks.filtering.annotated_scenes import Shown, build_index, write_scenes
from benchmarks.filtering.cases import Case
from benchmarks.filtering.measure import RIGHT, Measured, judge
from indexer.search import EntityIndex
from training.annotate.annotator import Annotator
from training.annotate.ensemble import MENDINGS, Answer
from training.annotate.labels import Label
from training.annotate.opening import open_kinds, open_segmenters, vectors_of
from training.annotate.overlap import iou
from training.data.scenes.folds import DEVELOPMENT_FOLD
from wikiclip.base.command import run
from wikiclip.base.machine import DeviceChoice
from wikiclip.model import WikiClip

app = typer.Typer(add_completion=False)


@app.command()
def annotating(
    group: Annotated[int, typer.Option(min=0, max=3, help="Whose stamps.")] = DEVELOPMENT_FOLD,
    count: Annotated[int, typer.Option(min=1, help="How many pictures.")] = 40,
    segmenter: Annotated[str, typer.Option(help="The first segmenter.")] = "patches",
    second: Annotated[str, typer.Option(help="The one that is held against it.")] = "windows",
    model: Annotated[str, typer.Option(help="The checkpoint.")] = "tiny",
    device: Annotated[DeviceChoice, typer.Option(help="Where segmenters work.")] = "cpu",
    out: Annotated[Path | None, typer.Option(help="Where scenes and index are kept.")] = None,
) -> None:
    """Print IoU, success rate and yield of each part and of the whole, and pictures an hour."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    folder = out or benchmarks_home() / f"annotating-{group}-{count}"
    shown = write_scenes(folder, group, count)
    loaded = WikiClip.load(model)
    index = EntityIndex.open(build_index(folder), fingerprint=loaded.fingerprint)
    opened = open_segmenters((segmenter, second), loaded, device)
    annotator = Annotator(segmenters=opened, kinds=open_kinds(None, None), vector_of=vectors_of(index))
    start, found = time.perf_counter(), list(_cases(shown, annotator))
    seconds = time.perf_counter() - start
    judged = Measured([judge(case, annotator) for case in found])
    Console(width=120).print(_table(found, judged, [each.method for each in opened]))
    print(f"{count / seconds * 3600:,.0f} pictures and {len(found) / seconds * 3600:,.0f} labels an hour")


def _cases(shown: Sequence[Shown], annotator: Annotator) -> Iterator[Case]:
    grouped = [list(group) for _, group in groupby(shown, key=lambda one: one.picture)]
    for things in tqdm(grouped, desc="Annotating", unit=" pictures"):
        labels = [
            Label(data_id=one.data_id, picture=one.picture, file_name="", entity=one.entity, entity_id=one.entity_id)
            for one in things
        ]
        with Image.open(things[0].picture) as file:
            answers = annotator.answers(file.convert("RGB"), labels)
        for one, answered in zip(things, answers, strict=True):
            yield Case(answers=tuple(answered), truth=one.truth, damage="found", strength=0, crowded=False)


def _table(found: Sequence[Case], judged: Measured, methods: Sequence[str]) -> Table:
    table = Table(title=f"{len(found)} things from their names alone; right is an IoU of at least {RIGHT}")
    table.add_column("part")
    for column in ("n", "mean IoU", "right"):
        table.add_column(column, justify="right")
    for number, method in enumerate(methods):
        table.add_row(f"{method} alone", *_cells([_first(case.answers, number, case) for case in found]))
    table.add_row("agreement chooses", *_cells([each.chosen for each in judged.judged]))
    table.add_row("after mending", *_cells([each.after for each in judged.judged]))
    table.add_row("kept", *_cells([each.after for each in judged.judged if each.kept]), style="bold")
    table.add_row("removed", *_cells([each.after for each in judged.judged if not each.kept]))
    for name in MENDINGS:
        changed, before, after, better = judged.mending(name)
        if changed:
            table.add_row(
                f"mended by {name}", str(changed), f"{before:.3f} to {after:.3f}", f"{better:.1%} made better"
            )
    precision, recall = judged.removal
    table.add_row("removal", "", f"precision {precision:.1%}", f"recall {recall:.1%}")
    table.add_row("yield", "", "", f"{judged.kept:.1%}")
    return table


def _first(answers: Sequence[Answer], number: int, case: Case) -> float:
    masks = [answer.candidates[0].mask for answer in answers if answer.segmenter == number and answer.candidates]
    return iou(masks[0], case.truth) if masks else 0.0


def _cells(overlaps: Sequence[float]) -> list[str]:
    if not overlaps:
        return ["0", "", ""]
    return [str(len(overlaps)), f"{np.mean(overlaps):.3f}", f"{np.mean([one >= RIGHT for one in overlaps]):.1%}"]


if __name__ == "__main__":
    run(app)
