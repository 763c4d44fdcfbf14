"""Records changed over HTTP under load, and with the service killed: `python -m benchmarks.changes`.

First so many changes come in so many minutes beside callers of /link, none of whom may see a failure, and in the end
each record is there once. Then changes come as fast as they are answered, the service is killed at moments that are
drawn, and nothing that was answered for may be lost.
"""

import json
import shutil
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from benchmarks import benchmarks_home
from benchmarks.changes.killed import kill
from benchmarks.changes.running import running
from benchmarks.changes.under_load import load
from indexer.search import EntityIndex
from indexer.version import CURRENT, VERSIONS, read_version
from wikiclip.base.command import run
from wikiclip.base.files import write_text
from wikiclip.base.paths import index_home

app = typer.Typer(add_completion=False)


@app.command()
def changes(
    index: Annotated[Path | None, typer.Option(help="The index to copy; var/index if left out.")] = None,
    model: Annotated[str, typer.Option(help="The checkpoint that it was made with.")] = "tiny",
    changes: Annotated[int, typer.Option(min=0, help="How many changes come under load; 0 leaves that out.")] = 1000,
    minutes: Annotated[float, typer.Option(min=0.1, help="In how many minutes.")] = 10.0,
    callers: Annotated[int, typer.Option(min=1, help="How many callers link meanwhile.")] = 16,
    processes: Annotated[int, typer.Option(min=1, help="WIKICLIP_PROCESSES of the service.")] = 1,
    kills: Annotated[int, typer.Option(min=0, help="How often the service is killed; 0 leaves that out.")] = 20,
    within: Annotated[float, typer.Option(min=0.3, help="Seconds of its being ready in which it is killed.")] = 30.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the kills: another one has other moments.")] = 0,
    folder: Annotated[Path | None, typer.Option(help="Where to work; var/benchmarks/changes if left out.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures there, too.")] = None,
) -> None:
    """Print what was seen; exits with 1 where anything did not hold."""
    folder = (folder or benchmarks_home() / "changes").resolve()
    seen: dict[str, dict[str, Any]] = {}
    if changes:
        home, build = _copied(index or index_home(), folder / "loaded")
        with running(home, folder / "loaded", model=model, processes=processes) as service:
            loaded = load(service, home, changes=changes, seconds=60 * minutes, callers=callers, build=build)
        seen["under load"] = asdict(loaded)
    if kills:
        home, build = _copied(index or index_home(), folder / "killed")
        # With no callers to give way to, so that it is killed in the midst of its work, too.
        start = partial(running, home, folder / "killed", model=model, processes=processes, nice=0)
        with tqdm(total=kills, unit="kill") as bar:
            killed = kill(start, home, kills=kills, within_s=within, seed=seed, build=build, note=bar.update)
        seen["killed"] = asdict(killed)
    console = Console(width=110)
    for title, figures in seen.items():
        table = Table("figure", "value", title=title)
        for name, value in figures.items():
            if name != "faults":
                table.add_row(name, str(value))
        table.add_row("did not hold", str(len(figures["faults"])))
        console.print(table)
        for fault in figures["faults"][:20]:
            console.print(fault, markup=False)
    if json_file is not None:
        write_text(json_file, json.dumps(seen, indent=1) + "\n")
    if any(figures["faults"] for figures in seen.values()):
        raise typer.Exit(1)


def _copied(index: Path, folder: Path) -> tuple[Path, set[str]]:
    """A folder with the current version of an index alone, and the ids that it holds."""
    version, home = read_version(index), folder / "index"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(version.folder, home / VERSIONS / version.id)
    write_text(home / CURRENT, f"{version.id}\n")
    return home, {entity.entity_id for entity in EntityIndex.open(home).entities_titled("", 10**9)}


if __name__ == "__main__":
    run(app)
