"""FAISS as a team would use it without us: `index_factory`, and in one case a few lines that rank again.

Axes: B query, K hit, R candidate, M vector width, N row.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.search.systems.system import K, Search, Setting, blocks, files, mapped, sample

INDEX = "index.faiss"
POINTS_A_LIST = 40  # to train on; FAISS warns below 39
LINKS, EF_CONSTRUCTION = 32, 80  # of the graph


def lists(rows: int) -> int:
    """Inverted lists for so many rows, a power of two: 8,192 for six million, and enough points for each to train."""
    wanted, trained = round(math.log2(3.3 * rows**0.5)), int(math.log2(max(1, rows // POINTS_A_LIST)))
    return 1 << min(wanted, trained)


def train_and_add(index: Any, vectors_NM: NDArray[np.float16], *, train: bool = True) -> None:
    """Fills an index block by block."""
    if train:
        index.train(sample(vectors_NM, POINTS_A_LIST * lists(len(vectors_NM))))
    for _, block_NM in blocks(vectors_NM):
        index.add(block_NM)


@dataclass(frozen=True)
class FaissSession:
    """An index whose search takes one parameter."""

    index: Any
    threads: int

    def at(self, setting: Setting) -> Search:
        if "nprobe" in setting:
            self.index.nprobe = setting["nprobe"]
        else:
            self.index.hnsw.efSearch = setting["ef"]

        def search(queries_BM: NDArray[np.float32]) -> NDArray[np.int64]:
            faiss.omp_set_num_threads(self.threads)
            rows_BK: NDArray[np.int64] = self.index.search(queries_BM, K)[1]
            return rows_BK

        return search


@dataclass(frozen=True)
class IvfFlat:
    """Inverted lists of whole vectors in single precision."""

    name: str = "faiss-ivfflat"
    package: str = "faiss"
    is_graph: bool = False

    def settings(self) -> Sequence[Setting]:
        return [{"nprobe": probes} for probes in (2, 4, 8, 16, 32, 64, 128)]

    def recipe(self, rows: int) -> str:
        return f"IVF{lists(rows)},Flat, faiss {faiss.__version__}"

    def build(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> None:
        faiss.omp_set_num_threads(threads)
        vectors_NM = mapped(vectors, rows)
        index = faiss.index_factory(vectors_NM.shape[1], f"IVF{lists(rows)},Flat", faiss.METRIC_INNER_PRODUCT)
        train_and_add(index, vectors_NM)
        faiss.write_index(index, str(folder / INDEX))

    def open(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> FaissSession:
        return FaissSession(faiss.read_index(str(folder / INDEX)), threads)

    def reads(self, vectors: Path, folder: Path) -> Sequence[Path]:
        return files(folder)


@dataclass(frozen=True)
class HnswFlat:
    """A graph over whole vectors in single precision."""

    name: str = "faiss-hnswflat"
    package: str = "faiss"
    is_graph: bool = True

    def settings(self) -> Sequence[Setting]:
        return [{"ef": ef} for ef in (16, 32, 64, 128, 256, 512)]

    def recipe(self, rows: int) -> str:
        return f"M {LINKS}, efConstruction {EF_CONSTRUCTION}, faiss {faiss.__version__}"

    def build(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> None:
        faiss.omp_set_num_threads(threads)
        vectors_NM = mapped(vectors, rows)
        index = faiss.IndexHNSWFlat(vectors_NM.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = EF_CONSTRUCTION
        train_and_add(index, vectors_NM, train=False)
        faiss.write_index(index, str(folder / INDEX))

    def open(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> FaissSession:
        return FaissSession(faiss.read_index(str(folder / INDEX)), threads)

    def reads(self, vectors: Path, folder: Path) -> Sequence[Path]:
        return files(folder)


@dataclass(frozen=True)
class RefinedSession:
    """Candidates from codes, ranked again by the vectors in a mapped file."""

    index: Any
    vectors_NM: NDArray[np.float16]
    threads: int

    def at(self, setting: Setting) -> Search:
        self.index.nprobe = setting["nprobe"]
        depth, decoder = setting["rerank"], faiss.ScalarQuantizer(self.index.d, faiss.ScalarQuantizer.QT_fp16)
        codes_N2M = np.asarray(self.vectors_NM).view(np.uint8)

        def search(queries_BM: NDArray[np.float32]) -> NDArray[np.int64]:
            faiss.omp_set_num_threads(self.threads)
            _, rows_BR = self.index.search(queries_BM, depth)
            # FAISS decodes half precision many times faster than NumPy does.
            found_BRM = decoder.decode(codes_N2M[rows_BR.ravel()]).reshape(*rows_BR.shape, -1)
            scores_BR = np.einsum("bm,brm->br", queries_BM, found_BRM)
            scores_BR[rows_BR < 0] = -np.inf
            best_BK = np.argsort(-scores_BR, axis=1)[:, :K]
            rows_BK: NDArray[np.int64] = np.take_along_axis(rows_BR, best_BK, 1)
            return rows_BK

        return search


@dataclass(frozen=True)
class IvfPqRefine:
    """Four-bit codes in inverted lists, found through a graph of their centroids, and the mapped vectors."""

    name: str = "faiss-ivfpqfs-refine"
    package: str = "faiss"
    is_graph: bool = False

    def settings(self) -> Sequence[Setting]:
        return [{"nprobe": probes, "rerank": depth} for depth in (100, 200) for probes in (8, 16, 32, 64, 128)]

    def recipe(self, rows: int) -> str:
        return f"IVF{lists(rows)}_HNSW32,PQ(width/4)x4fs, faiss {faiss.__version__}"

    def build(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> None:
        faiss.omp_set_num_threads(threads)
        vectors_NM = mapped(vectors, rows)
        width = vectors_NM.shape[1]
        index = faiss.index_factory(width, f"IVF{lists(rows)}_HNSW32,PQ{width // 4}x4fs", faiss.METRIC_INNER_PRODUCT)
        train_and_add(index, vectors_NM)
        faiss.write_index(index, str(folder / INDEX))

    def open(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> RefinedSession:
        return RefinedSession(faiss.read_index(str(folder / INDEX)), mapped(vectors, rows), threads)

    def reads(self, vectors: Path, folder: Path) -> Sequence[Path]:
        return [*files(folder), vectors]
