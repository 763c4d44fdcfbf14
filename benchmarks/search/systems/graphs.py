"""Graph libraries of their own: hnswlib (single precision) and usearch (half precision)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.search.systems.system import K, Search, Setting, blocks, files, mapped, version

INDEX = "index.graph"
EFS = (16, 32, 64, 128, 256, 512)


@dataclass(frozen=True)
class HnswlibSession:
    """An open hnswlib index."""

    index: Any
    threads: int

    def at(self, setting: Setting) -> Search:
        self.index.set_ef(setting["ef"])

        def search(queries_BM: NDArray[np.float32]) -> NDArray[np.int64]:
            rows_BK, _ = self.index.knn_query(queries_BM, k=K, num_threads=self.threads)
            return np.asarray(rows_BK, dtype=np.int64)

        return search


@dataclass(frozen=True)
class Hnswlib:
    """hnswlib with the parameters of its README."""

    name: str = "hnswlib"
    package: str = "hnswlib"
    is_graph: bool = True

    def settings(self) -> Sequence[Setting]:
        return [{"ef": ef} for ef in EFS]

    def recipe(self, rows: int) -> str:
        return f"{version('hnswlib')}, M 16, ef_construction 200"

    def build(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> None:
        import hnswlib

        vectors_NM = mapped(vectors, rows)
        index = hnswlib.Index(space="ip", dim=vectors_NM.shape[1])
        index.init_index(max_elements=rows, ef_construction=200, M=16)
        for start, block_NM in blocks(vectors_NM):
            index.add_items(block_NM, np.arange(start, start + len(block_NM)), num_threads=threads)
        index.save_index(str(folder / INDEX))

    def open(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> HnswlibSession:
        import hnswlib

        index = hnswlib.Index(space="ip", dim=mapped(vectors, rows).shape[1])
        index.load_index(str(folder / INDEX))
        return HnswlibSession(index, threads)

    def reads(self, vectors: Path, folder: Path) -> Sequence[Path]:
        return files(folder)


@dataclass(frozen=True)
class UsearchSession:
    """An open usearch index."""

    index: Any
    threads: int

    def at(self, setting: Setting) -> Search:
        self.index.expansion_search = setting["ef"]

        def search(queries_BM: NDArray[np.float32]) -> NDArray[np.int64]:
            found = self.index.search(queries_BM, K, threads=self.threads)
            return np.asarray(found.keys, dtype=np.int64).reshape(len(queries_BM), -1)  # one query gives one axis

        return search


@dataclass(frozen=True)
class Usearch:
    """usearch with its own defaults, which keep half precision."""

    name: str = "usearch"
    package: str = "usearch"
    is_graph: bool = True

    def settings(self) -> Sequence[Setting]:
        return [{"ef": ef} for ef in EFS]

    def recipe(self, rows: int) -> str:
        return f"{version('usearch')}, f16, connectivity 16, expansion_add 128"

    def build(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> None:
        from usearch.index import Index

        vectors_NM = mapped(vectors, rows)
        index = Index(ndim=vectors_NM.shape[1], metric="ip", dtype="f16", connectivity=16, expansion_add=128)
        for start, block_NM in blocks(vectors_NM):
            index.add(np.arange(start, start + len(block_NM)), block_NM, threads=threads)
        index.save(str(folder / INDEX))

    def open(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> UsearchSession:
        from usearch.index import Index

        return UsearchSession(Index.restore(str(folder / INDEX)), threads)

    def reads(self, vectors: Path, folder: Path) -> Sequence[Path]:
        return files(folder)
