"""What a knowledge base of any size takes, carried on from what was measured: `python -m benchmarks.sizing`.

Sizes of files and memory are those of the kinds' own `cost`; times and rates are the figures below, each with the page
that measured it, taken on in proportion to what is read. Prices are the reader's.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import typer

from indexer.kb.oven import RELEASED_RECORDS
from indexer.kinds import KINDS
from indexer.kinds.training import SAMPLE_ROWS, list_count
from wikiclip.base.command import run

MILLION = 1_000_000
SIZES = f"{MILLION},{RELEASED_RECORDS},60000000,1000000000"
WIDTH = 256  # of the preset `tiny`, which everything below was measured with
# docs/indexing.md, six million records, on two cores.
TEXTS_A_SECOND = 302  # encoded, texts alone
READ_A_SECOND = 35_800  # records that are read again and found in their chunks
TRAIN_S = 105
FILLED_A_SECOND = 36_500  # rows, with tables, ids and titles: 6,063,945 in 2 min 46 s
RECORD_BYTES = (7.9e9 - 3.5e9) / RELEASED_RECORDS  # of a version beside vectors and codes: records, ids, titles
VERIFIED_BYTES_A_SECOND = 7.9e9 / 9.7
# docs/benchmarks.md, `compact-pca` on the EPYC: (rows, lists probed, p50 ms of one query, queries a second in batches).
MEASURED = ((200_000, 64, 0.29, 8_822), (RELEASED_RECORDS, 112, 1.0, 2_890))
PROBES = 112
# docs/load.md: requests a second that two cores encode with `tiny`.
ENCODED_A_SECOND = 112
EXACT_BYTES_A_SECOND = 35e9  # of two cores of the EPYC, docs/benchmarks.md

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Prices:
    """Of the reader's: an hour of a core, an hour of a gigabyte of memory, a month of a gigabyte of disk."""

    core_hour: float
    memory_gb_hour: float
    disk_gb_month: float

    def machine_hour(self, cores: int, memory_gb: float) -> float:
        """What an hour of a machine costs."""
        return cores * self.core_hour + memory_gb * self.memory_gb_hour


def codes_read(rows: int, probes: int) -> float:
    """How many codes a query compares: those of the lists that it looks into, of which the sample allows so many."""
    return probes * rows / list_count(rows, min(rows, SAMPLE_ROWS))


def carried(rows: int) -> tuple[float, float]:
    """(milliseconds of one query, queries a second in batches) of `compact-pca`: a line through the two measured sizes,
    in the codes that a query compares."""
    (small, few, small_ms, small_rate), (large, many, large_ms, large_rate) = MEASURED
    start, end = codes_read(small, few), codes_read(large, many)
    share = (codes_read(rows, PROBES) - start) / (end - start)
    ms = small_ms + share * (large_ms - small_ms)
    batched = 1 / small_rate + share * (1 / large_rate - 1 / small_rate)
    return ms, 1 / batched


def building(rows: int, width: int, prices: Prices) -> list[str]:
    """A row of the table of builds."""
    encode_h = rows / TEXTS_A_SECOND / 3600
    rest_h = (rows / READ_A_SECOND + TRAIN_S + rows / FILLED_A_SECOND) / 3600
    version = KINDS["compact-pca"].cost(rows, width).disk + rows * RECORD_BYTES
    chunks = rows * (2 * width + 4 + RECORD_BYTES)
    money = (encode_h + rest_h) * prices.machine_hour(2, 8)
    return [
        count(rows),
        hours(encode_h),
        hours(rest_h),
        f"{(version + chunks) / 1e9:,.0f}",
        f"{version / 1e9:,.1f}",
        hours(version / VERIFIED_BYTES_A_SECOND / 3600),
        f"{money:,.2f}",
        f"{money * MILLION / rows:.2f}",
    ]


