"""`write FOLDER` composes photographs of things and their records; `measure FOLDER` finds and links what they show."""

import json
from pathlib import Path
from typing import Annotated

import cv2
import torch
import typer
from PIL import Image
from tqdm import tqdm

from benchmarks.findings.measure import Taken, lines, measured
from benchmarks.findings.objects import HALVES, picture_of, things
from benchmarks.findings.photographs import TROUBLES, photograph
from indexer.linker import Linker
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.segmenters import open_segmenter

app = typer.Typer(add_completion=False)

Folder = Annotated[Path, typer.Argument(help="Where the photographs are.")]


@app.command("write")
def write(
    folder: Folder,
    each: Annotated[int, typer.Option(min=1, max=len(TROUBLES), help="Photographs of a thing.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Which photographs.")] = 0,
) -> None:
    """Write records with pictures, photographs, and what is visible in them, out of the demo's packages."""
    for name in ("records", "photographs", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with (folder / "records.jsonl").open("w", encoding="utf-8") as file:
        for thing in (thing for thing in things() if thing.is_known):
            picture_of(thing).save(folder / "records" / f"{thing.thing_id}.png")
            record = {
                "entity_id": thing.thing_id,
                "title": thing.name,
                "text": "",
                "images": [f"records/{thing.thing_id}.png"],
            }
            file.write(json.dumps(record) + "\n")
    shown = [thing for thing in things() if thing.half is not None]
    with (folder / "photographs.jsonl").open("w", encoding="utf-8") as file:
        for number, thing in enumerate(tqdm(shown, desc="Composing photographs", unit=" things")):
            others = [other for other in shown if other.half == thing.half and other != thing]
            for turn in range(each):
                trouble = TROUBLES[(number // len(HALVES) + turn) % len(TROUBLES)]
                taken = photograph(thing, others, trouble, seed)
                name = f"{thing.thing_id}-{trouble}"
                (folder / "photographs" / f"{name}.jpg").write_bytes(taken.jpeg)
                Image.fromarray(taken.mask).save(folder / "masks" / f"{name}.png")
                line = Taken(
                    name, thing.thing_id, thing.is_known, thing.half or "", _sort(taken.framed, thing.flat), trouble
                )
                file.write(json.dumps(line._asdict()) + "\n")
    typer.echo(
        f"Wrote {folder}. Its index: python -m indexer.build --kb jsonl --records {folder / 'records.jsonl'}"
        f" --images {folder} --out {folder / 'index'}"
    )


@app.command("measure")
def measure(
    folder: Folder,
    half: Annotated[str, typer.Option(help="Which things: development or held-out.")] = HALVES[0],
    segmenter: Annotated[str, typer.Option(help="What finds outlines: tower or grabcut.")] = "tower",
    sure: Annotated[float, typer.Option(help="The confidence from which an answer counts as sure.")] = 0.5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where a line for each photograph goes.")] = None,
) -> None:
    """Print how much of what a half's photographs show is found and known, on one core."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if half not in HALVES:
        raise WikiClipError(f"There is no half {half!r}: take {' or '.join(HALVES)}.")
    told = (folder / "photographs.jsonl").read_text(encoding="utf-8").splitlines()
    chosen = [taken for taken in (Taken(**json.loads(line)) for line in told) if taken.half == half]
    linker = Linker.open(index=folder / "index")
    opened = open_segmenter(segmenter, tower=linker.model.vision, device="cpu")
    asked = [measured(linker, opened, folder, taken) for taken in tqdm(chosen, desc="Finding", unit=" photographs")]
    if json_file is not None:
        json_file.write_text("".join(json.dumps(each.plain()) + "\n" for each in asked), encoding="utf-8")
    typer.echo("\n".join(lines(asked, sure)))


def _sort(framed: bool, flat: bool) -> str:
    return "framed" if framed else "flat" if flat else "standing"


if __name__ == "__main__":
    run(app)
