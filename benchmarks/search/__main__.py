"""Search at size, ours beside what else there is: `python -m benchmarks.search --rows 6063945 --json FILE`.

Every system is built in a process of its own and searched in another, one after the other on an otherwise idle machine.
Each is swept over its search parameter, and compared where it finds as much: at equal recall. Vectors, truth and
indexes are kept, so a run that was stopped goes on; what is timed is timed again.

Axes: Q query, K hit, M vector width, N row.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.search.contrast import contrast_of_own, index_vectors, relative_contrast
from benchmarks.search.encoded import CHUNK_TEXTS
from benchmarks.search.one_system import Row, Task
from benchmarks.search.systems import SYSTEMS
from benchmarks.search.systems.system import K
from benchmarks.search.tables import all_rows, at_equal_recall
from benchmarks.search.truth import kept_truth, truth_path
from benchmarks.search.vectors import VectorSet, make_vector_set
from indexer.errors import NoIndex
from indexer.kb.oven import RELEASED_RECORDS
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import write_text
from wikiclip.base.paths import index_home
from wikiclip.model import WikiClip

ROOT = Path(__file__).resolve().parents[2]
app = typer.Typer(add_completion=False)


@app.command()
def search(
    rows: Annotated[int, typer.Option(min=1000, help="Vectors to search.")] = RELEASED_RECORDS,
    graph_rows: Annotated[
        int, typer.Option(min=1000, help="Vectors for the graph systems, which keep them all in memory.")
    ] = 1_000_000,
    systems: Annotated[str, typer.Option(help="Which systems, with commas between; all that there are.")] = ",".join(
        SYSTEMS
    ),
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to write the table's rows.")] = None,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long to measure each setting for each figure.")] = 0.5,
    single_threads: Annotated[int, typer.Option(min=1, help="Threads for a single query; batches take all.")] = 1,
    memory_gb: Annotated[
        float | None, typer.Option(min=0.1, help="Limit a search's anonymous memory (RLIMIT_DATA), in 10^9 bytes.")
    ] = None,
    cgroup: Annotated[
        Path | None, typer.Option(help="A memory control group's folder that searches join; it limits page cache, too.")
    ] = None,
    chunk: Annotated[int, typer.Option(min=64, help="Texts encoded together; as many are held out.")] = CHUNK_TEXTS,
) -> None:
    """Measure recall, latency, rate, memory, disk and build time of each system."""
    console = Console()
    chosen = _chosen(systems)
    vectors = make_vector_set(WikiClip.load("tiny"), rows, chunk=chunk)
    print_setting(vectors, single_threads=single_threads, memory_gb=memory_gb, cgroup=cgroup, console=console)
    found: list[Row] = []
    for name in chosen:
        size = min(rows, graph_rows) if SYSTEMS[name].is_graph else rows
        if find_spec(SYSTEMS[name].package) is None:
            console.print(f"{name} is left out: it is not installed; `pip install .[bench]` does that.")
            continue
        task = Task(
            action="search",
            system=name,
            rows=size,
            vectors=vectors.path.resolve(),
            queries=(vectors.folder / "queries.npy").resolve(),
            truth=_truth(vectors, size).resolve(),
            folder=built_folder(vectors, name, size).resolve(),
            threads=len(os.sched_getaffinity(0)),
            single_threads=single_threads,
            seconds=seconds,
            memory_bytes=None if memory_gb is None else int(memory_gb * 1e9),
            cgroup=cgroup,
        )
        try:
            found += measured(task, console)
        except subprocess.CalledProcessError as error:
            console.print(f"{name} has no result: its process ended with {error.returncode}; see above.")
        if json_file is not None:
            write_text(json_file, json.dumps([asdict(row) for row in found], indent=1) + "\n")
    console.print(all_rows(found, full=rows))
    console.print(at_equal_recall(found, full=rows))


def measured(task: Task, console: Console) -> list[Row]:
    """One system's rows; builds its index if it is not kept from before."""
    if not task.folder.exists():
        with console.status(f"Building {task.system} of {task.rows:,} rows"):
            _in_own_process(Task(**{**vars(task), "action": "build"}))
    with console.status(f"Searching {task.system} of {task.rows:,} rows"):
        return [Row(**row) for row in _in_own_process(task)]


def built_folder(vectors: VectorSet, system: str, rows: int) -> Path:
    """Where an index is kept; named after all that it depends on."""
    recipe = sha256(SYSTEMS[system].recipe(rows).encode()).hexdigest()[:8]
    return vectors.folder / f"{system}-{rows}-{recipe}"


def print_setting(
    vectors: VectorSet, *, single_threads: int, memory_gb: float | None, cgroup: Path | None, console: Console
) -> None:
    """Says on what machine and on what vectors the figures are taken."""
    queries_QM, rows_NM = vectors.queries(), vectors.rows()
    truth = kept_truth(queries_QM, rows_NM, K, vectors.folder)
    contrast = relative_contrast(queries_QM, rows_NM, truth.scores_QK[:, 0])
    console.print(
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores: all of them for builds and batches of 64,"
        f" {single_threads} for a single query. {len(rows_NM):,} x {rows_NM.shape[1]}, {len(queries_QM):,} queries;"
        f" relative contrast {contrast:.2f}.",
        highlight=False,
    )
    try:
        served_NM = index_vectors(index_home())
    except NoIndex:
        console.print("There is no default index to compare the contrast with; `make demo-index` builds it.")
    else:
        few = min(len(served_NM), len(rows_NM))
        console.print(
            f"With 1,000 of {few:,} vectors taken out as queries: {contrast_of_own(rows_NM[:few]):.2f} for these, and"
            f" {contrast_of_own(served_NM[:few]):.2f} for those of the default index.",
            highlight=False,
        )
    if memory_gb is not None:
        console.print(f"Anonymous memory of a search is limited to {memory_gb} GB; page cache is not limited by that.")
    if cgroup is not None:
        console.print(f"Searches run in the memory control group {cgroup}, page cache included.")


def _truth(vectors: VectorSet, rows: int) -> Path:
    kept_truth(vectors.queries(), vectors.rows()[:rows], K, vectors.folder)
    return truth_path(vectors.folder, rows, K)


def _in_own_process(task: Task) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.search.one_system", task.to_json()]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def _chosen(systems: str) -> Sequence[str]:
    names = systems.split(",")
    if unknown := set(names) - SYSTEMS.keys():
        raise WikiClipError(f"There is no system {min(unknown)!r}; there are {', '.join(SYSTEMS)}.")
    return names


if __name__ == "__main__":
    run(app)
