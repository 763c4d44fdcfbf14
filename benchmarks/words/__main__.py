"""What words cost: `python -m benchmarks.words --records 1000000`.

Makes records, writes their shards as a build does, and types titles, or words of texts, key by key, into the open
index: what a request does but for HTTP.
"""

import shutil
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from tqdm import tqdm

from benchmarks.words.beside import encoding
from benchmarks.words.synthetic import Synthetic, typed
from indexer.kb.record import Entity
from indexer.records.catalogue import Catalogue
from indexer.records.table import TABLE, to_batch, write_table
from indexer.records.titles import write_titles
from indexer.words.file import FILES, Words, write_words
from wikiclip.base.command import run
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import home

LIMIT = 20  # entities of an answer
SHARD_ROWS = 699_050  # of 384 numbers in half precision
PERCENTILES = (50, 95, 99)
app = typer.Typer(add_completion=False)


@app.command()
def words(
    records: Annotated[int, typer.Option(min=1000, help="How many records.")] = 1_000_000,
    keep: Annotated[Words, typer.Option(help="Which words the build keeps.")] = Words.TEXTS,
    questions: Annotated[int, typer.Option(min=1, help="Sequences that are typed of each length.")] = 100,
    beside: Annotated[int, typer.Option(min=0, help="Processes that encode pictures meanwhile, on one core each.")] = 0,
    out: Annotated[Path, typer.Option(help="A folder for the shards; removed first and left there.")] = Path(
        "/tmp/words"
    ),
    reuse: Annotated[bool, typer.Option("--reuse", help="Ask the shards that an earlier run left in the folder.")] = (
        False
    ),
    articles: Annotated[
        Path | None, typer.Option(help="Where `indexer.default_data fetch --kb wikipedia` put the articles.")
    ] = None,
) -> None:
    """Measure size, build time, and how long a look-up takes after each key."""
    if keep is Words.NONE:
        raise WikiClipError("Without words there is nothing to measure: --keep titles or texts.")
    source = Synthetic(articles or home() / "wikipedia" / "root", texts=keep is Words.TEXTS)
    if not reuse:
        shutil.rmtree(out, ignore_errors=True)
        _build(source, records, keep, out)
    shards = sorted(out.iterdir())
    _report_size(shards)
    catalogue = Catalogue(shards, np.empty(0, np.uint32), words=True)
    typer.echo(f"{len(catalogue):,} records in {len(shards)} shards, {beside} processes beside")
    with encoding(beside):
        for length in range(1, 5):
            _report(f"{length} of a title", _ask(catalogue, questions, length, of_text=False))
        if keep is Words.TEXTS:
            for length in range(1, 5):
                _report(f"{length} of a text", _ask(catalogue, questions, length, of_text=True))


def _build(source: Synthetic, records: int, keep: Words, out: Path) -> None:
    taken = 0.0
    for number, start in enumerate(range(0, records, SHARD_ROWS)):
        shard, count = out / f"{number:05d}", min(SHARD_ROWS, records - start)
        shard.mkdir(parents=True)
        blocks = source.blocks(count, seed=number)
        write_table(map(to_batch, tqdm(blocks, desc=f"Records of shard {number}", total=-(-count // 10_000))), shard)
        write_titles(shard)
        began = time.process_time()
        write_words(shard, keep)
        taken += time.process_time() - began
    typer.echo(f"words written in {taken:,.0f} s of the processor, {1e6 * taken / records:,.0f} s for a million")


def _report_size(shards: list[Path]) -> None:
    def megabytes(names: tuple[str, ...]) -> float:
        return sum((shard / name).stat().st_size for shard in shards for name in names) / 1e6

    records = megabytes((TABLE,))
    typer.echo(f"words take {megabytes(FILES):,.0f} MB, the records themselves {records:,.0f} MB")


def _ask(catalogue: Catalogue, questions: int, length: int, *, of_text: bool) -> list[tuple[float, float]]:
    """Milliseconds after each key: in all, and of the processor."""
    chance, taken = np.random.default_rng(length + 10 * of_text), []
    for number in chance.integers(len(catalogue), size=questions).tolist():
        for question in typed(_phrase(catalogue[number], length, chance, of_text=of_text), length):
            began = time.perf_counter(), time.thread_time()
            catalogue.holding(question, LIMIT)
            taken.append((1000 * (time.perf_counter() - began[0]), 1000 * (time.thread_time() - began[1])))
    return taken


def _phrase(entity: Entity, length: int, chance: np.random.Generator, *, of_text: bool) -> str:
    if not of_text:
        return entity.title
    told = entity.text.split()
    return " ".join(told[place] for place in chance.integers(len(told), size=length))


def _report(what: str, taken: list[tuple[float, float]]) -> None:
    """In all, and of the processor: other programs of the machine count in the first alone."""
    told = [
        ", ".join(f"p{each} {value:.2f}" for each, value in zip(PERCENTILES, found, strict=True))
        for found in np.percentile(taken, PERCENTILES, axis=0).T
    ]
    typer.echo(f"{what}: {told[0]} ms ({told[1]} of the processor), {len(taken):,} look-ups")


if __name__ == "__main__":
    run(app)
