"""Indexes of every kind, made of vectors that were made up."""

from collections.abc import Callable, Sequence
from pathlib import Path

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.kinds.kind import IndexKind, Searcher


@pytest.fixture(autouse=True)
def _one_thread():
    faiss.omp_set_num_threads(1)


@pytest.fixture(scope="session")
def fill() -> Callable[..., list[Path]]:
    """Trains a kind on all rows, and writes shards of the sizes given and of the rest; FOLDER/shared is theirs."""

    def fill(kind: IndexKind, folder: Path, rows_NM: NDArray[np.float16], sizes: Sequence[int] = ()) -> list[Path]:
        (folder / "shared").mkdir(parents=True)
        kind.train(rows_NM.astype(np.float32), rows=len(rows_NM), folder=folder / "shared")
        shards = []
        for number, part_NM in enumerate(np.split(rows_NM, np.cumsum(sizes, dtype=int))):
            shards.append(folder / f"{number:05d}")
            shards[-1].mkdir()
            kind.write(part_NM, shards[-1], folder / "shared")
        return shards

    return fill


@pytest.fixture(scope="session")
def make(fill: Callable[..., list[Path]]) -> Callable[..., Searcher]:
    """The same, opened."""

    def make(kind: IndexKind, folder: Path, rows_NM: NDArray[np.float16], sizes: Sequence[int] = ()) -> Searcher:
        return kind.open(fill(kind, folder, rows_NM, sizes), folder / "shared", width=rows_NM.shape[1])

    return make


@pytest.fixture(scope="session")
def texts() -> Callable[[int, int, int], NDArray[np.float16]]:
    """(seed, count, width) -> unit vectors that lie together in groups of different sizes, as those of texts do."""

    def texts(seed: int, count: int, width: int) -> NDArray[np.float16]:
        centres = np.random.default_rng(0).normal(size=(40, width))
        random = np.random.default_rng(seed)
        group = np.minimum(random.geometric(0.08, size=count) - 1, len(centres) - 1)
        rows_NM = centres[group] + 0.7 * random.normal(size=(count, width))
        return (rows_NM / np.linalg.norm(rows_NM, axis=1, keepdims=True)).astype(np.float16)

    return texts
