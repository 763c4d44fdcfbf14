"""The service beside what one would use instead, with more and more callers: `python -m benchmarks.serve --json FILE`.

All do the same work on the same model and index: decode a picture, cut a region out, encode, search. `encoder` is the
work without a service and without the search, in a loop, in the fastest of several ways: no service can be faster.
Every request carries a picture that was never sent before. Callers run in a process of their own, on the same cores.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.serving.callers import MOST_A_SECOND, Task, ask
from benchmarks.serving.loop import rate, ways
from benchmarks.serving.servers import SERVERS, cache_hits, server
from indexer.command import run
from indexer.files import write_text
from indexer.machine import cores
from indexer.paths import index_home
from wikiclip.errors import WikiClipError
from wikiclip.model import WikiClip

CALLERS = "1,4,16,64"
WARM_S = 2.0
app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table; `errors` are answers other than 200, and `cache_hits` pictures that were kept decoded."""

    system: str
    callers: int
    rps: float
    p50_ms: float
    p99_ms: float
    errors: int
    cache_hits: int


@app.command()
def serve(
    model: Annotated[str, typer.Option(help="The name of a packaged checkpoint, or a checkpoint's folder.")] = "tiny",
    index: Annotated[Path | None, typer.Option(help="The folder that keeps the index; var/index if left out.")] = None,
    callers: Annotated[str, typer.Option(help="How many at once, with commas between.")] = CALLERS,
    seconds: Annotated[float, typer.Option(min=0.5, help="How long each figure is measured.")] = 15.0,
    systems: Annotated[str, typer.Option(help="Which, with commas between.")] = ",".join(("encoder", *SERVERS)),
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows there, too.")] = None,
) -> None:
    """Print requests a second and latency of each system at each number of callers."""
    home, console, seeds, found = index or index_home(), Console(), count(1), list[Row]()
    numbers = [int(number) for number in callers.split(",")]
    for system in systems.split(","):
        if system == "encoder":
            found += loops(model, numbers, seconds, seeds, console)
        elif system not in SERVERS:
            raise WikiClipError(f"There is no system {system!r}; there are encoder, {', '.join(SERVERS)}.")
        elif system == "litserve" and find_spec("litserve") is None:
            console.print("litserve is left out: it is not installed; `pip install .[bench]` does that.")
        else:
            with server(system, home, model=model) as running:
                found += [measure(system, running.port, number, seconds, next(seeds), console) for number in numbers]
        if json_file is not None:
            write_text(json_file, json.dumps([asdict(row) for row in found], indent=1) + "\n")
    table = Table("system", "callers", "requests/s", "p50 ms", "p99 ms", "errors", "cache hits")
    for row in sorted(found, key=lambda row: row.callers):
        figures = (f"{row.rps:.1f}", f"{row.p50_ms:.1f}", f"{row.p99_ms:.1f}", str(row.errors), str(row.cache_hits))
        table.add_row(row.system, str(row.callers), *figures)
    console.print(table)


def loops(name: str, numbers: list[int], seconds: float, seeds: Iterator[int], console: Console) -> list[Row]:
    """The encoder's rows: the fastest way, measured once for each number of callers that the others have."""
    model = WikiClip.load(name)
    model.vision.settle()
    rates = {way: rate(model, way, seconds=min(seconds, 4.0), seed=next(seeds))[0] for way in ways(cores())}
    best = max(rates, key=rates.__getitem__)
    for way, found in sorted(rates.items(), key=lambda item: -item[1]):
        console.print(f"encoder: {way.loops} loops of {way.threads} threads, batches of {way.batch}: {found:.1f}/s")
    rows = []
    for number in numbers:
        per_second, took = rate(model, best, seconds=seconds, seed=next(seeds))
        p50, p99 = np.percentile(took, (50, 99))
        rows.append(
            Row(
                system="encoder",
                callers=number,
                rps=round(per_second, 2),
                p50_ms=round(float(p50), 2),
                p99_ms=round(float(p99), 2),
                errors=0,
                cache_hits=0,
            )
        )
    return rows


def measure(system: str, port: int, callers: int, seconds: float, seed: int, console: Console) -> Row:
    """Asks one server with so many callers at once."""
    before = cache_hits(port)
    task = Task(
        port=port,
        path="/link",
        callers=callers,
        warm_s=WARM_S,
        seconds=seconds,
        pictures=int((WARM_S + seconds) * MOST_A_SECOND) + 2 * callers,
        seed=seed,
    )
    with console.status(f"{system}, {callers} callers"):
        asked = ask(task)
    p50, p99 = np.percentile(asked.milliseconds, (50, 99)) if asked.milliseconds else (0.0, 0.0)
    return Row(
        system=system,
        callers=callers,
        rps=round(len(asked.milliseconds) / asked.seconds, 2),
        p50_ms=round(float(p50), 2),
        p99_ms=round(float(p99), 2),
        errors=sum(number for status, number in asked.statuses.items() if status != "200"),
        cache_hits=cache_hits(port) - before,
    )


if __name__ == "__main__":
    run(app)
