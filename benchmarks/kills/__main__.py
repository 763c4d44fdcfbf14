"""Commands that change an index, killed at random moments: `python -m benchmarks.kills --kills 100 --seed 0`.

Each round has a small knowledge base and a folder of versions of its own, and a seed. Beside the folder in which
commands are killed there is a twin in which the same commands are not: after each kill the folder offers what the twin
offered before or after the command, and once the command was run again, just what the twin does.
"""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tqdm import tqdm

from benchmarks import benchmarks_home
from benchmarks.kills.checking import Wrong
from benchmarks.kills.ordeal import MOMENTS, Kill, Ordeal
from benchmarks.kills.processes import Starter, open_starter
from wikiclip.base.command import run
from wikiclip.base.files import write_text

ROUND = 10  # kills in one folder
NAMES = ("build", "update", "rollback", "prune")
app = typer.Typer(add_completion=False)


@dataclass
class Seen:
    """What was killed, and what did not hold: a failure by its seed."""

    kills: list[Kill] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)


@app.command()
def kills(
    kills: Annotated[int, typer.Option(min=1, help="How many processes to kill.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the first round; another seed has other kills.")] = 0,
    folder: Annotated[Path | None, typer.Option(help="Where to work; var/benchmarks/kills if left out.")] = None,
) -> None:
    """Kill builds, updates, rollbacks and prunes, and print what held; exits with 1 where anything did not."""
    folder = (folder or benchmarks_home() / "kills").resolve()
    with open_starter() as starter:
        seen = kill(starter, kills, seed, folder)
    console = Console(width=100)
    console.print(summary(seen.kills))
    for failed, why in seen.failures.items():
        count = min(ROUND, kills - ROUND * (failed - seed))
        console.print(f"Seed {failed}: {escape(why)}")
        console.print(f"Again: python -m benchmarks.kills --seed {failed} --kills {count}; see {folder / str(failed)}.")
    if seen.failures:
        raise typer.Exit(1)


def kill(starter: Starter, kills: int, seed: int, folder: Path) -> Seen:
    """Goes through as many rounds as the kills take. What a round leaves is kept where it failed."""
    seen = Seen()
    with tqdm(total=kills, unit="kill") as bar:

        def note(one: Kill) -> None:
            seen.kills.append(one)
            bar.update()

        for number in range(-(-kills // ROUND)):
            place = folder / str(seed + number)
            shutil.rmtree(place, ignore_errors=True)
            ordeal = Ordeal(place, starter, seed + number, note)
            try:
                ordeal.run(min(ROUND, kills - ROUND * number))
            except Wrong as error:
                seen.failures[seed + number] = f"{error}, after {ordeal.story[-1]}"
                write_text(place / "story.txt", "\n".join(ordeal.story) + "\n")
                bar.set_postfix(failures=len(seen.failures))
            else:
                shutil.rmtree(place)
    return seen


def summary(kills: Sequence[Kill]) -> Table:
    """A row a command."""
    table = Table("command", "kills", *MOMENTS, "before it was done", "after", title=f"{len(kills)} kills")
    for name in NAMES:
        mine = [one for one in kills if one.command == name]
        by_moment = Counter(one.moment for one in mine)
        done = sum(one.done for one in mine)
        counts = (len(mine), *(by_moment[moment] for moment in MOMENTS), len(mine) - done, done)
        table.add_row(name, *map(str, counts))
    return table


if __name__ == "__main__":
    run(app)
