"""What an exact search finds.

Axes: N row, Q query, M vector width, K hit.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from indexer.arrays import read_array

BLOCK_ROWS = 2**16


@dataclass(frozen=True)
class Truth:
    """The K best rows of each query, best first, and their inner products."""

    rows_QK: NDArray[np.int64]
    scores_QK: NDArray[np.float32]


def nearest(queries_QM: NDArray[np.float32], rows_NM: NDArray[np.float16], k: int) -> Truth:
    """Compares all with all in float32, a block of rows at a time."""
    queries = torch.from_numpy(queries_QM)
    scores_QK = torch.empty(len(queries), 0)
    rows_QK = torch.empty(len(queries), 0, dtype=torch.int64)
    for start in tqdm(range(0, len(rows_NM), BLOCK_ROWS), unit=" blocks", desc="Exact search", leave=False):
        block_NM = torch.from_numpy(np.array(rows_NM[start : start + BLOCK_ROWS])).float()
        best_QK, found_QK = torch.topk(queries @ block_NM.T, min(k, len(block_NM)))
        scores_QK, order_QK = torch.topk(
            torch.cat([scores_QK, best_QK], 1), min(k, scores_QK.shape[1] + best_QK.shape[1])
        )
        rows_QK = torch.cat([rows_QK, found_QK + start], 1).gather(1, order_QK)
    return Truth(rows_QK.numpy(), scores_QK.numpy())


def kept_truth(queries_QM: NDArray[np.float32], rows_NM: NDArray[np.float16], k: int, folder: Path) -> Truth:
    """`nearest`, from the disk where it was found before for this folder's vectors and as many rows."""
    rows = truth_path(folder, len(rows_NM), k)
    scores = rows.with_name(f"{rows.stem}-scores.npy")
    if not rows.exists():
        found = nearest(queries_QM, rows_NM, k)
        for path, array in ((scores, found.scores_QK), (rows, found.rows_QK)):
            partial = path.with_suffix(".partial.npy")
            np.save(partial, array)
            partial.replace(path)
    return Truth(np.array(read_array(rows, np.int64, axes=2)), np.array(read_array(scores, np.float32, axes=2)))


def truth_path(folder: Path, rows: int, k: int) -> Path:
    """The file of the best rows, int64 [Q, K], that `kept_truth` leaves."""
    return folder / f"truth-{rows}-{k}.npy"
