"""Half an hour at 70% of what the service can do, with another index version every minute: `python -m benchmarks.soak`.

The versions are two copies of one index, made current in turns, so that what changes is all that a swap changes.
"""

import json
import shutil
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.serve.callers import capacity_of
from benchmarks.serve.flood import Flood, flood
from benchmarks.serve.servers import Server, server
from indexer.version import make_current, publish, read_version
from wikiclip.base.command import run
from wikiclip.base.files import write_text
from wikiclip.base.paths import index_home

CONNECTIONS = 128
CAPACITY_S = 20.0
app = typer.Typer(add_completion=False)


@app.command()
def soak(
    index: Annotated[Path | None, typer.Option(help="The folder that keeps the index; var/index if left out.")] = None,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long.")] = 30.0,
    swap_s: Annotated[float, typer.Option(min=1, help="Seconds between index versions.")] = 60.0,
    share: Annotated[float, typer.Option(min=0.01, max=1, help="Of the capacity, which is measured first.")] = 0.7,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures there, too.")] = None,
) -> None:
    """Print what was answered, and the memory in each tenth of the time."""
    with tempfile.TemporaryDirectory(dir=(index or index_home()).parent) as folder:
        home = twofold(index or index_home(), Path(folder))
        with server("service", home, settings={"WIKICLIP_FOLLOW_S": "1"}) as running:
            rate = share * capacity_of(running.port, seconds=min(CAPACITY_S, 60 * minutes), seed=1)
            seen = Watched(running, home, swap_s)
            answered = flood(Flood(port=running.port, rate=rate, seconds=60 * minutes, connections=CONNECTIONS, seed=3))
            seen.stop()
    statuses = Counter(answered.statuses)
    figures = {
        "rate": round(rate, 2),
        "statuses": dict(statuses),
        "failed": sum(count for status, count in statuses.items() if status != "200"),
        "unsent": answered.unsent,
        "swaps": seen.swaps,
        "p50_ms": round(float(np.percentile(answered.milliseconds, 50)), 1),
        "p99_ms": round(float(np.percentile(answered.milliseconds, 99)), 1),
        "memory_gb": [round(float(np.mean(tenth)) / 1e9, 3) for tenth in np.array_split(seen.memory, 10)],
    }
    table = Table("figure", "value", title=f"{minutes:g} minutes at {share:.0%} of the capacity")
    for name, value in figures.items():
        table.add_row(name, str(value))
    Console().print(table)
    if json_file is not None:
        write_text(json_file, json.dumps(figures, indent=1) + "\n")


def twofold(home: Path, folder: Path) -> Path:
    """A home with two versions that hold the same."""
    old, new = read_version(home), folder / "index"
    for number in range(2):
        filled = folder / f"filled-{number}"
        shutil.copytree(old.folder, filled)
        publish(filled, old.manifest.model_copy(update={"parent": f"copy-{number}"}), new)
    return new


class Watched:
    """Looks at the server's memory, and makes the other version current again and again, until it is stopped."""

    def __init__(self, running: Server, home: Path, swap_s: float) -> None:
        self.memory: list[int] = []
        self.swaps = 0
        self._running, self._home, self._swap_s = running, home, swap_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Ends both."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        swapped = time.monotonic()
        names = sorted(path.name for path in (self._home / "versions").iterdir())
        while not self._over.wait(0.5):
            self.memory.append(self._running.memory())
            if time.monotonic() - swapped > self._swap_s:
                swapped = time.monotonic()
                make_current(read_version(self._home, names[self.swaps % 2]), self._home)
                self.swaps += 1


if __name__ == "__main__":
    run(app)
