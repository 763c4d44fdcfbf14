"""The best rough score in each group of rows, by torch's product or by one kernel of ours where that is quicker.

Axes: B query, C row of a chunk, L group, M vector width, N row.
"""

import importlib
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

GROUP = 16  # rows with one maximum
ALIGNED = 8  # queries: what tensor cores want their number to be a multiple of
TRIED = {1: 16, 17: 64}  # from how many queries on, and with how many it is tried
ROUNDS = 3


class GroupMaxima:
    """Compares queries with all rows, and keeps the best score of each group.

    Args:
        rows_NM: float16, whole groups.
        precision: what torch's product is made in. The kernel knows half precision alone.
        numbers: how many, of scores or of decoded rows, are held at once.
        slack: how far a rough score may lie from its exact one.

    Attributes:
        fused_from: for so many queries and more, the kernel is right and quicker here; None where it never is.
    """

    def __init__(self, rows_NM: Tensor, *, precision: torch.dtype, numbers: int, slack: float) -> None:
        self._rows_NM, self._precision, self._numbers = rows_NM, precision, numbers
        self.fused_from: int | None = None
        if precision == torch.float16:
            self.fused_from = _fused_from(rows_NM, self._by_product, slack)

    def __call__(self, units_BM: Tensor) -> Tensor:
        """Rough scores [B, L] of queries of length 1."""
        if self.fused_from is not None and len(units_BM) >= self.fused_from:
            return _kernel()(self._rows_NM, units_BM.half(), GROUP)
        return self._by_product(units_BM)

    def _by_product(self, units_BM: Tensor) -> Tensor:
        queries = len(units_BM)
        if self._precision == torch.float16:
            units_BM = F.pad(units_BM, (0, 0, 0, -queries % ALIGNED))
        units_MB = units_BM.to(self._precision).T
        best_LB = units_MB.new_empty(len(self._rows_NM) // GROUP, units_MB.shape[1])
        for chunk in self._chunks(units_MB.shape[1]):
            scores_CB = self._rows_NM[chunk].to(self._precision) @ units_MB
            groups = slice(chunk.start // GROUP, chunk.stop // GROUP)
            torch.amax(scores_CB.view(-1, GROUP, units_MB.shape[1]), dim=1, out=best_LB[groups])
        return best_LB[:, :queries].T

    def _chunks(self, queries: int) -> Iterator[slice]:
        """Whole groups, so many that neither their scores nor what is decoded of them takes more than it should."""
        numbers = queries if self._precision == torch.float16 else max(queries, self._rows_NM.shape[1])
        size = max(1, self._numbers // numbers // GROUP) * GROUP
        return (slice(start, min(start + size, len(self._rows_NM))) for start in range(0, len(self._rows_NM), size))


def _kernel() -> Callable[[Tensor, Tensor, int], Tensor]:
    """Raises ImportError where there is no Triton."""
    fused_maxima: Callable[[Tensor, Tensor, int], Tensor] = importlib.import_module(
        "indexer.kinds.gpu.fused_maxima"
    ).fused_maxima
    return fused_maxima


def _fused_from(rows_NM: Tensor, by_product: Callable[[Tensor], Tensor], slack: float) -> int | None:
    """Tries the kernel on the rows themselves; None away from NVIDIA's and AMD's GPUs, where there is no Triton."""
    if not _is_gpu(rows_NM) or len(rows_NM) == 0:
        return None
    try:
        kernel = _kernel()
        for least, queries in TRIED.items():
            units_BM = F.normalize(rows_NM[torch.arange(queries) % len(rows_NM)].float(), dim=1)
            fused = partial(kernel, rows_NM, units_BM.half(), GROUP)
            product = partial(by_product, units_BM)
            if ((fused().float() - product().float()).abs() > 2 * slack).any():
                return None
            if _seconds(fused, rows_NM.device) < _seconds(product, rows_NM.device):
                return least
    except Exception:  # noqa: BLE001 - a compiler at work: whatever it raises, torch's product is there
        return None
    return None


def _is_gpu(rows_NM: Tensor) -> bool:
    return rows_NM.device.type == "cuda"


def _seconds(work: Callable[[], Tensor], device: torch.device) -> float:
    """The least time of some rounds; both were made once before."""
    took = []
    for _ in range(ROUNDS):
        torch.cuda.synchronize(device)
        began = time.perf_counter()
        work()
        torch.cuda.synchronize(device)
        took.append(time.perf_counter() - began)
    return min(took)
