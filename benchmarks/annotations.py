"""From MaskOVEN-Wiki's JSON to a mapped table, in a process of its own: `python -m benchmarks.annotations`."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import benchmarks_home
from benchmarks.search.memory_pages import most_anonymous_memory
from indexer.kb.oven import RECORD_FILES, Oven
from training.data.annotation_table import TABLE, open_annotations
from training.data.record_table import open_table
from training.data.releases.maskoven import MaskOvenAnnotations
from training.data.releases.release import Part
from wikiclip.base.command import run

app = typer.Typer(add_completion=False)


@app.command()
def annotations(
    data: Annotated[
        Path | None,
        typer.Option(help="What `benchmarks.release` wrote; var/benchmarks/release if left out."),
    ] = None,
    part: Annotated[Part, typer.Option(help="Which part is read.")] = Part.TRAIN,
    only: Annotated[bool, typer.Option(hidden=True, help="Measure in this process.")] = False,
) -> None:
    """Print seconds and memory of a first opening, of which nothing is kept."""
    folder = data or benchmarks_home() / "release"
    if only:
        typer.echo(json.dumps(measure(folder, part)))
        return
    command = [sys.executable, "-m", "benchmarks.annotations", "--data", str(folder), "--part", part, "--only"]
    with tempfile.TemporaryDirectory(dir=folder.parent) as home:
        environment = {**os.environ, "WIKICLIP_HOME": home}
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment)
    table = Table("what", "how much", title=f"The masks of {part}")
    for what, value in json.loads(done.stdout.splitlines()[-1]).items():
        table.add_row(what, f"{value:,}")
    Console().print(table)


def measure(folder: Path, part: Part) -> dict[str, Any]:
    """Reads a part's masks against the records. What the process held before is in its memory, too."""
    kb = Oven(folder / RECORD_FILES[0], images=folder)
    entities = open_table(kb, kb.fingerprint()).entities
    with most_anonymous_memory() as most:
        start = time.perf_counter()
        annotated = MaskOvenAnnotations(folder, part=part, images=folder)
        table = open_annotations(annotated, entities, kb.fingerprint())
        seconds = time.perf_counter() - start
    return {
        "annotations": len(table),
        "left out": table.left_out,
        "GB of JSON": _gb(sum(path.stat().st_size for path in folder.glob(f"mask_oven_*_{part}*.json"))),
        "GB of the table": _gb((table.folder / TABLE).stat().st_size),
        "seconds": round(seconds, 1),
        "GB of anonymous memory before": _gb(most[0]),
        "GB of anonymous memory at most": _gb(max(most)),
        "GB resident at most": _gb(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024),  # Linux counts in KiB
    }


def _gb(count: int) -> float:
    return round(count / 1e9, 2)


if __name__ == "__main__":
    run(app)
