"""What a lone caller pays for the service: `python -m benchmarks.lone_caller`.

The same request is answered by the service, over HTTP, and by hand: its picture decoded, its region encoded and
searched for in this process, on as many cores. The two take turns, so that whatever else the machine does meets both.
"""

import base64
import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.serve.bare import BareCaller
from benchmarks.serve.pictures import many_requests
from benchmarks.serve.servers import server
from indexer.linker import Linker
from wikiclip.base.command import run
from wikiclip.base.files import write_text
from wikiclip.base.machine import cores
from wikiclip.base.paths import index_home
from wikiclip.pictures import PictureLimits

WARM = 150  # pictures that are kept until the service's cache is full lie in memory not touched before
ALLOWED_MS = 2.0
app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Paid:
    """Medians in milliseconds; `more_ms` is that of the differences between the two answers to one request."""

    service_ms: float
    by_hand_ms: float
    more_ms: float


@app.command()
def lone_caller(
    model: Annotated[str, typer.Option(help="The name of a packaged checkpoint, or a checkpoint's folder.")] = "tiny",
    index: Annotated[Path | None, typer.Option(help="The folder that keeps the index; var/index if left out.")] = None,
    calls: Annotated[int, typer.Option(min=3, help="How many of each count.")] = 200,
    warm: Annotated[int, typer.Option(min=0, help="How many of each come before and do not count.")] = WARM,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures there, too.")] = None,
) -> None:
    """Print the median of both, and of their difference."""
    home = index or index_home()
    torch.set_num_threads(cores())
    linker = Linker.open(model, home, limits=PictureLimits(), threads=cores())
    with server("service", home, model=model) as running, closing(BareCaller(running.port)) as caller:
        paid = _compare(lambda body: _asked(caller, body), lambda body: by_hand(linker, body), warm, calls)
    table = Table("service, ms", "by hand, ms", "more, ms", "allowed, ms", title=f"One caller, {calls} requests")
    table.add_row(f"{paid.service_ms:.2f}", f"{paid.by_hand_ms:.2f}", f"{paid.more_ms:.2f}", f"{ALLOWED_MS:.2f}")
    Console().print(table)
    if json_file is not None:
        write_text(json_file, json.dumps(asdict(paid), indent=1) + "\n")


def by_hand(linker: Linker, body: bytes) -> None:
    """Decodes, encodes and searches; nothing else."""
    asked = json.loads(body)
    linker.answer(linker.prepare(base64.b64decode(asked["image"]), [asked["region"]], top_k=asked["top_k"]))


def _asked(caller: BareCaller, body: bytes) -> None:
    if (status := caller.ask("/link", body)) != "200":
        raise RuntimeError(f"the service answered {status}")


def _compare(service: Callable[[bytes], None], hand: Callable[[bytes], None], warm: int, calls: int) -> Paid:
    took: list[list[float]] = []
    for number, body in enumerate(islice(many_requests(1), warm + calls)):
        pair = [0.0, 0.0]
        for place in (0, 1) if number % 2 else (1, 0):
            start = time.perf_counter()
            (service, hand)[place](body)
            pair[place] = 1000 * (time.perf_counter() - start)
        took.append(pair)
    counted = np.array(took[warm:])
    service_ms, by_hand_ms = np.median(counted, axis=0)
    more_ms = np.median(counted[:, 0] - counted[:, 1])
    return Paid(service_ms=float(service_ms), by_hand_ms=float(by_hand_ms), more_ms=float(more_ms))


if __name__ == "__main__":
    run(app)
