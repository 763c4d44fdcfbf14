"""What looking up entities costs beside the search: `python -m benchmarks.overhead --index DIR`.

`EntityIndex.search` puts rows together to entities, leaves deleted ones out, and reads what is said of each. It is held
against the search of the same rows alone, call by call in turns, on queries that are vectors of the index with noise.

Axes: B query, M vector width.
"""

import json
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from indexer.search import EntityIndex
from wikiclip.base.command import run
from wikiclip.base.paths import index_home

BATCHES = (1, 8, 64)
HITS = 10
NOISE = 0.3  # its length, where a vector's is 1
ALLOWED_SHARE, ALLOWED_MS = 0.1, 0.3  # whichever is larger
app = typer.Typer(add_completion=False)


@app.command()
def overhead(
    index: Annotated[Path | None, typer.Option(help="The folder that keeps the index; var/index if left out.")] = None,
    calls: Annotated[int, typer.Option(min=3, help="Of each kind, for each size of batch.")] = 200,
    threads: Annotated[int, typer.Option(min=1, help="Of a search.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows there, too.")] = None,
) -> None:
    """Print the median of both in milliseconds, and of the difference between neighbouring calls."""
    opened = EntityIndex.open(index or index_home(), threads=threads)
    table = Table(
        *("batch", "rows alone, ms", "with entities, ms", "more, ms", "more, %", "allowed, ms"),
        title=f"{opened.manifest.kind}, {opened.manifest.counts.rows:,} rows",
    )
    rows = []
    for batch in BATCHES:
        alone, whole = times(opened, batch, calls)
        more = float(np.median(whole - alone))
        search_ms, entities_ms = float(np.median(alone)), float(np.median(whole))
        row = {"kind": opened.manifest.kind, "rows": opened.manifest.counts.rows, "batch": batch}
        rows.append(row | {"search_ms": search_ms, "entities_ms": entities_ms, "more_ms": more})
        share, allowed = f"{100 * more / search_ms:.1f}", max(ALLOWED_SHARE * search_ms, ALLOWED_MS)
        table.add_row(str(batch), f"{search_ms:.3f}", f"{entities_ms:.3f}", f"{more:.3f}", share, f"{allowed:.3f}")
    Console().print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def times(index: EntityIndex, batch: int, calls: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Milliseconds of each call, without and with entities; each pair asks the same."""
    random = np.random.default_rng(0)
    alone, whole = [], []
    for call in range(calls + 2):
        drawn = np.sort(random.choice(len(index.rows), size=min(batch, len(index.rows)), replace=False))
        queries_BM = index.rows.vectors(drawn)
        queries_BM += (NOISE / queries_BM.shape[1] ** 0.5) * random.standard_normal(queries_BM.shape, np.float32)
        index.rows.search(queries_BM, HITS)  # so that both find the same pages and caches warm
        searches = (index.rows.search, index.search)
        took = {}
        for place in (0, 1) if call % 2 else (1, 0):
            start = time.perf_counter()
            searches[place](queries_BM, HITS)
            took[place] = 1000 * (time.perf_counter() - start)
        if call >= 2:  # the first pay for imports and first touches
            alone.append(took[0])
            whole.append(took[1])
    return np.array(alone), np.array(whole)


if __name__ == "__main__":
    run(app)
