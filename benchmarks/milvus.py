"""The same vectors in FAISS and in Milvus, searched in turns: `python -m benchmarks.milvus --rows 20000`.

Axes: B query, M vector width, N row.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import typer
from numpy.typing import NDArray

from indexer.assemble import assemble
from indexer.embedding.chunks import Chunk, stored_chunk
from indexer.embedding.plan import Plan, open_workshop
from indexer.kb.record import Entity
from indexer.kinds import MILVUS, kind_of
from indexer.kinds.milvus.server import MilvusServer, Uri
from indexer.search import EntityIndex
from indexer.version import publish
from wikiclip.base.command import run

CHUNK_ROWS, FIRST = 2048, 10  # searches that are not counted
T = TypeVar("T")
app = typer.Typer(add_completion=False)


@app.command()
def compare(
    rows: Annotated[int, typer.Option(min=100, help="How many vectors.")] = 20_000,
    width: Annotated[int, typer.Option(min=8, help="Numbers of a vector.")] = 256,
    queries: Annotated[int, typer.Option(min=10, help="Searches of each index, one query each, ten best.")] = 100,
    uri: Uri = None,
) -> None:
    """Say what it takes to insert, and a search's median beside exact FAISS's, each searched in turn."""
    random = np.random.default_rng(0)
    vectors_NM = unit(random.normal(size=(rows, width)))
    queries_BM = unit(vectors_NM[random.choice(rows, queries)] + 0.5 * unit(random.normal(size=(queries, width))))
    with tempfile.TemporaryDirectory() as folder:
        server = MilvusServer(uri or str(Path(folder) / "milvus.db"))
        opened = {}
        for kind in ("exact-fp16", *MILVUS):
            seconds, opened[kind] = timed(lambda kind=kind: made(Path(folder) / kind, vectors_NM, kind, server))  # type: ignore[misc]
            typer.echo(f"{kind}: {rows:,} x {width} filled and opened in {seconds:.1f} s ({rows / seconds:,.0f}/s)")
        milliseconds: dict[str, list[float]] = {kind: [] for kind in opened}
        ids: dict[str, list[set[str]]] = {kind: [] for kind in opened}
        for number, query_M in enumerate(np.concatenate([queries_BM[:FIRST], queries_BM])):
            for kind, index in opened.items():
                seconds, found = timed(lambda index=index, one=query_M[None]: index.search(one, 10))  # type: ignore[misc]
                if number >= FIRST:
                    milliseconds[kind].append(1000 * seconds)
                    ids[kind].append({one.entity.entity_id for one in found[0]})
        base = float(np.median(milliseconds["exact-fp16"]))
        for kind, each in milliseconds.items():
            shared = np.mean([len(a & b) / 10 for a, b in zip(ids[kind], ids["exact-fp16"], strict=True)])
            median = float(np.median(each))
            typer.echo(f"{kind}: p50 {median:.2f} ms, {median / base:.1f} x exact; {shared:.3f} of its ten")


def made(home: Path, vectors_NM: NDArray[np.float32], kind: str, server: MilvusServer) -> EntityIndex:
    """An index of an entity for each vector, open."""
    plan = Plan(
        knowledge_base="benchmark",
        records="r",
        image_root=None,
        model_name="none",
        model_fingerprint="f" * 64,
        dimension=vectors_NM.shape[1],
    )
    workshop = open_workshop(plan, home)
    starts = range(0, len(vectors_NM), CHUNK_ROWS)
    for number, start in enumerate(starts):
        part_NM = vectors_NM[start : start + CHUNK_ROWS].astype(np.float16)
        names = [f"Q{start + row}" for row in range(len(part_NM))]
        chunk = Chunk(
            entities=[Entity(entity_id=name, title=name, text="") for name in names],
            vectors_NM=part_NM,
            entity_of_row_N=np.arange(len(part_NM), dtype=np.uint32),
            problems=(),
        )
        stored_chunk(workshop, number).write(chunk)
    publish(*assemble(workshop, len(starts), plan, kind_of(kind, milvus=server)), home)
    return EntityIndex.open(home, milvus=server)


def unit(vectors_NM: NDArray[Any]) -> NDArray[np.float32]:
    """The same directions, of length 1."""
    scaled: NDArray[np.float32] = (vectors_NM / np.linalg.norm(vectors_NM, axis=-1, keepdims=True)).astype(np.float32)
    return scaled


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """(seconds, what it made)."""
    start = time.perf_counter()
    done = work()
    return time.perf_counter() - start, done


if __name__ == "__main__":
    run(app)
