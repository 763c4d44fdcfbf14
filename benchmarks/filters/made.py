"""Vectors that are made up in minutes, and filters over them.

Axes: N row, Q query, M vector width, T text.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.search.vectors import ROWS_A_TEXT, mixtures, write_rows
from indexer.arrays import read_array

SEED = 20261130
GROUPS, SPREAD = 2000, 0.8  # of made-up texts: what they are about, and how far from it they lie


def made_vectors(folder: Path, rows: int, width: int) -> Path:
    """The rows' file, [N, M] in half precision; made if it is not there. A run that was stopped goes on."""
    path = folder / "vectors.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_rows(_texts(rows, width).astype(np.float16), path, rows=rows, seed=SEED)
    return path


def made_queries(rows: int, width: int, count: int) -> NDArray[np.float32]:
    """[Q, M], mixed of the same texts as the rows, and none of them."""
    numbers_Q = np.arange(count) * ROWS_A_TEXT + 1  # of which none is a text itself
    return mixtures(_texts(rows, width), numbers_Q, np.random.default_rng([SEED, 2**31]))


def _texts(rows: int, width: int) -> NDArray[np.float32]:
    """Unit vectors [T, M] in groups, whose numbers fall off as the components of real ones do."""
    random = np.random.default_rng(SEED)
    falling_M = (np.arange(1, width + 1, dtype=np.float32) ** -0.5)[None]
    centres = random.standard_normal((GROUPS, width), dtype=np.float32) * falling_M
    count = -(-rows // ROWS_A_TEXT)
    texts_TM = centres[random.integers(0, GROUPS, count)]
    texts_TM += SPREAD * random.standard_normal((count, width), dtype=np.float32) * falling_M
    texts_TM /= np.linalg.norm(texts_TM, axis=1, keepdims=True)
    return texts_TM


def _at_random(vectors_NM: NDArray[np.float16], share: float) -> NDArray[np.bool_]:
    """Rows that have nothing else in common, as a tag for a source."""
    return np.random.default_rng(SEED).random(len(vectors_NM)) < share


def _alike(vectors_NM: NDArray[np.float16], share: float) -> NDArray[np.bool_]:
    """Rows on one side of the space, as a tag for birds: most queries are about others, whose lists hold few."""
    direction_M = np.random.default_rng(SEED).standard_normal(vectors_NM.shape[1])
    size = 2**16
    parts = [vectors_NM[start : start + size] @ direction_M for start in range(0, len(vectors_NM), size)]
    scores_N = np.concatenate(parts)
    mask_N: NDArray[np.bool_] = scores_N >= np.quantile(scores_N, 1 - share)
    return mask_N


FILTERS: Mapping[str, Callable[[NDArray[np.float16], float], NDArray[np.bool_]]] = {
    "at random": _at_random,
    "alike": _alike,
}


def mapped(path: Path) -> NDArray[np.float16]:
    """The rows, mapped."""
    return read_array(path, np.float16, axes=2)
