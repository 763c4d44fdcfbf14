"""What it costs to embed on a Ray cluster or in parts, beside this process alone: `python -m benchmarks.executors`.

Ray is started on this machine and given all its cores, so that both have the same to embed with, in turns. What
starting takes is told apart from the rate between the first chunk and the last. A part reads all records to embed a
share of them: what that costs is how fast records are read, beside how fast they are embedded.
"""

import json
import statistics
import time
from collections import deque
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.embedding import some
from indexer.embedding.chunks import stored_chunk
from indexer.embedding.executors.executor import Executor
from indexer.embedding.executors.local import Local
from indexer.embedding.executors.ray_cluster import prepare_ray
from indexer.embedding.plan import Plan, make_plan, open_workshop
from indexer.kb import KnowledgeBaseName, open_kb
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import Entity
from wikiclip.base.command import run
from wikiclip.checkpoint import checkpoint_folder
from wikiclip.model import WikiClip

app = typer.Typer(add_completion=False)


@app.command()
def executors(
    records: Annotated[int, typer.Option(min=1, help="Texts to embed.")] = 8192,
    chunk: Annotated[int, typer.Option(min=1, help="Records a chunk; a build has 2,048.")] = 512,
    repeats: Annotated[int, typer.Option(min=1, help="Times that both are run, in turns.")] = 3,
    model: Annotated[str, typer.Option(help="The checkpoint.")] = "tiny",
) -> None:
    """Print how fast both embed once they have begun, what each takes to begin, and how fast records are read."""
    prepare_ray()
    from indexer.embedding.executors.on_ray import OnRay

    encoder = WikiClip.load(model)
    with TemporaryDirectory() as folder:
        kb = write_texts(Path(folder) / "records.jsonl", records)
        plan = make_plan(kb, encoder, chunk_records=chunk)
        local, ray = Local(encoder, "cpu"), OnRay("local", checkpoint_folder(model).absolute(), "cpu")
        turns = [(timed(local, kb, plan, Path(folder)), timed(ray, kb, plan, Path(folder))) for _ in range(repeats)]
        reading = read_rate(kb, records)
    alone, cluster = ([turn[side] for turn in turns] for side in (0, 1))
    ratio = statistics.median(ours[1] / theirs[1] for theirs, ours in turns)
    for name, runs in (("local", alone), ("ray", cluster)):
        begun, rate = (statistics.median(each) for each in zip(*runs, strict=True))
        Console().print(f"{name}: first chunk after {begun:.1f} s, then {rate:.1f} records a second.", highlight=False)
    Console().print(
        f"ray to local: {ratio:.1%}, the median of {repeats} turns. Records are read at {reading:,.0f} a second.",
        highlight=False,
    )


def write_texts(path: Path, count: int) -> JsonLines:
    """A knowledge base of texts. What they are drawn from is let go: garbage would be looked for in it all the time."""
    entities = [one for one in open_kb(KnowledgeBaseName.WORDNET).records() if isinstance(one, Entity)]
    texts = some([one for one in entities if not one.images], count)
    path.write_text("".join(json.dumps(one._asdict()) + "\n" for one in texts), encoding="utf-8")
    return JsonLines(path)


def timed(executor: Executor, kb: JsonLines, plan: Plan, home: Path) -> tuple[float, float]:
    """Seconds until the first chunk is there, and records a second from then on."""
    workshop, begun = open_workshop(plan, home, fresh=True), time.time()
    chunks = executor.embed(kb, plan, workshop, strict=False)
    written = sorted(stored_chunk(workshop, number).folder.stat().st_mtime for number in range(chunks))
    return written[0] - begun, (chunks - 1) * plan.chunk_records / (written[-1] - written[0])


def read_rate(kb: JsonLines, records: int) -> float:
    """Records a second, read and checked as a build reads them."""
    begun = time.perf_counter()
    deque(kb.records(), maxlen=0)
    return records / (time.perf_counter() - begun)


if __name__ == "__main__":
    run(app)
