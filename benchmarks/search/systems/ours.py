"""Our own kinds of index, through the seam that a build and a server use.

Axes: B query, K hit, M vector width, N row, S sample row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.search.systems.system import K, Search, Setting, files, mapped, sample
from indexer.kinds import KINDS
from indexer.kinds.training import SAMPLE_ROWS

OURS = ("exact-fp16", "balanced-sq8", "compact-pca", "compact-pq", "compact-rabitq")
SHARD_ROWS = 2**20  # as a build makes them


@dataclass(frozen=True)
class OurSession:
    """The shards of one kind; opened anew at each setting, since a kind keeps its setting."""

    kind: Any
    shards: Sequence[Path]
    shared: Path
    width: int
    threads: int

    def at(self, setting: Setting) -> Search:
        searcher = replace(self.kind, **setting).open(self.shards, self.shared, width=self.width, threads=self.threads)

        def search(queries_BM: NDArray[np.float32]) -> NDArray[np.int64]:
            rows_BK: NDArray[np.int64] = searcher.search(queries_BM, K).rows_BK
            return rows_BK

        return search


@dataclass(frozen=True)
class Ours:
    """One of our kinds."""

    name: str
    package: str = "faiss"
    is_graph: bool = False

    @property
    def _kind(self) -> Any:
        return KINDS[self.name]

    def settings(self) -> Sequence[Setting]:
        if self.name.startswith("exact"):
            return [{}]
        depths = (self._kind.depth, 2 * self._kind.depth)
        probes = sorted({8, 16, 32, 64, 96, 128, self._kind.probes})
        return [{"probes": few, "depth": depth} for depth in depths for few in probes]

    def recipe(self, rows: int) -> str:
        return f"{self.name}, {SAMPLE_ROWS:,} sample rows, shards of {SHARD_ROWS:,} rows, faiss {faiss.__version__}"

    def build(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> None:
        faiss.omp_set_num_threads(threads)
        vectors_NM = mapped(vectors, rows)
        shared = folder / "shared"
        shared.mkdir()
        self._kind.train(sample(vectors_NM, SAMPLE_ROWS), rows=rows, folder=shared)
        for number, start in enumerate(range(0, rows, SHARD_ROWS)):
            shard = folder / "shards" / f"{number:05d}"
            shard.mkdir(parents=True)
            self._kind.write(vectors_NM[start : start + SHARD_ROWS], shard, shared)

    def open(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> OurSession:
        shards = sorted((folder / "shards").iterdir())
        return OurSession(self._kind, shards, folder / "shared", mapped(vectors, rows).shape[1], threads)

    def reads(self, vectors: Path, folder: Path) -> Sequence[Path]:
        return files(folder)