def serving(rows: int, width: int, prices: Prices) -> list[str]:
    """A row of the table of services."""
    cost = KINDS["compact-pca"].cost(rows, width)
    ms, rate = carried(rows)
    version = (cost.disk + rows * RECORD_BYTES) / 1e9
    memory = 2 * cost.memory / 1e9 + 4  # two versions while they are swapped, and the process with its requests
    answered = 1 / (1 / ENCODED_A_SECOND + 1 / rate)
    month = 730 * prices.machine_hour(2, memory) + 2 * version * prices.disk_gb_month
    return [
        count(rows),
        f"{cost.memory / 1e9:,.2f}",
        f"{2 * version:,.0f}",
        f"{ms:,.1f}",
        f"{rate:,.0f}",
        f"{answered:,.0f}",
        f"{math.ceil(memory):,}",
        f"{month:,.0f}",
    ]


def kinds(rows: int, width: int) -> list[str]:
    """A row of the table of kinds: memory and disk of each, GB, and how long reading all vectors takes."""
    sizes = [KINDS[name].cost(rows, width) for name in ("compact-pca", "compact-pq", "balanced-sq8", "exact-fp16")]
    exact_s = rows * width * 2 / EXACT_BYTES_A_SECOND
    return [count(rows), *(f"{one.memory / 1e9:,.2f} / {one.disk / 1e9:,.1f}" for one in sizes), f"{exact_s:,.2f}"]


def count(rows: int) -> str:
    """A number of entities, short."""
    return f"{rows / 1e9:g}B" if rows >= 1e9 else f"{rows / MILLION:.0f}M"


def hours(value: float) -> str:
    """A duration, in the unit that a person would take."""
    if value < 1 / 60:
        return f"{value * 3600:.0f} s"
    if value < 1:
        return f"{value * 60:.0f} min"
    return f"{value:.1f} h" if value < 100 else f"{value / 24:.0f} days"


def tables(sizes: list[int], width: int, prices: Prices) -> list[str]:
    """The three tables, as Markdown lines."""
    building_head = ["entities", "encoding", "the rest", "disk GB, building", "disk GB, after", "verifying"]
    building_head += ["money", "money a million"]
    serving_head = ["entities", "codes in memory, GB", "disk GB, two versions", "one search, ms", "searches/s"]
    serving_head += ["requests/s", "memory GB to plan", "money a month"]
    kinds_head = ["entities", "`compact-pca`", "`compact-pq`", "`balanced-sq8`", "`exact-fp16`", "reading all, s"]
    bodies = [
        (building_head, [building(rows, width, prices) for rows in sizes]),
        (serving_head, [serving(rows, width, prices) for rows in sizes]),
        (kinds_head, [kinds(rows, width) for rows in sizes]),
    ]
    lines: list[str] = []
    for head, body in bodies:
        lines += ["", line(head), "|---" + "|---:" * (len(head) - 1) + "|", *map(line, body)]
    return lines[1:]


def line(cells: list[str]) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def numbers(sizes: str) -> list[int]:
    """Raises typer.BadParameter where one is no number of entities."""
    words = sizes.split(",")
    if not all(word.strip().isdecimal() and int(word) for word in words):
        raise typer.BadParameter("Whole numbers from 1, with commas between.", param_hint="--sizes")
    return [int(word) for word in words]


@app.command()
def sizing(
    sizes: Annotated[str, typer.Option(help="Numbers of entities, with commas between.")] = SIZES,
    width: Annotated[int, typer.Option(min=8, help="Numbers of a vector.")] = WIDTH,
    core_hour: Annotated[float, typer.Option(min=0, help="The price of a core for an hour.")] = 0.04,
    memory_gb_hour: Annotated[float, typer.Option(min=0, help="The price of a GB of memory for an hour.")] = 0.005,
    disk_gb_month: Annotated[float, typer.Option(min=0, help="The price of a GB of disk for a month.")] = 0.1,
) -> None:
    """Print what a build and a replica take, and the kinds of index beside one another, at each size."""
    prices = Prices(core_hour, memory_gb_hour, disk_gb_month)
    if width != WIDTH:
        typer.echo("Encoding is reckoned as by `tiny`: the towers of other presets may take ten times as long.\n")
    typer.echo("\n".join(tables(numbers(sizes), width, prices)))


if __name__ == "__main__":
    run(app)
