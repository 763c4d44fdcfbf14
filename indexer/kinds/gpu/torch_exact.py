"""Exact search in torch: half-precision rows spread over GPUs, or over whatever else torch computes on.

Reading the rows is what a search must do: 15.5 GB for 6,063,945 rows of width 1,280. All else is kept small against it:

1. Every row gets a rough score by a product in half precision, and only the best score of each 16 rows is kept. For 64
   queries the scores are 0.78 GB, written once and read once: 10% of the rows. (In single precision 20%; torch's top-k
   would read them three times and more.) The maxima are 0.05 GB, moved about five times until the best are found: 2%.
   Where one kernel that does both is quicker, the scores are never written (`indexer.kinds.gpu.group_maxima`).
2. The groups with the best maxima are looked at row by row, with the query as it came and sums in single precision:
   23 groups for k = 10, so 0.06 GB of rows, moved three times, and their products, 0.12 GB, moved twice: 3%.
3. What was not looked at has a rough maximum. Where it could, with all the rounding there is, reach the k-th score
   found, four times as many groups are looked at, in the end all. So the answer is exact, as FAISS's is.

By this count a batch of 64 costs 1.15 times the reading; starting kernels and waiting for them comes on top.

Axes: B query, C row of a chunk, K hit, L group, M vector width, N row of a part, R row looked at, W group looked at.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from indexer.kinds.among import Among
from indexer.kinds.gpu.group_maxima import GROUP, GroupMaxima
from indexer.kinds.gpu.spread import shares, spread
from indexer.kinds.kind import Hits
from indexer.kinds.order import best_first

QUERIES_AT_ONCE = 256  # for which the rows are read once
ALIGNED = 8  # numbers: what tensor cores want widths to be a multiple of
SPARE = 8  # groups looked at beside those that k and its half ask for
GPU_NUMBERS = 2**26  # of scores, or of products, at once: 128 or 256 MiB, in a few large kernels
CPU_NUMBERS = 2**20
LOOKED_SHARE = (
    8  # rows looked at take so many times the memory of a score, with their numbers and while they are sorted
)


class TorchExact:
    """Rows on devices, all searched at once. Safe on any thread: one search runs at a time.

    A second would read the same rows at the same bandwidth, and take as much memory again for its scores.

    Args:
        blocks: all rows in their order, float16 [N, M], finite; arrays or tensors.
        rows: how many there are.
        width: M.
        devices: where they go, each an equal share; a device may come twice.

    Raises:
        ValueError: the blocks hold another number of rows.
        RuntimeError: torch's own, such as for memory that is not there.
    """

    def __init__(
        self, blocks: Iterable[NDArray[np.float16] | Tensor], *, rows: int, width: int, devices: Sequence[torch.device]
    ) -> None:
        self._rows, self._width, self._lock = rows, width, threading.Lock()
        counts = shares(rows, len(devices), multiple=GROUP)
        parts = [_room(count, width, device) for count, device in zip(counts, devices, strict=True)]
        for part, first, piece_NM in spread(blocks, counts):
            parts[part][first : first + len(piece_NM), :width] = torch.as_tensor(piece_NM, device=parts[part].device)
        self._parts = [_Part(part_NM, count) for part_NM, count in zip(parts, counts, strict=True) if count]
        self._starts = np.cumsum([0, *(part.count for part in self._parts)])

    def __len__(self) -> int:
        return self._rows

    def search(self, queries_BM: NDArray[np.float32], k: int, *, among: Among | None = None) -> Hits:
        if len(queries_BM) == 0 or self._rows == 0:
            nothing = (len(queries_BM), 0)
            return best_first(np.empty(nothing, dtype=np.int64), np.empty(nothing, dtype=np.float32), k)
        queries_BM = np.ascontiguousarray(queries_BM, dtype=np.float32)
        with self._lock, torch.inference_mode():
            wanted = self._wanted(among)
            found = [self._best(queries_BM[some], k, wanted) for some in _slices(len(queries_BM), QUERIES_AT_ONCE)]
        rows_BR, scores_BR = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        return best_first(rows_BR, scores_BR, k)

    def vectors(self, rows_K: NDArray[np.int64]) -> NDArray[np.float32]:
        parts_K = np.searchsorted(self._starts, rows_K, side="right") - 1
        found_KM = np.empty((len(rows_K), self._width), dtype=np.float32)
        for part in np.unique(parts_K):
            places = np.flatnonzero(parts_K == part)
            found_KM[places] = self._parts[part].vectors(rows_K[places] - self._starts[part])[:, : self._width]
        return found_KM

    @property
    def fused_from(self) -> int | None:
        """For so many queries and more one kernel scores the rows of every device; None where it never does."""
        known = [part.maxima.fused_from for part in self._parts]
        return None if None in known else max((least for least in known if least is not None), default=None)

    def _wanted(self, among: Among | None) -> "list[_Wanted | None]":
        """For each part which of its rows may be found; None for all."""
        if among is None:
            return [None] * len(self._parts)
        each = zip(self._parts, self._starts.tolist(), strict=False)
        return [_Wanted(part, among.mask_N[start : start + part.count]) for part, start in each]

    def _best(
        self, queries_BM: NDArray[np.float32], k: int, wanted: "Sequence[_Wanted | None]"
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(rows, scores) of the k best of every part, one part after the other; row -1 where a part has fewer."""
        padding = (0, _padded(self._width) - self._width)
        queries = F.pad(torch.from_numpy(queries_BM), padding)
        each = zip(self._parts, wanted, strict=True)
        searches = [_PartSearch(part, queries, k, of_part) for part, of_part in each]
        found = [search.finish() for search in searches]  # all devices were set to work before one is waited for
        scores_BR = np.concatenate([scores_BK for _, scores_BK in found], axis=1)
        rows_BR = np.concatenate([rows_BK + start for (rows_BK, _), start in zip(found, self._starts, strict=False)], 1)
        return np.where(scores_BR == -np.inf, -1, rows_BR), scores_BR


