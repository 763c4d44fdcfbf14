"""What others see of a service to which something happens: `python -m benchmarks.faults`.

Requests come at a steady rate from another process, each with a picture never sent before. After a quarter of the time
one of the mishaps happens; what counts is how those requests are answered before and from then on.
"""

import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.serve.flood import Answered, Flood, flood
from benchmarks.serve.mishaps import MISHAPS, Mishap, Scene
from benchmarks.serve.servers import answered, server
from wikiclip.base.command import run
from wikiclip.base.files import write_text
from wikiclip.base.paths import index_home

CONNECTIONS = 64
app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the others saw.

    Attributes:
        answered, failed: requests that got 200, and what the rest got, by how many.
        failing_s: seconds from the first that failed to the last.
        p99_before_ms, p99_after_ms: of those that got 200, before it happened and from then on.
        itself: what became of the cause.
    """

    mishap: str
    answered: int
    failed: dict[str, int]
    failing_s: float
    p99_before_ms: float
    p99_after_ms: float
    itself: str


@app.command()
def faults(
    index: Annotated[Path | None, typer.Option(help="The folder that keeps the index; var/index if left out.")] = None,
    rate: Annotated[float, typer.Option(min=1, help="Requests a second of the others.")] = 30.0,
    seconds: Annotated[float, typer.Option(min=4, help="How long, for each mishap.")] = 30.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows there, too.")] = None,
) -> None:
    """Let one thing after the other go wrong, and print what the others saw."""
    console, found = Console(width=150), list[Seen]()
    for mishap in MISHAPS:
        with console.status(mishap.name):
            found.append(see(mishap, index or index_home(), rate, seconds))
    table = Table(
        "what happens", "answered", "failed", "p99 ms before", "from then on", "and itself", title=f"{rate:g} a second"
    )
    for seen in found:
        failed = ", ".join(f"{number} {status}" for status, number in seen.failed.items())
        within = f"{failed} in {seen.failing_s:.1f} s" if failed else "none"
        p99 = (f"{seen.p99_before_ms:.0f}", f"{seen.p99_after_ms:.0f}")
        table.add_row(seen.mishap, str(seen.answered), within, *p99, seen.itself)
    console.print(table)
    if json_file is not None:
        write_text(json_file, json.dumps([asdict(seen) for seen in found], indent=1) + "\n")


def see(mishap: Mishap, index: Path, rate: float, seconds: float) -> Seen:
    """Lets it happen to a service on a copy of the index."""
    with tempfile.TemporaryDirectory(dir=index.parent) as folder, _log(mishap) as log, ThreadPoolExecutor(1) as callers:
        home = Path(folder) / "index"
        shutil.copytree(index, home)
        with server(mishap.system, home, options=mishap.options, log=log, settings=mishap.settings) as running:
            task = Flood(port=running.port, rate=rate, seconds=seconds, connections=CONNECTIONS, seed=4)
            before = answered(running.port)
            asked = callers.submit(flood, task)
            while not asked.done() and answered(running.port) == before:  # they make their pictures first
                time.sleep(0.05)
            time.sleep(seconds / 4)
            itself = mishap.happen(Scene(running, home, asked))
            return _seen(mishap, itself, asked.result(), happened_s=seconds / 4)


def _seen(mishap: Mishap, itself: str, told: Answered, *, happened_s: float) -> Seen:
    """Args: happened_s: on the callers' clock."""
    sent = np.array(told.sent_s)
    right = np.array([status == "200" for status in told.statuses])
    took = np.array(told.milliseconds)
    failed = Counter(status for status in told.statuses if status != "200")
    if told.unsent:  # too many waited
        failed["unsent"] = told.unsent
    before, after = right & (sent < happened_s), right & (sent >= happened_s)
    return Seen(
        mishap=mishap.name,
        answered=int(right.sum()),
        failed=dict(failed),
        failing_s=round(float(np.ptp(sent[~right])), 2) if (~right).any() else 0.0,
        p99_before_ms=round(float(np.percentile(took[before], 99)), 1) if before.any() else 0.0,
        p99_after_ms=round(float(np.percentile(took[after], 99)), 1) if after.any() else 0.0,
        itself=itself,
    )


@contextmanager
def _log(mishap: Mishap) -> Iterator[IO[bytes]]:
    """Where the service's log goes: it tells of each failure at length."""
    with Path("/dev/full" if mishap.full_disk else os.devnull).open("wb") as log:
        yield log


if __name__ == "__main__":
    run(app)
