"""What small requests and crowds cost a server: `python -m benchmarks.hostile.bombs --checkout ../older`.

`--checkout` throws the same bombs at the server that another folder has, so that one table tells before and after.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import benchmarks_home
from benchmarks.hostile.bombs.bodies import BODY_BOMBS
from benchmarks.hostile.bombs.bomb import Throw
from benchmarks.hostile.bombs.crowds import CROWD_BOMBS
from benchmarks.hostile.bombs.meter import MOST_S, Cost, Ended, cost
from benchmarks.hostile.bombs.pictures import PICTURE_BOMBS
from benchmarks.hostile.bombs.regions import REGION_BOMBS
from benchmarks.serve.callers import ROOT
from benchmarks.serve.servers import server
from wikiclip.base.command import run
from wikiclip.base.files import write_text
from wikiclip.base.paths import index_home

BOMBS: dict[str, Throw] = {**PICTURE_BOMBS, **REGION_BOMBS, **BODY_BOMBS, **CROWD_BOMBS}
# A picture that is read a second time would come from there.
SETTINGS = {"WIKICLIP_PICTURE_CACHE_BYTES": "0"}
ENDED = Cost(cpu_s=MOST_S, loop_ms=0, held_ms=None, told="ended", sent_mb=0, answered_mb=0)
app = typer.Typer(add_completion=False)


@app.command()
def bombs(
    index: Annotated[Path | None, typer.Option(help="The folder that keeps the index; var/index if left out.")] = None,
    checkout: Annotated[list[Path] | None, typer.Option(help="Throw them at that folder's server, too.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Throw only those whose names hold this or another.")] = None,
    times: Annotated[int, typer.Option(min=1, help="How often each is thrown; the least counts.")] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures there, too.")] = None,
) -> None:
    """Print a table of what each takes: seconds of a core, and milliseconds of the event loop."""
    chosen = {name: throw for name, throw in BOMBS.items() if any(part in name for part in only or [""])}
    costs: dict[str, dict[str, Cost]] = {}
    for folder in (*(checkout or ()), ROOT):
        costs[folder.name] = {}
        for name, found in _costs(chosen, folder.resolve(), index or index_home(), times):
            typer.echo(f"{folder.name}: {name}: {found}", err=True)
            costs[folder.name][name] = found
            if json_file is not None:
                figures = {of: {each: asdict(one) for each, one in found.items()} for of, found in costs.items()}
                write_text(json_file, json.dumps(figures, indent=1) + "\n")
    print(*_table(costs), sep="\n")


def _costs(chosen: dict[str, Throw], folder: Path, home: Path, times: int) -> Iterator[tuple[str, Cost]]:
    """Each bomb's cost to a server of that folder, which starts anew where one had to be ended."""
    left = deque(chosen.items())
    log_file = benchmarks_home() / f"bombs-{folder.name}.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("wb") as log:
        while left:
            with server("service", home, folder=folder, log=log, settings=SETTINGS) as running:
                while left:
                    name, throw = left.popleft()
                    try:
                        yield name, cost(running, throw, times=times)
                    except Ended:
                        yield name, ENDED
                        break


def _table(costs: dict[str, dict[str, Cost]]) -> Iterator[str]:
    """Markdown: a row for each bomb, four columns for each folder."""
    ours = costs[ROOT.name]
    titles = "".join(f" {name}: s | loop ms | held ms | told |" for name in costs)
    yield f"| bomb | MB |{titles}"
    yield "|---|---:|" + "---:|---:|---:|---|" * len(costs)
    for name, here in ours.items():
        yield f"| {name} | {here.sent_mb:.1f} |" + "".join(_cells(found[name]) for found in costs.values())


def _cells(found: Cost) -> str:
    if found is ENDED:
        return f" over {MOST_S:g} | | | ended |"
    held = "" if found.held_ms is None else f"{found.held_ms:.0f}"
    return f" {found.cpu_s:.2f} | {found.loop_ms:.0f} | {held} | {found.told} |"


if __name__ == "__main__":
    run(app)