def bytes_on_each(rows: int, width: int, devices: int) -> int:
    """What the rows take on the device that holds the most."""
    return 2 * _padded(width) * _padded(max(shares(rows, devices, multiple=GROUP)), GROUP)


def scratch_bytes(rows: int, devices: int) -> int:
    """What a search takes on a GPU beside the rows: products, and the maxima twice, as top-k turns them."""
    groups = _padded(max(shares(rows, devices, multiple=GROUP)), GROUP) // GROUP
    return 8 * GPU_NUMBERS + 2 * 2 * QUERIES_AT_ONCE * groups


class _Part:
    """Consecutive rows on one device, one or more, in whole groups.

    Attributes:
        rows_NM: the rows; the last group is filled up with its last row.
        count: how many rows there are without these.
        numbers: how many, of scores or products, are held at once.
        slack: how far a rough score of a query of length 1 may lie from its exact one.
        maxima: finds the best rough score in each group.
    """

    def __init__(self, rows_NM: Tensor, count: int) -> None:
        self.rows_NM, self.count = rows_NM, count
        precision = _rough_precision(rows_NM.device)
        self.numbers = CPU_NUMBERS if rows_NM.device.type == "cpu" else GPU_NUMBERS
        rows_NM[count:] = rows_NM[count - 1]
        decoded = max(1, self.numbers // rows_NM.shape[1])
        longest = max(float(rows_NM[some].float().norm(dim=1).max()) for some in _slices(len(rows_NM), decoded))
        # The query, the parts of a sum that was split, and the score are each rounded to half precision, which takes
        # 2^-11 of their size at most; the rough and the exact sum lose 2^-24 with every number at most.
        rounding = 3 * 2.0**-11 if precision == torch.float16 else 0.0
        self.slack = longest * (rounding + 2.0**-23 * rows_NM.shape[1])
        self.maxima = GroupMaxima(rows_NM, precision=precision, numbers=self.numbers, slack=self.slack)

    @property
    def groups(self) -> int:
        return len(self.rows_NM) // GROUP

    def scores(self, queries_BM: Tensor, rows_BR: Tensor) -> Tensor:
        """Inner products in single precision, [B, R].

        Each is a sum along the innermost axis, which is made alike for every row: equal rows get equal scores.
        """
        scores_BR = queries_BM.new_empty(rows_BR.shape)
        rows_at_once = max(1, self.numbers // queries_BM.shape[1])
        for few in _slices(rows_BR.shape[1], rows_at_once):
            for some in _slices(len(rows_BR), max(1, rows_at_once // rows_BR.shape[1])):
                scores_BR[some, few] = (self.rows_NM[rows_BR[some, few]] * queries_BM[some, None]).sum(-1)
        return scores_BR

    def vectors(self, rows_K: NDArray[np.int64]) -> NDArray[np.float32]:
        """Decoded, [K, M], with the padding of their width."""
        asked_K = torch.from_numpy(rows_K).to(self.rows_NM.device)
        found_KM: NDArray[np.float32] = self.rows_NM[asked_K].cpu().float().numpy()
        return found_KM


class _Wanted:
    """Which rows of a part may be found. The best rough score of a group bounds those of its rows that may, too; a
    group without any is not looked at.

    Attributes:
        left_out_N: rows that may not, those that fill up the last group with them.
        empty_L: groups of such rows alone.
    """

    def __init__(self, part: _Part, mask_N: NDArray[np.bool_]) -> None:
        filled_N = np.zeros(len(part.rows_NM), dtype=np.bool_)
        filled_N[: part.count] = mask_N
        self.left_out_N = ~torch.from_numpy(filled_N).to(part.rows_NM.device)
        self.empty_L = self.left_out_N.view(-1, GROUP).all(1)


class _PartSearch:
    """The k best rows of one part. Sets the device to work without waiting for it.

    Args:
        queries_BM: on the CPU, padded as the part's rows are.
        wanted: which rows may be found; None for all.
    """

    def __init__(self, part: _Part, queries_BM: Tensor, k: int, wanted: _Wanted | None) -> None:
        self._part, self._k, self._wanted = part, k, wanted
        self._groups = k + k // 2 + SPARE
        self._queries_BM = queries_BM.to(part.rows_NM.device)
        self._lengths_B = self._queries_BM.norm(dim=1)
        units_BM = self._queries_BM / self._lengths_B.clamp(min=torch.finfo(torch.float32).tiny)[:, None]
        self._maxima_BL = part.maxima(units_BM)
        if wanted is not None:
            self._maxima_BL = self._maxima_BL.masked_fill(wanted.empty_L, -torch.inf)
        found = [self._look(some) for some in _slices(len(queries_BM), self._queries_at_once())]
        self._found = [torch.cat(tensors) for tensors in zip(*found, strict=True)]

    def finish(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Waits for the device; (rows, scores), [B, K], best first; a score of -inf where the part has fewer rows."""
        rows_BK, scores_BK, sure_B = self._found
        while not sure_B.all():
            self._groups *= 4
            unsure = torch.nonzero(~sure_B)[:, 0]
            for some in _slices(len(unsure), self._queries_at_once()):
                rows_BK[unsure[some]], scores_BK[unsure[some]], sure_B[unsure[some]] = self._look(unsure[some])
        return rows_BK.cpu().numpy(), scores_BK.cpu().numpy()

    def _queries_at_once(self) -> int:
        looked = min(self._groups, self._part.groups) * GROUP
        return max(1, self._part.numbers // LOOKED_SHARE // looked)

    def _look(self, some: Tensor | slice) -> tuple[Tensor, Tensor, Tensor]:
        """(rows [B, K], scores [B, K], whether no other row can be among them [B]) for some of the queries."""
        part, queries_BM, maxima_BL = self._part, self._queries_BM[some], self._maxima_BL[some]
        looked = min(self._groups, part.groups)
        best = maxima_BL.topk(min(looked + 1, part.groups), dim=1)
        chosen_BW = best.indices[:, :looked].sort(dim=1).values  # so that a stable sort leaves the lower row first
        rows_BR = (chosen_BW[:, :, None] * GROUP + torch.arange(GROUP, device=chosen_BW.device)).flatten(1)
        left_out_BR = rows_BR >= part.count if self._wanted is None else self._wanted.left_out_N[rows_BR]
        scores_BR = part.scores(queries_BM, rows_BR).masked_fill(left_out_BR, -torch.inf)
        scores_BR, order_BR = scores_BR.sort(dim=1, descending=True, stable=True)
        rows_BK, scores_BK = rows_BR.gather(1, order_BR[:, : self._k]), scores_BR[:, : self._k]
        if looked == part.groups:
            return rows_BK, scores_BK, torch.ones_like(scores_BK[:, 0], dtype=torch.bool)
        next_B = best.values[:, looked].float()  # minus infinity where no other group has a row that may be found
        reach_B = (next_B + part.slack) * self._lengths_B[some]
        return rows_BK, scores_BK, (reach_B < scores_BK[:, -1]) | (next_B == -torch.inf)


def _rough_precision(device: torch.device) -> torch.dtype:
    """What the product is made in. Few CPUs multiply in half precision, and then not all sum up in more."""
    return torch.float32 if device.type == "cpu" else torch.float16


def _room(count: int, width: int, device: torch.device) -> Tensor:
    return torch.zeros(_padded(count, GROUP), _padded(width), dtype=torch.float16, device=device)


def _padded(count: int, multiple: int = ALIGNED) -> int:
    return -(-count // multiple) * multiple


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
