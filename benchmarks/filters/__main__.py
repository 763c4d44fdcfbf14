"""What a filter costs, and whether it finds the same: `python -m benchmarks.filters --rows 6063945`.

Every kind searches made-up vectors among all rows and among 10, 1 and 0.1% of them, which have nothing in common or
are alike. What it should find are the ten best that pass of all rows' exact ranking. Vectors and indexes are kept in
the folder, so a run that was stopped goes on.

Axes: Q query, M vector width, N row.
"""

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import faiss
import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.filters.made import FILTERS, made_queries, made_vectors, mapped
from benchmarks.search.measure import BATCH, FEWEST, latency, rate
from benchmarks.search.systems.ours import Ours
from benchmarks.search.systems.system import K, Search
from benchmarks.search.truth import BLOCK_ROWS, nearest
from indexer.kinds import KINDS
from indexer.kinds.among import Among
from indexer.kinds.kind import Searcher
from wikiclip.base.command import run
from wikiclip.base.files import appearing_folder, write_text
from wikiclip.base.paths import home

SHARES = (0.1, 0.01, 0.001)
app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kind's searches among some of the rows: milliseconds, of which `core` are the median of a core's time,
    whatever else the machine does; and the share of the ten that it should find."""

    kind: str
    rows: int
    filter: str
    passing: int
    core: float
    p50: float
    p99: float
    first: float
    per_second: float
    recall: float


@app.command()
def filters(
    rows: Annotated[int, typer.Option(min=1000, help="Vectors to search.")] = 300_000,
    width: Annotated[int, typer.Option(min=8, help="Of a vector.")] = 256,
    kinds: Annotated[str, typer.Option(help="Kinds of index, with commas between.")] = "exact-fp16,balanced-sq8",
    queries: Annotated[int, typer.Option(min=BATCH, help="Different queries.")] = 256,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long to measure each figure.")] = 2.0,
    folder: Annotated[Path | None, typer.Option(help="Where vectors and indexes are kept.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to write the table's rows.")] = None,
) -> None:
    """Measure latency, rate and recall with filters and without."""
    console, cores = Console(), len(os.sched_getaffinity(0))
    folder = folder or home() / "benchmarks" / f"filters-{rows}-{width}"
    torch.set_num_threads(cores)
    vectors = made_vectors(folder, rows, width)
    queries_QM, rows_NM = made_queries(rows, width, queries), mapped(vectors)
    console.print(
        f"{platform.machine()}, {cores} cores, of which a search takes one. {rows:,} x {width}, {queries} queries.",
        highlight=False,
    )
    chosen: list[tuple[str, Among | None]] = [("none", None)]
    for name, made in FILTERS.items():
        chosen += [(name, Among(made(rows_NM, share))) for share in SHARES]
    truths = [_truth(queries_QM, rows_NM, among) for _, among in chosen]
    table = Table(
        "kind", "filter", "rows that pass", "core ms", "p50 ms", "p99 ms", "first ms", "queries/s", "recall@10"
    )
    found: list[Row] = []
    for kind in kinds.split(","):
        built = folder / kind
        if not built.exists():
            with console.status(f"Building {kind}"), appearing_folder(built) as partial_folder:
                Ours(kind).build(vectors, partial_folder, rows=rows, threads=cores)
        shards = sorted((built / "shards").iterdir())
        index = KINDS[kind].open(shards, built / "shared", width=width, threads=1)
        for (name, among), truth_QK in zip(chosen, truths, strict=True):
            with console.status(f"Searching {kind}, filter {name}"):
                row = _measured(index, kind, name, among, queries_QM, truth_QK, seconds)
            found.append(row)
            figures = (
                f"{row.core:.2f}",
                f"{row.p50:.2f}",
                f"{row.p99:.2f}",
                f"{row.first:.1f}",
                f"{row.per_second:,.0f}",
            )
            table.add_row(kind, name, f"{row.passing:,}", *figures, f"{row.recall:.3f}")
    console.print(table)
    if json_file is not None:
        write_text(json_file, json.dumps([asdict(row) for row in found], indent=1) + "\n")


def _truth(queries_QM: NDArray[np.float32], rows_NM: NDArray[np.float16], among: Among | None) -> NDArray[np.int64]:
    """The ten best rows of those that pass, [Q, K], by an exact search that leaves out the others afterwards."""
    if among is None:
        return nearest(queries_QM, rows_NM, K).rows_QK
    scores_QK, rows_QK = torch.empty(len(queries_QM), 0), torch.empty(len(queries_QM), 0, dtype=torch.int64)
    queries, mask_N = torch.from_numpy(queries_QM), torch.from_numpy(among.mask_N)
    for start in range(0, len(rows_NM), BLOCK_ROWS):
        block = torch.from_numpy(np.array(rows_NM[start : start + BLOCK_ROWS])).float()
        scores = (queries @ block.T).masked_fill(~mask_N[start : start + len(block)], -torch.inf)
        best_QK, places_QK = scores.topk(min(K, len(block)))
        scores_QK, order_QK = torch.cat([scores_QK, best_QK], 1).topk(K) if start else (best_QK, places_QK)
        rows_QK = torch.cat([rows_QK, places_QK + start], 1).gather(1, order_QK) if start else places_QK
    found: NDArray[np.int64] = rows_QK.numpy()
    return found


def _measured(
    index: Searcher,
    kind: str,
    name: str,
    among: Among | None,
    queries_QM: NDArray[np.float32],
    truth_QK: NDArray[np.int64],
    seconds: float,
) -> Row:
    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)

    def search(queries_BM: NDArray[np.float32], among: Among | None = among) -> NDArray[np.int64]:
        more: dict[str, Any] = {} if among is None else {"among": among}
        rows_BK: NDArray[np.int64] = index.search(queries_BM, K, **more).rows_BK
        return rows_BK

    search(queries_QM[:BATCH])
    anew = None if among is None else Among(among.mask_N)  # as the first request of a filter finds it
    start = time.perf_counter()
    search(queries_QM[:1], anew)
    first = 1000 * (time.perf_counter() - start)
    single = latency(partial(search, among=among), queries_QM, seconds)
    many = rate(search, queries_QM, truth_QK, seconds)
    return Row(
        kind=kind,
        rows=len(index),
        filter=name,
        passing=len(index) if among is None else among.count,
        core=_core(partial(search, among=among), queries_QM, seconds),
        p50=single.p50,
        p99=single.p99,
        first=first,
        per_second=many.per_second,
        recall=many.recall,
    )


def _core(search: Search, queries_QM: NDArray[np.float32], seconds: float) -> float:
    """The median of the milliseconds of this thread, which searches alone."""
    took: list[float] = []
    while len(took) < len(queries_QM) and (sum(took) < seconds or len(took) < FEWEST):
        start = time.thread_time()
        search(queries_QM[len(took) : len(took) + 1])
        took.append(time.thread_time() - start)
    return 1000 * float(np.median(took))


if __name__ == "__main__":
    run(app)
