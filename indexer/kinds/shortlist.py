"""A shortlist for several queries at once: the rows that one byte a number cannot rule out.

FAISS reads all rows anew for each query of a batch. A product of bytes reads them once for all, at half the size, and
its error is bounded; the few rows within that bound of the best are then compared as they are. So an exact search that
looks at the shortlist alone finds what it would have found among all rows.

The bound: a row x is step * bytes + e in each dimension, and step times a query, q', is scale * bytes + d. Then their
score differs from scale * (product of the bytes) by |q| |e| + |d| |bytes of the row| at most (Cauchy-Schwarz).

Axes: B query, G group of rows, K hit, M vector width, N row, S row of a group.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.kinds.among import Among

LARGEST = 127  # what a byte holds; -128 is left out, so that every number has its negative
LOWEST = np.iinfo(np.int32).min
GROUP = 32  # rows with one maximum
LEAST_ROWS = 64 * GROUP  # of which FAISS reads all as quickly
LEAST_WIDTH = 16  # of less there is little to gain; and of width 1 torch 2.13 makes wrong products of bytes
SCORES_AT_ONCE = 2**23
NUMBERS_AT_ONCE = 2**20  # of rows that are rounded
MOST_SHARE = 0.25  # of the rows, beyond which there is no point in it
# Instructions that sum products of bytes without cutting them off at 16 bits.
NEEDED = ("avx512_vnni", "avx_vnni", "amx_int8")


class Shortlist:
    """The rows in bytes, N x M. Safe on any thread.

    Args:
        blocks: all rows in their order, [N, M] in all, float16, finite.
        rows, width: N and M.
        threads: how many threads one product may take.
    """

    def __init__(self, blocks: Iterable[NDArray[np.float16]], *, rows: int, width: int, threads: int = 1) -> None:
        self._threads = threads
        blocks = [some_NM for block_NM in blocks for some_NM in _slices(block_NM)]  # views of what is mapped
        ranges_M = np.zeros(width, dtype=np.float32)
        for block_NM in blocks:
            np.maximum(ranges_M, np.abs(block_NM).max(axis=0, initial=0), out=ranges_M)
        self._step_M = np.where(ranges_M > 0, ranges_M, 1) / LARGEST
        self._count, self._groups = rows, -(-rows // GROUP)
        bytes_NM = np.zeros((GROUP * self._groups, width), dtype=np.int8)
        error = longest = most = 0.0
        start = 0
        for block_NM in blocks:
            rounded_NM = np.rint(block_NM / self._step_M)
            bytes_NM[start : start + len(block_NM)] = rounded_NM
            error = max(error, _longest(block_NM - rounded_NM * self._step_M))
            longest = max(longest, _longest(block_NM.astype(np.float64)))
            most = max(most, _longest(rounded_NM))
            start += len(block_NM)
        self._bytes_NM = torch.from_numpy(bytes_NM)
        self._longest_bytes = most
        # FAISS, too, rounds, and what is above was rounded: at each of M sums by 2^-24 of what a score can be, at most.
        self._error = error + 2.0**-23 * width * longest

    def rows(self, queries_BM: NDArray[np.float32], k: int, among: Among | None = None) -> NDArray[np.int64] | None:
        """The rows, ascending, among which are the k best of each query, and all that score as the k-th of them does.
        Of those alone that may be found, where `among` says which.

        None where they would be too many to be of use, or k is large beside the number of rows.
        """
        torch.set_num_threads(self._threads)
        left_out_N = None if among is None else torch.from_numpy(~among.mask_N)
        at_once = max(1, SCORES_AT_ONCE // self._count)
        found: list[NDArray[np.int64]] = []
        for start in range(0, len(queries_BM), at_once):
            some = self._listed(queries_BM[start : start + at_once].astype(np.float64), k, left_out_N)
            if some is None:
                return None
            found.append(some)
        rows = np.unique(np.concatenate(found))
        return rows if len(rows) <= MOST_SHARE * self._count else None

    def _listed(
        self, queries_BM: NDArray[np.float64], k: int, left_out_N: torch.Tensor | None
    ) -> NDArray[np.int64] | None:
        scaled_BM = queries_BM * self._step_M
        scale_B = np.maximum(np.abs(scaled_BM).max(axis=1), np.finfo(np.float64).tiny) / LARGEST
        rounded_BM = np.rint(scaled_BM / scale_B[:, None])
        lost_B = np.linalg.norm(scaled_BM - rounded_BM * scale_B[:, None], axis=1)
        slack_B = np.linalg.norm(queries_BM, axis=1) * self._error + lost_B * self._longest_bytes
        if k > self._groups:
            return None
        with torch.inference_mode():
            scores_BN = torch._int_mm(torch.from_numpy(rounded_BM.astype(np.int8)), self._bytes_NM.T)
            scores_BN[:, self._count :] = LOWEST  # which are no rows, but fill up the groups
            if left_out_N is not None:
                scores_BN[:, : self._count].masked_fill_(left_out_N, LOWEST)
            # A group's rows lie far from one another, so that their maxima are those of whole stretches of memory.
            grouped_BSG = scores_BN.view(-1, GROUP, self._groups)
            best_BG = grouped_BSG.amax(1)
            # k rows score that much at least. What could score as they do lies within twice the slack: theirs, and its.
            kth_B = best_BG.topk(k, dim=1).values[:, -1].numpy()
            floor_B = np.floor(kth_B - 2 * slack_B / scale_B)
            floor_B1 = torch.from_numpy(np.maximum(floor_B, LOWEST + 1).astype(np.int32))[:, None]
            queries, chosen = torch.nonzero(best_BG >= floor_B1, as_tuple=True)
            if len(chosen) > 2 * MOST_SHARE * best_BG.numel():  # of whose rows not all are listed
                return None
            pairs, places = torch.nonzero(grouped_BSG[queries, :, chosen] >= floor_B1[queries], as_tuple=True)
            rows: NDArray[np.int64] = (places * self._groups + chosen[pairs]).numpy()
            return rows


def pays(*, rows: int, width: int) -> bool:
    """Whether this processor multiplies bytes, and FAISS does not read all rows as quickly."""
    # torch before 2.12 cannot say what the processor has.
    has: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(has.get(name) for name in NEEDED) and rows >= LEAST_ROWS and width >= LEAST_WIDTH


def _slices(block_NM: NDArray[np.float16]) -> Iterator[NDArray[np.float16]]:
    size = max(1, NUMBERS_AT_ONCE // block_NM.shape[1])
    return (block_NM[start : start + size] for start in range(0, len(block_NM), size))


def _longest(vectors_NM: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(vectors_NM, axis=1).max(initial=0.0))
