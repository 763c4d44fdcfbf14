"""The service under four times what it can do: `python -m benchmarks.overload`.

Its capacity is measured with callers who wait for their answers. Then requests come at a multiple of it for a minute,
whether they are answered or not. What counts is what is still answered, how late, and what memory it takes.

A shared machine is a tenth faster or slower from one minute to the next. So the capacity is measured after a flood,
too, the mean of both counts, and of several floods the median.
"""

import json
import statistics
import threading
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Column, Table

from benchmarks.serve.callers import capacity_of
from benchmarks.serve.flood import Answered, Flood, flood
from benchmarks.serve.servers import Server, server
from wikiclip.base.command import run
from wikiclip.base.files import write_text
from wikiclip.base.paths import index_home

SETTLED_S = 10.0  # after which memory should grow no more
CONNECTIONS = 400
CAPACITY_S = 20.0
app = typer.Typer(add_completion=False)


@app.command()
def overload(
    index: Annotated[Path | None, typer.Option(help="The folder that keeps the index; var/index if left out.")] = None,
    model: Annotated[str, typer.Option(help="The name of a packaged checkpoint, or a checkpoint's folder.")] = "tiny",
    times: Annotated[float, typer.Option(min=1, help="How many times the capacity.")] = 4.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long each flood takes.")] = 60.0,
    turns: Annotated[int, typer.Option(min=1, help="How many floods.")] = 3,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures there, too.")] = None,
) -> None:
    """Print what was answered, refused and late in each flood, and the memory early and late in it."""
    settings = {"WIKICLIP_DEADLINE_S": "10"}
    rows = list[dict[str, Any]]()
    with server("service", index or index_home(), model=model, settings=settings) as running:
        capacity_s, seeds = min(CAPACITY_S, seconds), count(1)
        before = capacity_of(running.port, seconds=capacity_s, seed=next(seeds))
        for _ in range(turns):
            rate, seed = times * before, next(seeds)
            seen = _seen(
                running,
                Flood(port=running.port, rate=rate, seconds=seconds, connections=CONNECTIONS, seed=seed),
            )
            after = capacity_of(running.port, seconds=capacity_s, seed=next(seeds))
            share = seen["goodput"] / statistics.mean([before, after])
            capacities = {"capacity_before": round(before, 2), "capacity_after": round(after, 2)}
            rows.append(capacities | seen | {"goodput_share": round(share, 3)})
            before = after
    median = statistics.median(row["goodput_share"] for row in rows)
    table = Table(
        Column("figure", no_wrap=True),
        *(f"flood {turn + 1}" for turn in range(turns)),
        title=f"{times:g} times the capacity for {seconds:g} s, {turns} times",
        caption=f"{median:.1%} of the capacity are answered, in the median",
    )
    for name in rows[0]:
        table.add_row(name, *(str(row[name]) for row in rows))
    Console().print(table)
    if json_file is not None:
        write_text(json_file, json.dumps({"goodput_share": median, "floods": rows}, indent=1) + "\n")


def _seen(running: Server, task: Flood) -> dict[str, Any]:
    """One flood's figures."""
    memory, over = list[tuple[float, int]](), threading.Event()
    watcher = threading.Thread(target=_watch, args=[running, memory, over])
    watcher.start()
    answered = flood(task)
    over.set()
    watcher.join()
    right, refused = _milliseconds(answered, "200"), _milliseconds(answered, "503")
    ended = [sent_s + ms / 1000 for sent_s, ms in zip(answered.sent_s, answered.milliseconds, strict=True)]
    in_time = sum(end <= task.seconds and status == "200" for end, status in zip(ended, answered.statuses, strict=True))
    settled = [held for at, held in memory if at >= min(SETTLED_S, task.seconds / 2)]
    return {
        "asked_a_second": round(task.rate, 2),
        "statuses": dict(Counter(answered.statuses)),
        "unsent": answered.unsent,
        "goodput": round(in_time / task.seconds, 2),  # not what is still answered when the flood is over
        "p50_ms": round(float(np.percentile(right, 50)), 1) if right else None,
        "p99_ms": round(float(np.percentile(right, 99)), 1) if right else None,
        "refusal_p99_ms": round(float(np.percentile(refused, 99)), 1) if refused else None,
        "memory_settled_gb": round(settled[0] / 1e9, 3),
        "memory_most_gb": round(max(settled) / 1e9, 3),
    }


def _milliseconds(answered: Answered, wanted: str) -> list[float]:
    return [ms for status, ms in zip(answered.statuses, answered.milliseconds, strict=True) if status == wanted]


def _watch(running: Server, memory: list[tuple[float, int]], over: threading.Event) -> None:
    start = time.perf_counter()
    while not over.wait(0.5):
        memory.append((time.perf_counter() - start, running.memory()))


if __name__ == "__main__":
    run(app)
