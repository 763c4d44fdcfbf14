"""Chunks to the files of an index version, shard by shard.

Axes: S sampled row, M vector width.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from indexer.embedding.chunks import StoredChunk, problems_of, stored_chunk, write_problems
from indexer.embedding.plan import Plan
from indexer.kinds.kind import IndexKind
from indexer.kinds.training import SAMPLE_ROWS
from indexer.manifest import Counts, Manifest, ModelStamp, ShardStamp, stamp_files
from indexer.shard import stamp_shard, write_shard
from indexer.version import DELETED, PROBLEMS, SHARDS, SHARED
from indexer.words.file import Words
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import appearing_folder

SHARD_BYTES = 2**29  # of a shard's vectors in half precision


def assemble(
    workshop: Path,
    chunks: int,
    plan: Plan,
    kind: IndexKind,
    *,
    shard_rows: int | None = None,
    words: Words = Words.TEXTS,
) -> tuple[Path, Manifest]:
    """Fills a folder in the workshop with all that a search needs, and describes it.

    What shards share is trained once, on a sample; then each shard is filled apart. One that was finished before the
    process was killed is not filled again. Memory: one shard's vectors and what the kind makes of them, or the sample.

    Args:
        shard_rows: about the most rows of a shard, which holds whole chunks; if None, what `SHARD_BYTES` hold.
        words: which words of the records are kept.

    Raises:
        WikiClipError: the chunks hold no entity, or the disk is full.
    """
    folder = version_folder(workshop, kind, words)
    (folder / SHARDS).mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_file():  # of a process that was killed on the point of publishing: a manifest, and all read-only
            path.unlink()
    problems = write_problems(problems_of(workshop, chunks), folder / PROBLEMS)
    np.save(folder / DELETED, np.empty(0, np.uint32))
    stored = with_rows(workshop, chunks)
    rows = sum(len(chunk.vectors()) for chunk in stored)
    if not rows:
        listed = f"; {folder / PROBLEMS} lists why for each of {problems}" if problems else ", since there is none"
        raise WikiClipError(f"No record could be read{listed}.")

    _once(folder / SHARED, lambda partial: kind.train(_sample(stored, rows), rows=rows, folder=partial))
    stamps = fill_shards(folder, stored, plan, kind, shard_rows=shard_rows, words=words)
    manifest = Manifest(
        plan=plan.id,
        knowledge_base=plan.knowledge_base,
        model=ModelStamp(name=plan.model_name, fingerprint=plan.model_fingerprint),
        kind=kind.name,
        dimension=plan.dimension,
        counts=Counts(entities=sum(stamp.entities for stamp in stamps), deleted=0, rows=rows, problems=problems),
        shards=tuple(stamps),
        files=stamp_files(folder),
    )
    return folder, manifest


def version_folder(workshop: Path, kind: IndexKind, words: Words) -> Path:
    """Where a version of a kind that keeps such words is filled."""
    return workshop / f"version-{kind.name}-{words}"


def fill_shards(
    folder: Path,
    chunks: Sequence[StoredChunk],
    plan: Plan,
    kind: IndexKind,
    *,
    first: int = 0,
    shard_rows: int | None = None,
    words: Words = Words.TEXTS,
) -> list[ShardStamp]:
    """Puts chunks with rows into shards below a version's folder, and counts those from `first`.

    Raises:
        WikiClipError: the disk is full.
    """
    stretches = list(_stretches(chunks, shard_rows or max(1, SHARD_BYTES // (2 * plan.dimension))))
    stamps = []
    for number, stretch in enumerate(
        tqdm(stretches, desc="Filling shards", unit=" shards", disable=len(stretches) < 2)
    ):
        name = f"{SHARDS}/{first + number:05d}"
        _once(
            folder / name,
            functools.partial(write_shard, chunks=stretch, kind=kind, shared=folder / SHARED, words=words),
        )
        stamps.append(stamp_shard(folder / name, name=name, image_root=plan.image_root, follow_links=plan.follow_links))
    return stamps


def with_rows(workshop: Path, chunks: int) -> list[StoredChunk]:
    """The chunks of a workshop that hold anything but problems."""
    stored = (stored_chunk(workshop, number) for number in range(chunks))
    return [chunk for chunk in stored if len(chunk.vectors())]


def _once(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fills a folder that exists whole or not at all."""
    if not folder.is_dir():
        with appearing_folder(folder) as partial:
            fill(partial)


def _stretches(chunks: Sequence[StoredChunk], most: int) -> Iterator[list[StoredChunk]]:
    """Chunks that make a shard together: at most so many rows, unless one chunk alone has more."""
    stretch: list[StoredChunk] = []
    rows = 0
    for chunk in chunks:
        more = len(chunk.vectors())
        if stretch and rows + more > most:
            yield stretch
            stretch, rows = [], 0
        stretch.append(chunk)
        rows += more
    yield stretch


def _sample(chunks: Sequence[StoredChunk], rows: int) -> NDArray[np.float32]:
    """Rows [S, M] drawn from all chunks alike, the same ones each time."""
    drawn_S = np.sort(np.random.default_rng(0).choice(rows, size=min(rows, SAMPLE_ROWS), replace=False))
    start, parts = 0, []
    for chunk in chunks:
        vectors_NM = chunk.vectors()
        first, last = np.searchsorted(drawn_S, (start, start + len(vectors_NM)))
        parts.append(vectors_NM[drawn_S[first:last] - start].astype(np.float32))
        start += len(vectors_NM)
    return np.concatenate(parts)
