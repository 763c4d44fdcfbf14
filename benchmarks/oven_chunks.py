"""What a build of OVEN's six million records would have embedded, without the days that the encoders take here.

Every record of the file is read and checked as `indexer.build` does it, and put into the build's own workshop in chunks
of its own form, with vectors from `benchmarks.search.vectors` in place of encoded ones. The first chunks are left
out: the build finds the others finished, encodes these, and does everything after the encoder at full size.
"""

from itertools import count, islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks import benchmarks_home
from benchmarks.search.vectors import make_vector_set
from indexer.embedding.chunks import Chunk, stored_chunk
from indexer.embedding.plan import make_plan, open_workshop
from indexer.kb.oven import RECORD_FILES, Oven
from indexer.kb.record import BadRecord, Entity
from wikiclip.base.command import run
from wikiclip.model import WikiClip

ENCODED = 100_000
app = typer.Typer(add_completion=False)


@app.command()
def oven_chunks(
    records: Annotated[Path | None, typer.Option(help="The file that `benchmarks.release` wrote.")] = None,
    images: Annotated[Path | None, typer.Option(help="The folder of its pictures, as the build will be told.")] = None,
    model: Annotated[str, typer.Option(help="The checkpoint that the build will take.")] = "tiny",
    out: Annotated[Path | None, typer.Option(help="Where the index will be built.")] = None,
    encode: Annotated[int, typer.Option(min=0, help="How many records are left to the encoder, the first.")] = ENCODED,
) -> None:
    """Write the chunks; those that are there stay. Then run `indexer.build` with the same file and folder."""
    path = records or benchmarks_home() / "release" / RECORD_FILES[0]
    home = out or benchmarks_home() / "oven-index"
    kb, loaded = Oven(path, images=images), WikiClip.load(model)
    plan = make_plan(kb, loaded)
    workshop = open_workshop(plan, home)
    vectors_NM = make_vector_set(loaded, len(kb)).rows()
    stream, first = kb.records(), 0
    with tqdm(total=len(kb), unit=" records", desc="Writing chunks") as bar:
        for number in count():
            stretch = list(islice(stream, plan.chunk_records))
            if not stretch:
                break
            chunk = stored_chunk(workshop, number)
            if first >= encode and not chunk.exists():
                chunk.write(_chunk(stretch, vectors_NM[first : first + len(stretch)]))
            first += len(stretch)
            bar.update(len(stretch))
    typer.echo(f"Now: python -m indexer.build --kb oven --model {model} --any-model --records {path} --out {home}")


def _chunk(stretch: list[Entity | BadRecord], vectors_NM: NDArray[np.float16]) -> Chunk:
    entities = [record for record in stretch if isinstance(record, Entity)]
    return Chunk(
        entities=entities,
        vectors_NM=np.array(vectors_NM[: len(entities)]),
        entity_of_row_N=np.arange(len(entities), dtype=np.uint32),
        problems=[record for record in stretch if isinstance(record, BadRecord)],
    )


if __name__ == "__main__":
    run(app)
