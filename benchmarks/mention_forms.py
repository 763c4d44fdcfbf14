"""What a mention costs in each form, on one core: `python -m benchmarks.mention_forms`.

A picture is asked about with one region and with sixteen. What is counted is all from the decoded picture with its
masks to the vectors: cutting, segmenting where the form asks for it, and the tower. For a ViT the weights are random,
since its time does not depend on them.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

from wikiclip.base.command import run
from wikiclip.base.files import write_text
from wikiclip.masks import Mask
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS, MentionConfig, SemanticTokens
from wikiclip.towers.loading import open_vision_tower

REGIONS = (1, 16)
HEIGHT, WIDTH = 480, 640
CROP = MentionConfig(margin=0.1, background=0.6)
FORMS = {
    "crop": CROP,
    "full": replace(CROP, form="full"),
    "pooled": replace(CROP, form="pooled"),
    "both": replace(CROP, form="both"),
    "masked": replace(CROP, form="masked"),
    "tokens": replace(CROP, form="tokens"),
    "tokens, own crop": replace(CROP, form="tokens", tokens=SemanticTokens(own="crop")),
}
app = typer.Typer(add_completion=False)


@app.command()
def mention_forms(
    architecture: Annotated[
        str | None, typer.Option(help="A ViT of open_clip's at random weights, in place of tiny's trunk.")
    ] = None,
    masked_blocks: Annotated[int, typer.Option(min=1, help="Of the ViT's blocks, for the form masked.")] = 4,
    rounds: Annotated[int, typer.Option(min=1, help="Times that each is measured.")] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the rows as JSON.")] = None,
) -> None:
    """Print median milliseconds of the processor for a mention, of a picture with 1 and with 16 regions."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    tiny = WikiClip(PRESETS["tiny"])
    picture = _picture()
    rows = []
    for name, config in FORMS.items():
        model = _model(tiny, architecture, config, masked_blocks)
        row: dict[str, float | str] = {"tower": architecture or "tiny", "form": name}
        for regions in REGIONS:
            masks = _masks(regions)
            took = _milliseconds(partial(_encode, model, picture, masks), rounds)
            row[f"ms, {regions} regions"] = round(took / regions, 1)
        rows.append(row)
    table = Table(
        "form", title=f"Milliseconds a mention on one core, {architecture or 'tiny'}, {WIDTH} x {HEIGHT} pixels"
    )
    for regions in REGIONS:
        table.add_column(f"{regions} of a picture", justify="right")
    for row in rows:
        table.add_row(str(row["form"]), *(f"{row[f'ms, {regions} regions']}" for regions in REGIONS))
    Console().print(table)
    if json_file is not None:
        write_text(json_file, json.dumps(rows, indent=1) + "\n")


def _model(tiny: WikiClip, architecture: str | None, config: MentionConfig, masked_blocks: int) -> WikiClip:
    if architecture is None:
        return tiny.varied(replace(tiny.preset, mention=config))
    size = PRESETS["base"].vision.image_size
    vision = replace(PRESETS["base"].vision, architecture=architecture, weights="random", image_size=size)
    if config.form == "masked":
        vision = replace(vision, masked_blocks=masked_blocks)
    preset = replace(tiny.preset, vision=vision, mention=config, space=None)
    torch.manual_seed(0)
    return WikiClip(preset, vision=open_vision_tower(vision), text=tiny.text)


def _encode(model: WikiClip, picture: Image.Image, masks: list[Mask]) -> None:
    cut = model.mention_cutter(picture)
    model.encode_mentions([cut(mask) for mask in masks])


def _milliseconds(work: Callable[[], None], rounds: int) -> float:
    """Of the processor and not of the clock, which others on the machine would move."""
    work()
    took = []
    for _ in range(rounds):
        start = time.thread_time()
        work()
        took.append(1000 * (time.thread_time() - start))
    return float(np.median(took))


def _picture() -> Image.Image:
    """Discs of several colours on a ground that changes slowly, with noise, as of a photograph."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    drawn = np.stack([90 + rows / 8, 140 - rows / 16, 160 + columns / 16], axis=-1)
    for mask in _masks(16)[::3]:
        drawn[mask] = rng.integers(0, 256, 3)
    return Image.fromarray(np.clip(drawn + rng.normal(0, 6, drawn.shape), 0, 255).astype(np.uint8))


def _masks(count: int) -> list[Mask]:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    places = [(row, column) for row in range(60, HEIGHT, 120) for column in range(80, WIDTH, 160)]
    return [np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= 50**2) for row, column in places[:count]]


if __name__ == "__main__":
    run(app)
