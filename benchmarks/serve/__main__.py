"""The service beside what one would use instead, with more and more callers: `python -m benchmarks.serve --json FILE`.

All do the same work on the same model and index: decode a picture, cut a region out, encode, search. `encoder` is the
work without a service and without the search, in a loop, in the fastest of several ways: no service can be faster.
Every request carries a picture that was never sent before. Callers run in a process of their own, on the same cores.
All are measured in turns: a machine shared with others is a tenth faster or slower from one minute to the next. They
are started once, since in their first seconds they still make room, and sleep while others have their turn.
"""

import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from itertools import count, product
from pathlib import Path
from statistics import median
from typing import Annotated, Protocol, TypedDict

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.serve.callers import MOST_A_SECOND, Task, ask
from benchmarks.serve.loop import rate, ways
from benchmarks.serve.pictures import DISTINCT, SIZE, Size
from benchmarks.serve.processor import processor_ms
from benchmarks.serve.servers import SERVERS, SEVERAL, Server, cache_hits, server
from service.settings import Settings
from wikiclip.base.command import run
from wikiclip.base.devices import move_to_gpu
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import write_text
from wikiclip.base.machine import cores
from wikiclip.base.paths import index_home
from wikiclip.model import WikiClip

CALLERS = "1,4,16,64"
WARM_S = 2.0
TRY_S = 4.0  # for which each way of the encoder is tried
DISTINCT_PIXELS = 250_000_000  # of all that differ: making a picture of 12 megapixels takes half a second
app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table; `errors` are answers other than 200, and `cache_hits` pictures that were kept decoded.

    Attributes:
        processor_ms: of each kind of process, a request.
        turns: requests a second in each turn.
    """

    system: str
    callers: int
    rps: float
    p50_ms: float
    p99_ms: float
    errors: int
    cache_hits: int
    processor_ms: dict[str, float] = field(default_factory=dict)
    turns: list[float] = field(default_factory=list)


@dataclass(kw_only=True)
class Figures:
    """What one system did, given so many callers, in all its turns.

    Attributes:
        milliseconds: of each answer that was right, or of each batch of a loop.
        done: mentions that were linked, or encoded.
    """

    milliseconds: list[float] = field(default_factory=list)
    done: float = 0.0
    seconds: float = 0.0
    errors: int = 0
    cache_hits: int = 0
    processor_ms: Counter[str] = field(default_factory=Counter)
    turns: list[float] = field(default_factory=list)

    def row(self, system: str, callers: int) -> Row:
        p50, p99 = np.percentile(self.milliseconds, (50, 99)) if self.milliseconds else (0.0, 0.0)
        return Row(
            system=system,
            callers=callers,
            rps=round(self.done / self.seconds, 2),
            p50_ms=round(float(p50), 2),
            p99_ms=round(float(p99), 2),
            errors=self.errors,
            cache_hits=self.cache_hits,
            processor_ms={kind: round(took / self.done, 2) for kind, took in self.processor_ms.items() if self.done},
            turns=[round(each, 2) for each in self.turns],
        )


@app.command()
def serve(
    model: Annotated[str, typer.Option(help="The name of a packaged checkpoint, or a checkpoint's folder.")] = "tiny",
    index: Annotated[Path | None, typer.Option(help="The folder that keeps the index; var/index if left out.")] = None,
    callers: Annotated[str, typer.Option(help="How many at once, with commas between.")] = CALLERS,
    seconds: Annotated[float, typer.Option(min=0.5, help="How long each figure is measured, in all turns.")] = 15.0,
    turns: Annotated[int, typer.Option(min=1, help="How often each system has its turn.")] = 3,
    most: Annotated[
        int, typer.Option(min=1, help="Answers a second for which pictures are made beforehand; a GPU gives more.")
    ] = MOST_A_SECOND,
    systems: Annotated[str, typer.Option(help="Which, with commas between.")] = ",".join(
        ("encoder", *(name for name in SERVERS if name != SEVERAL))
    ),
    processes: Annotated[str, typer.Option(help="WIKICLIP_PROCESSES of the system `several`.")] = "2",
    size: Annotated[
        str, typer.Option(help="Width and height of the pictures, WIDTHxHEIGHT; 4032x3024 is a phone's.")
    ] = "x".join(map(str, SIZE)),
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows there, too.")] = None,
) -> None:
    """Print requests a second and latency of each system at each number of callers."""
    home, console, seeds = index or index_home(), Console(), count(1)
    numbers = [int(number) for number in callers.split(",")]
    names = [name for name in systems.split(",") if _is_there(name, console)]
    found = {(name, number): Figures() for name in names for number in numbers}
    with ExitStack() as stack:
        measured: dict[str, System] = {}
        for name in names:
            if name == "encoder":
                measured[name] = Loop(model, _pictures(size), console)
            else:
                own = {"WIKICLIP_PROCESSES": processes if name == SEVERAL else "1"}
                running = stack.enter_context(server(name, home, model=model, settings=own))
                measured[name] = Served(running, most, _pictures(size))
        for turn, number, name in product(range(turns), numbers, names):
            with console.status(f"{name}, {number} callers, turn {turn + 1} of {turns}"):
                measured[name].measure(found[name, number], number, seconds / turns, next(seeds))
            if json_file is not None:
                rows = [asdict(figures.row(*key)) for key, figures in found.items() if figures.seconds]
                write_text(json_file, json.dumps(rows, indent=1) + "\n")
    table = Table("system", "callers", "requests/s", "p50 ms", "p99 ms", "errors", "cache hits", "processor ms")
    for key, figures in sorted(found.items(), key=lambda item: item[0][1]):
        row = figures.row(*key)
        shown = (f"{row.rps:.1f}", f"{row.p50_ms:.1f}", f"{row.p99_ms:.1f}", str(row.errors), str(row.cache_hits))
        computed = ", ".join(f"{kind} {took:.1f}" for kind, took in sorted(row.processor_ms.items()))
        table.add_row(row.system, str(row.callers), *shown, computed)
    console.print(table)
    for number in numbers if {"service", SEVERAL} <= set(names) else ():
        one, other = found["service", number].turns, found[SEVERAL, number].turns
        ratios = [after / before for before, after in zip(one, other, strict=True)]
        console.print(f"{number} callers: several / service {median(ratios):.3f}, the median of {len(ratios)} turns")


class Pictures(TypedDict):
    """What pictures are sent: how many that differ in more than a comment, and of what width and height."""

    distinct: int
    size: Size


class System(Protocol):
    """What can be measured for some seconds, given so many callers."""

    def measure(self, figures: Figures, callers: int, seconds: float, seed: int) -> None: ...


class Loop:
    """The encoder alone, in the fastest way, which is looked for first. No caller waits, so their number is nothing."""

    def __init__(self, name: str, pictures: Pictures, console: Console) -> None:
        self._pictures = pictures
        self._model = WikiClip.load(name)
        if Settings().device != "cpu":
            move_to_gpu(self._model)
        self._model.vision.optimize_for_inference()
        rates = {
            way: rate(self._model, way, seconds=TRY_S, seed=seed, **pictures)[0]
            for seed, way in enumerate(ways(cores()))
        }
        for way, found in sorted(rates.items(), key=lambda item: -item[1]):
            console.print(f"encoder: {way.loops} loops of {way.threads} threads, batches of {way.batch}: {found:.1f}/s")
        self._best = max(rates, key=rates.__getitem__)

    def measure(self, figures: Figures, callers: int, seconds: float, seed: int) -> None:
        per_second, took = rate(self._model, self._best, seconds=seconds, seed=seed, **self._pictures)
        figures.milliseconds += took
        figures.done += per_second * seconds
        figures.seconds += seconds


class Served:
    """A running server, which sleeps until it is its turn."""

    def __init__(self, running: Server, most: int, pictures: Pictures) -> None:
        self._server, self._most, self._pictures = running, most, pictures
        with running.alone():
            pass  # after which it sleeps

    def measure(self, figures: Figures, callers: int, seconds: float, seed: int) -> None:
        port = self._server.port
        task = Task(
            port=port,
            path="/link",
            callers=callers,
            warm_s=WARM_S,
            seconds=seconds,
            pictures=int((WARM_S + seconds) * self._most) + 2 * callers,
            seed=seed,
            **self._pictures,
        )
        with self._server.alone():
            before, computed = cache_hits(port), processor_ms(self._server.pid)
            answers = ask(task)
            figures.cache_hits += cache_hits(port) - before
            computed = processor_ms(self._server.pid) - computed
        # What was computed before it counted is not told apart: the callers of a warm server ask alike all the time.
        counts = answers.seconds / (task.warm_s + answers.seconds)
        figures.processor_ms.update({kind: round(took * counts) for kind, took in computed.items()})
        figures.turns.append(len(answers.milliseconds) / answers.seconds)
        figures.milliseconds += answers.milliseconds
        figures.done += len(answers.milliseconds)
        figures.seconds += answers.seconds
        figures.errors += sum(number for status, number in answers.statuses.items() if status != "200")


def _pictures(size: str) -> Pictures:
    """Raises typer.BadParameter where it is no size."""
    try:
        width, height = map(int, size.lower().split("x"))
        if width < 1 or height < 1:
            raise ValueError(size)
    except ValueError:
        raise typer.BadParameter(f"{size!r} is not WIDTHxHEIGHT, as 640x427", param_hint="--size") from None
    few = max(1, min(DISTINCT, DISTINCT_PIXELS // (width * height)))
    return {"distinct": few, "size": (width, height)}


def _is_there(system: str, console: Console) -> bool:
    """Whether a system can be measured here. Raises WikiClipError where there is none of that name."""
    if system != "encoder" and system not in SERVERS:
        raise WikiClipError(f"There is no system {system!r}; there are encoder, {', '.join(SERVERS)}.")
    if system == "litserve" and find_spec("litserve") is None:
        console.print("litserve is left out: it is not installed; `pip install .[bench]` does that.")
        return False
    return True


if __name__ == "__main__":
    run(app)
