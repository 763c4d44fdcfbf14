"""One system in a process of its own: `python -m benchmarks.search.one_system TASK`, where the task is JSON.

Nothing that a search does not need is imported, since what the process holds in memory is part of the result.
"""

import gc
import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.measure import latency, rate
from benchmarks.search.memory_pages import anonymous_bytes, drop_pages
from benchmarks.search.systems import SYSTEMS

BUILT = "built.json"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a process has to do.

    Attributes:
        action: "build" or "search".
        rows: how many of the vectors are indexed.
        queries, truth: arrays on the disk: float32 [Q, M] and the best rows of each, int64 [Q, K].
        threads, single_threads: for building and batches; for single queries.
        seconds: how long each measurement takes.
        memory_bytes: anonymous memory that a search may take at most, if it is limited.
        cgroup: the folder of a memory control group that a search joins, if one was made for it.
    """

    action: str
    system: str
    rows: int
    vectors: Path
    queries: Path
    truth: Path
    folder: Path
    threads: int
    single_threads: int
    seconds: float
    memory_bytes: int | None = None
    cgroup: Path | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "Task":
        values = json.loads(text)
        paths = {
            name: Path(values[name]) for name in ("vectors", "queries", "truth", "folder", "cgroup") if values[name]
        }
        return cls(**{**values, **paths})


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table; times in milliseconds, sizes in 10^9 bytes.

    Attributes:
        cold_p50_ms, cold_p99_ms: after the files left the page cache.
        anon_gb: anonymous memory of the whole process, the most that it held after any setting.
        idle_gb: what of that it held before an index was open, its modules and the queries.
        disk_gb: the files that an open index stands on.
        batch_queries, single_queries, cold_queries: different queries that recall and times were taken from.
    """

    system: str
    params: str
    rows: int
    dim: int
    recall10: float
    p50_ms: float
    p99_ms: float
    cold_p50_ms: float
    cold_p99_ms: float
    qps64: float
    anon_gb: float
    idle_gb: float
    disk_gb: float
    build_s: float
    batch_queries: int
    single_queries: int
    cold_queries: int


def build(task: Task) -> None:
    """Builds the index; its folder gets its name once it is whole."""
    partial = task.folder.with_name(task.folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    start = time.perf_counter()
    SYSTEMS[task.system].build(task.vectors, partial, rows=task.rows, threads=task.threads)
    (partial / BUILT).write_text(json.dumps({"build_s": time.perf_counter() - start}), encoding="utf-8")
    partial.rename(task.folder)


def search(task: Task) -> list[Row]:
    """Measures each setting: batches with all threads, then single queries with theirs, warm and cold."""
    if task.cgroup is not None:
        (task.cgroup / "cgroup.procs").write_text(str(os.getpid()), encoding="utf-8")
    if task.memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (task.memory_bytes, task.memory_bytes))
    system = SYSTEMS[task.system]
    queries_QM, truth_QK = np.load(task.queries), np.load(task.truth)
    reads = system.reads(task.vectors, task.folder)
    settings = system.settings()

    idle = most = anonymous_bytes()
    rates, warm, cold = [], [], []
    session = system.open(task.vectors, task.folder, rows=task.rows, threads=task.threads)
    for setting in settings:
        rates.append(rate(session.at(setting), queries_QM, truth_QK, task.seconds))
        most = max(most, anonymous_bytes())
    del session
    gc.collect()
    session = system.open(task.vectors, task.folder, rows=task.rows, threads=task.single_threads)
    for setting in settings:
        ask = session.at(setting)
        # Touches what the single queries will read.
        rate(ask, queries_QM, truth_QK, seconds=0)
        warm.append(latency(ask, queries_QM, task.seconds))
        most = max(most, anonymous_bytes())
        drop_pages(reads)
        cold.append(latency(ask, queries_QM, task.seconds / 2))
        del ask
    return [
        Row(
            system=task.system,
            params=", ".join(f"{name} {value}" for name, value in setting.items()),
            rows=task.rows,
            dim=queries_QM.shape[1],
            recall10=round(rates[place].recall, 4),
            p50_ms=round(warm[place].p50, 3),
            p99_ms=round(warm[place].p99, 3),
            cold_p50_ms=round(cold[place].p50, 3),
            cold_p99_ms=round(cold[place].p99, 3),
            qps64=round(rates[place].per_second, 1),
            anon_gb=round(most / 1e9, 3),
            idle_gb=round(idle / 1e9, 3),
            disk_gb=round(_disk_bytes(reads, task) / 1e9, 3),
            build_s=round(json.loads((task.folder / BUILT).read_text())["build_s"], 1),
            batch_queries=rates[place].asked,
            single_queries=warm[place].asked,
            cold_queries=cold[place].asked,
        )
        for place, setting in enumerate(settings)
    ]


def _disk_bytes(reads: Sequence[Path], task: Task) -> int:
    """The files' sizes, of the file of vectors only the rows that are indexed."""
    width = int(np.load(task.vectors, mmap_mode="r").shape[1])
    return sum(2 * width * task.rows if path == task.vectors else path.stat().st_size for path in reads)


def main(text: str) -> Any:
    """Does the task and returns what is printed as JSON."""
    task = Task.from_json(text)
    if task.action == "build":
        build(task)
        return []
    return [asdict(row) for row in search(task)]


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
