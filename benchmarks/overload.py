"""The service under four times what it can do: `python -m benchmarks.overload`.

Its capacity is measured with callers who wait for their answers, before and after: a shared machine is a tenth faster
or slower from one minute to the next, and the mean counts. In between requests come at a multiple of it for a minute,
whether they are answered or not. What counts is what is still answered, how late, and what memory it takes.
"""

import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.serving.callers import capacity_of
from benchmarks.serving.flood import Flood, flood
from benchmarks.serving.servers import Server, server
from indexer.command import run
from indexer.files import write_text
from indexer.paths import index_home

SETTLED_S = 10.0  # after which memory should grow no more
CONNECTIONS = 400
CAPACITY_S = 20.0
app = typer.Typer(add_completion=False)


@app.command()
def overload(
    index: Annotated[Path | None, typer.Option(help="The folder that keeps the index; var/index if left out.")] = None,
    model: Annotated[str, typer.Option(help="The name of a packaged checkpoint, or a checkpoint's folder.")] = "tiny",
    times: Annotated[float, typer.Option(min=1, help="How many times the capacity.")] = 4.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long.")] = 60.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures there, too.")] = None,
) -> None:
    """Print what was answered, refused and late, and the memory before and after."""
    with server("service", index or index_home(), model=model, settings={"WIKICLIP_DEADLINE_S": "10"}) as running:
        before = capacity_of(running.port, seconds=min(CAPACITY_S, seconds))
        memory, over = list[tuple[float, int]](), threading.Event()
        watcher = threading.Thread(target=_watch, args=[running, memory, over])
        watcher.start()
        answered = flood(
            Flood(port=running.port, rate=times * before, seconds=seconds, connections=CONNECTIONS, seed=2)
        )
        over.set()
        watcher.join()
        after = capacity_of(running.port, seconds=min(CAPACITY_S, seconds))
    capacity = (before + after) / 2
    statuses = Counter(answered.statuses)
    right = [ms for status, ms in zip(answered.statuses, answered.milliseconds, strict=True) if status == "200"]
    refused = [ms for status, ms in zip(answered.statuses, answered.milliseconds, strict=True) if status == "503"]
    settled = [held for at, held in memory if at >= min(SETTLED_S, seconds / 2)]
    figures = {
        "capacity_before": round(before, 2),
        "capacity_after": round(after, 2),
        "asked_a_second": round(times * before, 2),
        "statuses": dict(statuses),
        "unsent": answered.unsent,
        "goodput": round(len(right) / seconds, 2),
        "goodput_share": round(len(right) / seconds / capacity, 3),
        "p50_ms": round(float(np.percentile(right, 50)), 1) if right else None,
        "p99_ms": round(float(np.percentile(right, 99)), 1) if right else None,
        "refusal_p99_ms": round(float(np.percentile(refused, 99)), 1) if refused else None,
        "memory_settled_gb": round(settled[0] / 1e9, 3),
        "memory_most_gb": round(max(settled) / 1e9, 3),
    }
    table = Table("figure", "value", title=f"{times:g} times the capacity for {seconds:g} s")
    for name, value in figures.items():
        table.add_row(name, str(value))
    Console().print(table)
    if json_file is not None:
        write_text(json_file, json.dumps(figures, indent=1) + "\n")


def _watch(running: Server, memory: list[tuple[float, int]], over: threading.Event) -> None:
    start = time.perf_counter()
    while not over.wait(0.5):
        memory.append((time.perf_counter() - start, running.memory()))


if __name__ == "__main__":
    run(app)
