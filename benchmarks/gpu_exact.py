"""Exact search on one device against reading the vectors once: `python -m benchmarks.gpu_exact`.

The vectors are made on the device: what they are hardly matters to how long a search takes. A batch is timed as a
caller sees it, from queries on the host to hits on the host. What reading takes is told by the bandwidth at which the
same device copies a large buffer in the same run; a copy reads and writes every byte, and both are counted.

Axes: B query, M vector width, N row.
"""

import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from torch import Tensor

from indexer.kinds.brute import BruteForce
from indexer.kinds.gpu.torch_exact import TorchExact
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError

GOAL = 1.25
K = 10
WIKIPEDIA_ROWS, EVA_CLIP_WIDTH = 6_063_945, 1280
BATCHES = [1, 16, 64]
WARM_UP = 3
BLOCK_NUMBERS = 2**28  # made at once, in single precision
CHECKED_ROWS = 20_000  # that the oracle can compare with in a second
COPIED_BYTES = 2**31  # many times what any device caches
app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table.

    Attributes:
        batch: queries at once.
        ms: the median of the searches.
        copy_gb_s: 10^9 bytes read and written a second by a copy.
        read_ms: what reading the vectors once takes at that bandwidth.
        ratio: ms to read_ms.
    """

    device: str
    rows: int
    dim: int
    batch: int
    ms: float
    copy_gb_s: float
    read_ms: float
    ratio: float


@app.command()
def gpu_exact(
    rows: Annotated[int, typer.Option(min=1, help="Vectors.")] = WIKIPEDIA_ROWS,
    width: Annotated[int, typer.Option(min=1, help="Numbers of a vector.")] = EVA_CLIP_WIDTH,
    batch: Annotated[list[int], typer.Option(min=1, help="Queries at once; may be repeated.")] = BATCHES,
    device: Annotated[str, typer.Option(help="As torch names it, such as cuda:1; auto takes a GPU.")] = "auto",
    repeats: Annotated[int, typer.Option(min=1, help="Searches that are timed of each batch size.")] = 50,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows there, too.")] = None,
) -> None:
    """Print milliseconds a batch of an exact search in half precision, and its ratio to reading the vectors once."""
    where = find_device(device)
    check(where, min(rows, CHECKED_ROWS), width)
    bandwidth = copy_bandwidth(where, min(COPIED_BYTES, 2 * rows * width))
    index = TorchExact(unit_blocks(where, rows, width), rows=rows, width=width, devices=[where])
    lines = [measure(index, where, bandwidth, queries, width, repeats) for queries in batch]
    if index.fused_from is not None:
        Console().print(f"One kernel scores {index.fused_from} queries and more.", highlight=False)
    for line in lines:
        Console().print(
            f"{line.device}, {line.rows:,} x {line.dim}, batch {line.batch}: {line.ms:.3f} ms; reading once"
            f" {line.read_ms:.3f} ms at {line.copy_gb_s:,.0f} GB/s; ratio {line.ratio:.2f}"
            f" ({'within' if line.ratio <= GOAL else 'beyond'} the goal of {GOAL}).",
            highlight=False,
            soft_wrap=True,
        )
    if json_file is not None:
        json_file.write_text("".join(json.dumps(asdict(line)) + "\n" for line in lines), encoding="utf-8")


def find_device(name: str) -> torch.device:
    """The device of that name; of "auto" a GPU.

    Raises:
        WikiClipError: torch knows no such device, or cannot use it.
    """
    if name == "auto":
        if not torch.cuda.is_available() and not torch.backends.mps.is_available():
            raise WikiClipError(
                "torch sees no GPU here; to try the command, add --device cpu --rows 100000 --width 256."
            )
        name = "cuda:0" if torch.cuda.is_available() else "mps"
    try:
        found = torch.device(name)
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError) as error:  # the latter where torch was built without it
        raise WikiClipError(f"torch has no device {name!r} here ({' '.join(str(error).split())[:120]}).") from error
    return found


def unit_blocks(device: torch.device, rows: int, width: int, seed: int = 0) -> Iterator[Tensor]:
    """Yields unit vectors of all directions, float16 [N, M], block by block."""
    random = torch.Generator(device).manual_seed(seed)
    size = max(1, BLOCK_NUMBERS // width)
    for start in range(0, rows, size):
        block_NM = torch.randn(min(size, rows - start), width, generator=random, device=device)
        yield (block_NM / block_NM.norm(dim=1, keepdim=True)).half()


def check(device: torch.device, rows: int, width: int) -> None:
    """Holds the device's answers against the oracle: a search that is wrong need not be timed."""
    rows_NM = next(unit_blocks(device, rows, width)).cpu().numpy()
    queries_BM = next(unit_blocks(device, BATCHES[-1], width, seed=1)).cpu().float().numpy()
    index = TorchExact([rows_NM], rows=len(rows_NM), width=width, devices=[device])
    ours, truth = index.search(queries_BM, K), BruteForce(rows_NM).search(queries_BM, K)
    np.testing.assert_allclose(ours.scores_BK, truth.scores_BK, atol=1e-5)


def copy_bandwidth(device: torch.device, size: int) -> float:
    """Bytes a second, those read and those written, of copying a buffer of `size` bytes; the median of 20 copies."""
    source, target = (torch.ones(size, dtype=torch.uint8, device=device) for _ in range(2))
    return 2 * size / median_seconds(lambda: target.copy_(source), device, 20)


def measure(index: TorchExact, device: torch.device, bandwidth: float, queries: int, width: int, repeats: int) -> Row:
    """Searches with other queries each time."""
    batches = (block_BM.cpu().float().numpy() for seed in range(1, 2 + WARM_UP + repeats)
               for block_BM in unit_blocks(device, queries, width, seed))  # fmt: skip
    ready = iter(list(batches))
    seconds = median_seconds(lambda: index.search(next(ready), K), device, repeats)
    read = 2 * len(index) * width / bandwidth
    return Row(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device} ({platform.machine()})",
        rows=len(index),
        dim=width,
        batch=queries,
        ms=1e3 * seconds,
        copy_gb_s=bandwidth / 1e9,
        read_ms=1e3 * read,
        ratio=seconds / read,
    )


def median_seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Of `repeats` runs after those that warm up; the device has finished before and after each."""
    took = []
    for _ in range(WARM_UP + repeats):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        took.append(time.perf_counter() - start)
    return statistics.median(took[WARM_UP:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


if __name__ == "__main__":
    run(app)
