"""The service among people who mean harm: `python -m benchmarks.hostile`.

The real service, over real connections, gets requests that nobody chose by hand. Each answer is held against the
OpenAPI document, and the process against the memory that docs/service.md promises.
"""

import hashlib
import http.client
import json
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tqdm import tqdm

from benchmarks import benchmarks_home
from benchmarks.hostile.asking import Caller
from benchmarks.hostile.crowd import crowd
from benchmarks.hostile.memory import most_bytes
from benchmarks.hostile.rounds import PROBE, Failure, Seen, Task, ids, send_round
from benchmarks.serve.servers import Server, server
from service.settings import Settings
from wikiclip.base.command import run
from wikiclip.base.files import write_text
from wikiclip.base.paths import index_home

ROUND = 500  # cases of one seed
MOST_KEPT = 20  # failures of a round that are written out
app = typer.Typer(add_completion=False)


@app.command()
def hostile(
    index: Annotated[Path | None, typer.Option(help="The folder that keeps the index; var/index if left out.")] = None,
    cases: Annotated[int, typer.Option(min=1, help="How many requests.")] = 100_000,
    callers: Annotated[int, typer.Option(min=1, help="Processes that send them.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Another seed has other requests.")] = 0,
    failures: Annotated[Path | None, typer.Option(help="Where requests go that were answered wrongly.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures there, too.")] = None,
) -> None:
    """Print what was answered, how late, and the memory it took; exits with 1 where anything was wrong."""
    folder = failures or benchmarks_home() / "hostile"
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings()
    with (folder / "service.log").open("wb") as log, server("service", index or index_home(), log=log) as running:
        loaded, document = running.memory(), _document(running.port)
        with Caller(running.port, patience_s=60) as caller:
            expected = ids(caller.ask(PROBE))
        tasks = [
            Task(
                port=running.port,
                seed=seed + number,
                cases=min(ROUND, cases - number * ROUND),
                limit_s=settings.deadline_s + 1,
                document=document,
                expected=expected,
            )
            for number in range(-(-cases // ROUND))
        ]
        held: list[int] = []
        seen = _send(tasks, callers, lambda found: _after_round(found, folder, running, held))
        alone = running.peak_memory()
        together = crowd(running.port, limit_s=settings.deadline_s + 1)
        figures = {
            "cases": seen.answers.total(),
            "seeds": [seed, seed + len(tasks) - 1],
            "answers": _by_kind(seen),
            "slowest": {"seconds": round(seen.slowest[0], 2), "kind": seen.slowest[1]},
            "crowd": together.statuses,
            "memory_gb": {
                "loaded": _gb(loaded),
                "by_tenths": [_gb(max(tenth, default=0)) for tenth in np.array_split(held, 10)],
                "most": _gb(alone),
                "most_in_a_crowd": _gb(running.peak_memory()),
                "bound": _gb(loaded + most_bytes(settings)),
            },
            "bytes_still_held": _held(running),
            "log_bytes": log.tell(),
            "failures": _counted([failure.why for failure in seen.failures] + together.faults),
        }
        too_much = running.peak_memory() > loaded + most_bytes(settings)
    _print(figures, folder)
    if json_file is not None:
        write_text(json_file, json.dumps(figures, indent=1) + "\n")
    if figures["failures"] or too_much or figures["bytes_still_held"]:
        raise typer.Exit(1)


def _send(tasks: list[Task], callers: int, after_round: Callable[[Seen], None]) -> Seen:
    """Sends all rounds; Ctrl-C ends it with what there is."""
    seen = Seen()
    pool = ProcessPoolExecutor(
        callers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    typer.echo(f"Seeds {tasks[0].seed} to {tasks[-1].seed}, {ROUND} cases each.")
    with pool, tqdm(total=sum(task.cases for task in tasks), unit="case", smoothing=0.05) as bar:
        rounds: list[Future[Seen]] = [pool.submit(send_round, task) for task in tasks]
        try:
            for done in as_completed(rounds):
                found = done.result()
                seen.add(found)
                after_round(found)
                bar.update(found.answers.total())
                bar.set_postfix(failures=len(seen.failures))
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
    return seen


def _after_round(found: Seen, folder: Path, running: Server, held: list[int]) -> None:
    """Keeps what failed at once, and notes the memory."""
    _keep(found.failures, folder)
    held.append(running.memory())


def _document(port: int) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/openapi.json")
    document: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return document


def _by_kind(seen: Seen) -> dict[str, dict[str, int]]:
    kinds = sorted({kind for kind, _ in seen.answers})
    return {
        kind: {status: count for (of, status), count in sorted(seen.answers.items()) if of == kind} for kind in kinds
    }


def _held(running: Server) -> int:
    """Bytes of bodies that the service still counts, of nobody's requests."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return next(int(float(line.split()[1])) for line in lines if line.startswith("wikiclip_body_bytes "))


def _counted(reasons: list[str]) -> dict[str, int]:
    return {why: reasons.count(why) for why in sorted(set(reasons))}


def _keep(failures: list[Failure], folder: Path) -> None:
    """Writes requests that were answered wrongly, to be sent again with `nc`."""
    for failure in failures[:MOST_KEPT]:
        name = f"{failure.case.kind}-{hashlib.sha256(failure.case.request).hexdigest()[:12]}"
        (folder / f"{name}.http").write_bytes(failure.case.request)
        write_text(folder / f"{name}.txt", f"{failure.why}\nseed {failure.seed}\n")


def _print(figures: dict[str, Any], folder: Path) -> None:
    answers = figures["answers"]
    statuses = sorted({status for counts in answers.values() for status in counts})
    table = Table("kind", *statuses, title=f"{figures['cases']:,} hostile requests")
    for kind, counts in answers.items():
        table.add_row(kind, *(f"{counts.get(status, 0):,}" for status in statuses))
    console = Console()
    console.print(table)
    rest = Table("figure", "value")
    for name, value in figures.items():
        if name not in ("answers", "cases"):
            rest.add_row(name, escape(str(value)))
    console.print(rest)
    if figures["failures"]:
        console.print(f"Requests that were answered wrongly are in {folder}: nc 127.0.0.1 8000 < FILE.http")


def _gb(count: int) -> float:
    return round(count / 1e9, 3)


if __name__ == "__main__":
    run(app)
