"""What a build's pipeline costs beside its encoders: `python -m benchmarks.embedding`.

The pipeline is `indexer.embedding.embed`: read a file of JSON lines, check each record, decode pictures, encode, write
chunks.
The loop has the same records in memory, decodes and encodes them batch by batch, sorted by length as the pipeline sorts
them, and writes nothing. It runs on the same cores with every batch size, as one loop in torch's own threads and as one
loop a core with a single thread each; the pipeline is compared with whichever was the fastest.
"""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console

from indexer.embedding.chunks import stored_chunk
from indexer.embedding.embed import embed
from indexer.embedding.pending import workers
from indexer.embedding.plan import make_plan, open_workshop
from indexer.embedding.replicas import Replicas
from indexer.kb import KnowledgeBaseName, open_kb
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import Entity, KnowledgeBase, describe
from wikiclip.base.command import run
from wikiclip.model import WikiClip
from wikiclip.pictures import read_picture

BATCHES = (16, 32, 64, 128, 256)
PICTURED_SHARE = 8  # a picture costs many times what a text does, so there are fewer of them
Threads = Literal["torch", "workers"]
app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table; rates are entities a second, medians of the repeats.

    Attributes:
        batch, threads: with which the loop was the fastest.
        ratio: the median, over the repeats, of the pipeline's rate to that of the loop just before or after it.
    """

    kind: str
    entities: int
    cores: int
    pipeline: float
    loop: float
    batch: int
    threads: Threads
    ratio: float


@app.command()
def embedding(
    records: Annotated[int, typer.Option(min=1, help="Records without a picture; an eighth as many with one.")] = 4000,
    repeats: Annotated[int, typer.Option(min=1, help="Times that pipeline and loop are run, in turns.")] = 5,
    model: Annotated[str, typer.Option(help="The checkpoint.")] = "tiny",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows there, too.")] = None,
) -> None:
    """Print entities a second of the pipeline and of a plain loop over the same encoders, on WordNet's records."""
    wordnet, encoder = open_kb(KnowledgeBaseName.WORDNET), WikiClip.load(model)
    entities = [record for record in wordnet.records() if isinstance(record, Entity)]
    kinds = {
        "text": some([entity for entity in entities if not entity.images], records),
        "picture and text": some([entity for entity in entities if entity.images], -(-records // PICTURED_SHARE)),
    }
    rows = [measure(kind, chosen, wordnet, encoder, repeats) for kind, chosen in kinds.items()]
    for row in rows:
        Console().print(
            f"{row.kind}: {row.entities} entities on {row.cores} cores; pipeline {row.pipeline:.1f} a second, loop"
            f" {row.loop:.1f} (batches of {row.batch}, {row.threads}): {row.ratio:.1%}.",
            highlight=False,
        )
    if json_file is not None:
        json_file.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), encoding="utf-8")


def some(entities: Sequence[Entity], count: int) -> list[Entity]:
    """That many, spread over all; where there are too few they come again under other ids."""
    step = max(len(entities) // count, 1)
    chosen = islice(cycle(entities[::step]), count)
    return [entity._replace(entity_id=f"{entity.entity_id}-{n}") for n, entity in enumerate(chosen)]


def measure(kind: str, entities: Sequence[Entity], source: KnowledgeBase, model: WikiClip, repeats: int) -> Row:
    """Finds the loop's best setting, then runs pipeline and loop in turns."""
    image_root = source.image_root
    assert image_root is not None
    with TemporaryDirectory() as folder:
        path = Path(folder) / "records.jsonl"
        path.write_text("".join(json.dumps(entity._asdict()) + "\n" for entity in entities), encoding="utf-8")
        kb = JsonLines(path, images=image_root)
        plan = make_plan(kb, model)

        def pipeline() -> NDArray[np.float32]:
            workshop = open_workshop(plan, Path(folder), fresh=True)
            chunks = range(embed(kb, Replicas(model, [torch.device("cpu")]), plan, workshop))
            return np.concatenate([stored_chunk(workshop, number).vectors() for number in chunks]).astype(np.float32)

        def loop(batch: int, threads: Threads) -> Callable[[], NDArray[np.float32]]:
            return lambda: encode_all(entities, image_root, model, batch=batch, threads=threads)

        check_same(pipeline(), loop(BATCHES[0], "workers")())  # warms both up
        settings: list[tuple[int, Threads]] = [(batch, way) for batch in BATCHES for way in ("torch", "workers")]
        batch, threads = min(settings, key=lambda setting: seconds(loop(*setting)))
        ours, theirs = zip(*((seconds(pipeline), seconds(loop(batch, threads))) for _ in range(repeats)), strict=True)
    return Row(
        kind=kind,
        entities=len(entities),
        cores=torch.get_num_threads(),
        pipeline=len(entities) / statistics.median(ours),
        loop=len(entities) / statistics.median(theirs),
        batch=batch,
        threads=threads,
        ratio=statistics.median(loop_s / pipeline_s for pipeline_s, loop_s in zip(ours, theirs, strict=True)),
    )


def encode_all(
    entities: Sequence[Entity], image_root: Path, model: WikiClip, *, batch: int, threads: Threads
) -> NDArray[np.float32]:
    """The plain loop; unit vectors [entity, width] in the order given."""
    vectors_NM = np.empty((len(entities), model.mention_width), np.float32)
    order = sorted(range(len(entities)), key=lambda n: -len(describe(entities[n])))

    def encode_batch(start: int) -> None:
        numbers = order[start : start + batch]
        prepared = [
            model.prepare_entity(
                describe(entity), read_picture(image_root / entity.images[0]) if entity.images else None
            )
            for entity in (entities[n] for n in numbers)
        ]
        vectors_NM[numbers] = model.encode_entities(prepared)

    starts = range(0, len(order), batch)
    if threads == "torch":
        for start in starts:
            encode_batch(start)
    else:
        with workers() as pool:
            list(pool.map(encode_batch, starts))  # a list, so that an error in a batch is raised here
    return vectors_NM


def check_same(ours_NM: NDArray[np.float32], theirs_NM: NDArray[np.float32]) -> None:
    """That both did the same work; padding and precision may move a vector a little."""
    worst = float(np.einsum("nm,nm->n", ours_NM, theirs_NM).min())
    assert worst > 0.99, f"pipeline and loop disagree: cosine {worst:.4f}"


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    run(app)
