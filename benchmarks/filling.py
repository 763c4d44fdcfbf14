"""From stored embeddings to a published version, at several sizes: `python -m benchmarks.filling`.

Each size runs in a process of its own. What is timed is what a build does after its last chunk is embedded: shared
training, shards, entity tables, titles, checksums, self-check and publication.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from benchmarks import benchmarks_home
from benchmarks.search.memory_pages import most_anonymous_memory
from benchmarks.search.vectors import make_vector_set
from indexer.building.choice import Choice
from indexer.building.make import make
from indexer.embedding.chunks import Chunk, stored_chunk
from indexer.embedding.plan import CHUNK_RECORDS, Plan, open_workshop
from indexer.kb.oven import RELEASED_RECORDS
from indexer.kb.record import Entity
from wikiclip.base.command import run
from wikiclip.base.files import write_text
from wikiclip.model import WikiClip

SIZES = f"100000,1000000,{RELEASED_RECORDS}"
app = typer.Typer(add_completion=False)


@app.command()
def filling(
    sizes: Annotated[str, typer.Option(help="Numbers of rows, with commas between.")] = SIZES,
    index: Annotated[str, typer.Option(help="The index kind.")] = "balanced",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows there, too.")] = None,
    only: Annotated[int | None, typer.Option(hidden=True, help="Measure one size in this process.")] = None,
) -> None:
    """Print rows a second and the most anonymous memory for each size."""
    if only is not None:
        typer.echo(json.dumps(measure(only, index)))
        return
    rows: list[dict[str, Any]] = []
    table = Table("rows", "seconds", "rows a second", "most anonymous memory, GB", title=f"Filling {index}")
    for size in map(int, sizes.split(",")):
        command = [sys.executable, "-m", "benchmarks.filling", "--index", index, "--only", str(size)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        row = json.loads(done.stdout.splitlines()[-1])
        rows.append(row)
        table.add_row(f"{size:,}", f"{row['seconds']:.0f}", f"{size / row['seconds']:,.0f}", f"{row['anon_gb']:.2f}")
    Console().print(table)
    if json_file is not None:
        write_text(json_file, json.dumps(rows, indent=1) + "\n")


def measure(size: int, index: str) -> dict[str, Any]:
    """Writes chunks of made-up entities with `benchmarks.search.vectors`, and makes a version of them."""
    model = WikiClip.load("tiny")
    vectors_NM = make_vector_set(model, size).rows()
    home = benchmarks_home() / "filling"
    plan = Plan(
        knowledge_base="made-up",
        records=str(size),
        image_root=None,
        model_name=model.name,
        model_fingerprint=model.fingerprint,
        dimension=model.mention_width,
    )
    shutil.rmtree(home, ignore_errors=True)
    workshop = open_workshop(plan, home)
    starts = range(0, size, CHUNK_RECORDS)
    for number, start in enumerate(tqdm(starts, desc="Writing chunks", unit=" chunks")):
        rows_NM = np.array(vectors_NM[start : start + CHUNK_RECORDS])
        entities = [
            Entity(entity_id=f"Q{n}", title=f"Entity {n}", text="Made up, and as long as a short summary is. " * 8)
            for n in range(start, start + len(rows_NM))
        ]
        owners = np.arange(len(rows_NM), dtype=np.uint32)
        chunk = Chunk(entities=entities, vectors_NM=rows_NM, entity_of_row_N=owners, problems=())
        stored_chunk(workshop, number).write(chunk)
    del model
    with most_anonymous_memory() as most:
        start_time = time.perf_counter()
        make(workshop, len(starts), plan, Choice(index, 2**62), home)
        seconds = time.perf_counter() - start_time
    shutil.rmtree(home)
    return {"index": index, "rows": size, "seconds": round(seconds, 2), "anon_gb": round(max(most) / 1e9, 3)}


if __name__ == "__main__":
    run(app)
