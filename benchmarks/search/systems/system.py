"""The seam between the benchmark and what it measures.

Axes: B query, K hit, M vector width, N row.
"""

import importlib.metadata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

K = 10
BLOCK_ROWS = 2**16  # rows turned into single precision at once while building

Setting = Mapping[str, int]
Search = Callable[[NDArray[np.float32]], NDArray[np.int64]]  # queries [B, M] to rows [B, K], best first


class Session(Protocol):
    """An index that is open, with as many threads as it was opened with."""

    def at(self, setting: Setting) -> Search: ...


class System(Protocol):
    """A way to search; a process builds or searches with one at a time."""

    @property
    def name(self) -> str: ...

    @property
    def package(self) -> str: ...  # the module that it needs

    @property
    def is_graph(self) -> bool: ...  # such as keep whole vectors and their neighbours in memory

    def settings(self) -> Sequence[Setting]:
        """What its search parameter is swept over, the fastest first."""
        ...

    def recipe(self, rows: int) -> str:
        """What an index of so many rows is made with; another recipe makes another index."""
        ...

    def build(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> None:
        """Indexes the first rows of a file of unit vectors, float16 [N, M], into an empty folder."""
        ...

    def open(self, vectors: Path, folder: Path, *, rows: int, threads: int) -> Session: ...

    def reads(self, vectors: Path, folder: Path) -> Sequence[Path]:
        """The files that an open index stands on, the file of vectors included where it is read."""
        ...


def blocks(vectors_NM: NDArray[np.float16]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yields (first row's number, rows in single precision)."""
    for start in range(0, len(vectors_NM), BLOCK_ROWS):
        yield start, np.asarray(vectors_NM[start : start + BLOCK_ROWS], dtype=np.float32)


def mapped(vectors: Path, rows: int) -> NDArray[np.float16]:
    """The first rows of a file of vectors, which stay on the disk."""
    array: NDArray[Any] = np.load(vectors, mmap_mode="r")
    assert array.dtype == np.float16
    assert len(array) >= rows
    return array[:rows]


def sample(vectors_NM: NDArray[np.float16], rows: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Rows to train on, drawn from all; in their order, so that the disk is read forwards."""
    if rows >= len(vectors_NM):
        return vectors_NM.astype(np.float32)
    drawn = np.random.default_rng(seed).choice(len(vectors_NM), rows, replace=False)
    return vectors_NM[np.sort(drawn)].astype(np.float32)


def version(package: str) -> str:
    """A package as it is installed, with its version."""
    return f"{package} {importlib.metadata.version(package)}"


def files(folder: Path) -> list[Path]:
    """Every file below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
